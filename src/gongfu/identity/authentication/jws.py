"""Compact signed statements: JWS with Ed25519. Pure.

RFC 7515 (JWS, compact serialisation), RFC 8037 (EdDSA in JOSE), RFC 7517 and 7638 (keys and their names).
Only ``alg`` EdDSA is understood, only the named key is tried, and nothing in a header is obeyed beyond ``kid``.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gongfu.identity.authentication.errors import ForeignProof, ForgedProof, NoProof
from gongfu.kernel.i18n import mark

ALGORITHM = "EdDSA"
MAX_LENGTH = 8_192
"""Characters of a statement."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands before the statement; a statement with ``crit`` asks for what nobody here knows."""

    alg: str
    kid: str = ""
    typ: str = ""
    crit: list[str] = []


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A public key as JWK (RFC 8037 §2)."""

    kty: str = "OKP"
    crv: str = "Ed25519"
    x: str
    kid: str
    use: str = "sig"
    alg: str = ALGORITHM


class KeySet(msgspec.Struct, frozen=True):
    """Keys as they are published (RFC 7517 §5)."""

    keys: list[Key]


def sign(payload: bytes, private: Ed25519PrivateKey, *, kind: str) -> str:
    """``payload`` signed, in compact form; ``kind`` is the header's ``typ``."""
    header = msgspec.json.encode(Header(alg=ALGORITHM, kid=name_of(private.public_key()), typ=kind))
    signed = f"{encode(header)}.{encode(payload)}"
    return f"{signed}.{encode(private.sign(signed.encode()))}"


def verify(text: str, keys: Mapping[str, Ed25519PublicKey], *, kind: str) -> bytes:
    """The payload of ``text`` if one of ``keys`` (by their names) signed it.

    Raises :class:`NoProof`, :class:`ForeignProof`, :class:`ForgedProof`.
    """
    header, payload, signature = _parts(text)
    if header.alg != ALGORITHM or header.typ != kind or header.crit:
        raise NoProof(mark("This is signed, but it is no proof of an identifier."))
    key = keys.get(header.kid)
    if key is None:
        raise ForeignProof(
            mark("The proof is signed with a key this node does not know."),
            remedy=mark(
                "Check it at the node that issued it, named in the proof; trust that name only if you know it."
            ),
            kid=header.kid[:64],
        )
    try:
        key.verify(signature, text.rpartition(".")[0].encode())
    except InvalidSignature as error:
        raise ForgedProof(
            mark("The signature is wrong: the proof was changed, or somebody made it up."),
            remedy=mark("Do not rely on it. Scan the code again, or look the identifier up."),
        ) from error
    return payload


def unverified(text: str) -> bytes:
    """The payload of ``text``, whoever signed it: to show who claims to have; raises :class:`NoProof`."""
    return _parts(text)[1]


def name_of(public: Ed25519PublicKey) -> str:
    """Name of a key: its thumbprint (RFC 7638 §3, RFC 8037 §2)."""
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{encode(_raw(public))}"}}'
    return encode(hashlib.sha256(canonical.encode()).digest())


def key(public: Ed25519PublicKey) -> Key:
    """``public`` as others read it."""
    return Key(x=encode(_raw(public)), kid=name_of(public))


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _raw(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _parts(text: str) -> tuple[Header, bytes, bytes]:
    if len(text) > MAX_LENGTH or _TOKEN.fullmatch(text) is None:
        raise _no_proof()
    try:
        header, payload, signature = (_decode(part) for part in text.split("."))
        return msgspec.json.decode(header, type=Header), payload, signature
    except (ValueError, msgspec.DecodeError) as error:
        raise _no_proof() from error


def _decode(part: str) -> bytes:
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if encode(data) != part:  # a second spelling of the same octets
        raise ValueError(part)
    return data


def _no_proof() -> NoProof:
    return NoProof(
        mark("These characters are no proof."),
        remedy=mark("Copy all of it, or scan the code again; it has three parts."),
    )

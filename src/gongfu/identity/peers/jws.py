"""Detached JSON Web Signatures over the body of a request or its answer. Pure.

RFC 7515 appendix F (detached content), RFC 8037 (EdDSA with Ed25519), RFC 7638 (key thumbprint as ``kid``); the
protected header carries ``url`` and ``nonce`` as RFC 8555 §6.4 and §6.5 use them, ``iat`` (Unix seconds) and ``aud``,
the thumbprint of the key of the node it is meant for, so that what one node was sent cannot be shown to another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gongfu.identity.peers.errors import NotSigned
from gongfu.kernel.i18n import mark

HEADER = "Gongfu-Signature"
"""HTTP header that carries the signature."""
ALGORITHM = "EdDSA"
_LONGEST = 4096
_BASE64 = re.compile(r"[A-Za-z0-9_-]*")


class Protected(msgspec.Struct, frozen=True, kw_only=True):
    """The protected header."""

    alg: str
    kid: str
    aud: str
    iat: int
    nonce: str
    url: str


@dataclass(frozen=True, slots=True)
class Detached:
    """A signature as it was read, not yet verified."""

    header: Protected
    protected: bytes
    """The header as it was signed."""
    signature: bytes


def encode64(octets: bytes) -> str:
    """Base64url without padding, RFC 7515 §2."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode64(text: str) -> bytes:
    """Raises :class:`ValueError` for what is not base64url without padding."""
    if not _BASE64.fullmatch(text):
        raise ValueError("not base64url")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error


def thumbprint(public: bytes) -> str:
    """Name of an Ed25519 key, RFC 7638 and RFC 8037 §2."""
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{encode64(public)}"}}'
    return encode64(hashlib.sha256(canonical.encode()).digest())


def sign(key: Ed25519PrivateKey, header: Protected, body: bytes) -> str:
    """The detached compact serialisation: header, nothing, signature."""
    protected = encode64(msgspec.json.encode(header))
    return f"{protected}..{encode64(key.sign(_input(protected.encode(), body)))}"


def read(text: str) -> Detached:
    """Take a signature apart; raises :class:`NotSigned`."""
    try:
        if len(text) > _LONGEST:
            raise ValueError("too long")
        protected, payload, signature = text.split(".")
        if payload:
            raise ValueError("not detached")
        header = msgspec.json.decode(decode64(protected), type=Protected)
        if header.alg != ALGORITHM:
            raise ValueError(f"algorithm {header.alg[:20]}")
        return Detached(header, protected.encode(), decode64(signature))
    except (ValueError, msgspec.MsgspecError) as error:
        raise NotSigned(
            mark("The signature cannot be read: {reason}."),
            remedy=mark("Send a detached JWS with EdDSA in the header {header}."),
            reason=error,
            header=HEADER,
        ) from error


def verify(detached: Detached, public: bytes, body: bytes) -> None:
    """Raises :class:`NotSigned` unless ``public`` signed this header with this body."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(detached.signature, _input(detached.protected, body))
    except (InvalidSignature, ValueError) as error:
        raise NotSigned(
            mark("The signature does not fit the content and the key {kid}."),
            remedy=mark(
                "The key pinned at pairing must be the one that signs; pair the nodes again if it was renewed."
            ),
            kid=thumbprint(public),
        ) from error


def _input(protected: bytes, body: bytes) -> bytes:
    return protected + b"." + encode64(body).encode()

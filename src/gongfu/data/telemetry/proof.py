"""The record of an erasure: what was counted before and after, signed with the node's own key. Pure."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.secrets import secret


class Counted(msgspec.Struct, frozen=True):
    """Rows of one table that the erasure concerns; ``digest`` is a sum over all of them, the same in any order."""

    table: str
    before: int
    after: int
    digest: str


class Proof(msgspec.Struct, frozen=True):
    """What was deleted, on whose word, and what is left. Times are ISO 8601 UTC."""

    node: str
    organisation: str
    erasure: int
    series: list[int]
    since: str
    until: str
    reason: str
    actor: str
    begun: str
    done: str
    counted: list[Counted]
    remarks: list[str]


class Signed(msgspec.Struct, frozen=True):
    """A proof, the public key (hex) and the Ed25519 signature (hex, RFC 8032) over the proof's canonical JSON."""

    proof: Proof
    key: str
    signature: str


def canonical(proof: Proof) -> bytes:
    """The octets that are signed: JSON with sorted keys, no spaces, UTF-8."""
    return msgspec.json.encode(proof, order="sorted")


def sign(proof: Proof, home: Path) -> str:
    """JSON of the :class:`Signed` proof."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret(home, "erasure-proof").encode()).digest())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return msgspec.json.encode(Signed(proof, public.hex(), key.sign(canonical(proof)).hex()), order="sorted").decode()


def verify(text: str | bytes, key: str = "") -> Proof:
    """The proof in ``text``; ``key`` (hex) is the node's, when it is known otherwise. Raises :class:`Invalid`."""
    try:
        signed = msgspec.json.decode(text, type=Signed)
        if key and signed.key != key:
            raise Invalid(mark("The proof is signed by another node."))
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.key)).verify(
            bytes.fromhex(signed.signature), canonical(signed.proof)
        )
    except (msgspec.DecodeError, ValueError, InvalidSignature) as error:
        raise Invalid(mark("This is no proof of an erasure, or it was changed.")) from error
    return signed.proof


def public_key(home: Path) -> str:
    """The node's key, hex: what others need to check its proofs."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret(home, "erasure-proof").encode()).digest())
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

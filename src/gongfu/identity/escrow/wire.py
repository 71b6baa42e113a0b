"""The format of an escrow and the messages that upload it. Pure.

An escrow is a *series* of numbered *sets*, each a directory: ``manifest.json``, ``manifest.jws`` and chunks. A set is a
snapshot (every record, prefix by prefix, in key order) or an increment (every change since the set before).

- Chunk: :class:`Chunk` as MessagePack, compressed by zlib (RFC 1950), encrypted by AES-256-GCM under the set's data
  key; nonce: the chunk's number as 12 octets; associated data: ``<series>/<set>/<chunk>``. A data key is for one set.
- Data key: 32 random octets, wrapped for each recipient: an ephemeral X25519 key agrees with the recipient's
  (RFC 7748), HKDF-SHA256 (RFC 5869; salt: both public keys, info: :data:`INFO`) makes a key that encrypts it by
  AES-256-GCM with a zero nonce (each such key is used once); associated data: ``<series>/<set>``.
- Manifest: names sizes and SHA-256 of all chunks and the SHA-256 of the manifest before; signed by the node
  (detached JWS).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta

from gongfu.identity.escrow.errors import Damaged, WrongKey
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

BEGIN_PATH = "/api/v1/identity/escrow/sets"
CHUNK_PATH = "/api/v1/identity/escrow/chunks"
FORMAT = 1
INFO = b"gongfu escrow 1"
LARGEST_CHUNK = 3 * 1024 * 1024
"""Octets of an encrypted chunk that a node takes."""
LARGEST_PLAIN = 64 * 1024 * 1024
"""Octets a chunk may grow to when it is unpacked."""

Series = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Number = Annotated[int, Meta(ge=0, le=999_999)]
_T = TypeVar("_T")


class Kind(StrEnum):
    """What a set holds."""

    SNAPSHOT = "snapshot"
    INCREMENT = "increment"


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One record, or one change; ``record`` as :mod:`gongfu.identity.registry.records` lays it out, None: removed."""

    time: int
    actor: str
    key: bytes
    record: bytes | None


class Homed(msgspec.Struct, frozen=True, array_like=True):
    """A prefix this node answered for, with its quotas."""

    prefix: str
    registrations: int
    daily_resolutions: int


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """What is inside a chunk; the first one of a set also says which prefixes the node answered for."""

    entries: list[Entry]
    homed: list[Homed] | None = None


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A chunk as the manifest names it: encrypted size and SHA-256."""

    size: Annotated[int, Meta(ge=1, le=LARGEST_CHUNK)]
    sha256: Digest


class Wrapped(msgspec.Struct, frozen=True):
    """The data key for one recipient; all in hexadecimal."""

    recipient: Digest
    """X25519 public key."""
    ephemeral: Digest
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{96}\Z")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One set."""

    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)]
    node: Annotated[str, Meta(max_length=64)]
    """Thumbprint of the key that signed it."""
    series: Series
    number: Number
    kind: Kind
    first: Annotated[int, Meta(ge=0)]
    """Number of the first change in it; of a snapshot, 0."""
    last: Annotated[int, Meta(ge=0)]
    """Number of the last change in it."""
    made: Annotated[int, Meta(ge=0, le=2**40)]
    """Unix seconds."""
    records: Annotated[int, Meta(ge=0)]
    previous: str
    """SHA-256 of the manifest before, empty for the first."""
    recipients: Annotated[list[Wrapped], Meta(min_length=1, max_length=8)]
    parts: Annotated[list[Part], Meta(max_length=1_000_000)]

    @property
    def octets(self) -> int:
        """Of all chunks."""
        return sum(part.size for part in self.parts)


class Begin(msgspec.Struct, frozen=True, array_like=True):
    """Announces a set: the manifest as it was signed, and the signature."""

    manifest: bytes
    signature: str


class Missing(msgspec.Struct, frozen=True, array_like=True):
    """The answer: numbers of the chunks that are not there or not whole; none: the set is stored."""

    parts: list[int]


class Upload(msgspec.Struct, frozen=True, array_like=True):
    """One chunk of an announced set."""

    series: Series
    number: Number
    part: Number
    data: bytes


def decode(octets: bytes, kind: type[_T]) -> _T:
    """A message; raises :class:`Invalid`."""
    try:
        return msgspec.msgpack.decode(octets, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(mark("The message cannot be read: {reason}."), reason=error) from error


def read_manifest(octets: bytes) -> Manifest:
    """Raises :class:`Invalid`."""
    try:
        return msgspec.json.decode(octets, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(mark("The manifest cannot be read: {reason}."), reason=error) from error


def digest(octets: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(octets).hexdigest()


def seal(chunk: Chunk, data_key: bytes, series: str, number: int, place: int) -> bytes:
    """A chunk as it is kept."""
    plain = zlib.compress(msgspec.msgpack.encode(chunk), 6)
    return AESGCM(data_key).encrypt(place.to_bytes(12), plain, f"{series}/{number}/{place}".encode())


def unseal(octets: bytes, data_key: bytes, series: str, number: int, place: int) -> Chunk:
    """The contents of a chunk; raises :class:`Damaged`."""
    try:
        plain = AESGCM(data_key).decrypt(place.to_bytes(12), octets, f"{series}/{number}/{place}".encode())
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(plain, LARGEST_PLAIN)
        if not unpacker.eof:
            raise ValueError("too large")
        return msgspec.msgpack.decode(unpacked, type=Chunk)
    except (InvalidTag, zlib.error, ValueError, msgspec.MsgspecError) as error:
        raise Damaged(
            mark("Chunk {part} of set {number} cannot be opened: {reason}."),
            remedy=mark("It is not what the node encrypted. Take the set from another copy."),
            part=place,
            number=number,
            reason=str(error) or type(error).__name__,
        ) from error


def wrap(data_key: bytes, recipient: bytes, series: str, number: int) -> Wrapped:
    """The data key for whoever holds the private half of ``recipient``."""
    ephemeral = X25519PrivateKey.generate()
    public = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    wrapped = AESGCM(_kek(shared, public, recipient)).encrypt(bytes(12), data_key, f"{series}/{number}".encode())
    return Wrapped(recipient.hex(), public.hex(), wrapped.hex())


def unwrap(manifest: Manifest, key: X25519PrivateKey) -> bytes:
    """The data key; raises :class:`WrongKey` when the set was not made for ``key``."""
    return open_wrapped(manifest.recipients, key, manifest.series, manifest.number)


def open_wrapped(recipients: Sequence[Wrapped], key: X25519PrivateKey, series: str, number: int) -> bytes:
    """The data key that :func:`wrap` wrapped; raises :class:`WrongKey` when it was not wrapped for ``key``."""
    own = key.public_key().public_bytes_raw()
    for wrapped in recipients:
        if wrapped.recipient == own.hex():
            ephemeral = bytes.fromhex(wrapped.ephemeral)
            shared = key.exchange(X25519PublicKey.from_public_bytes(ephemeral))
            try:
                return AESGCM(_kek(shared, ephemeral, own)).decrypt(
                    bytes(12), bytes.fromhex(wrapped.key), f"{series}/{number}".encode()
                )
            except InvalidTag:
                break
    raise WrongKey(
        mark("This key does not open set {number} of escrow {series}."),
        remedy=mark("Use the recovery text that was shown when this escrow was begun."),
        number=number,
        series=series,
    )


def _kek(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=ephemeral + recipient, info=INFO).derive(shared)

"""The format of a backup repository. Pure.

A repository is a flat set of named objects, the same in a folder and behind an S3 address:

| object | what |
|---|---|
| ``repository.json`` | :class:`Head`: whose it is, and the data key wrapped for the recovery text |
| ``packs/<aa>/<sha256>`` | many sealed blobs behind each other; the name is the SHA-256 of the whole object |
| ``index/<number>-<any>`` | sealed :class:`Index`: which blob stands where in which pack |
| ``snapshots/<number>.body`` | sealed :class:`Snapshot`: every file with its blobs |
| ``snapshots/<number>.json`` | :class:`Mark`: what a list shows, SHA-256 of the body and of the mark before, a MAC |

- Blob: at most :data:`LARGEST` octets of one file. Its id is BLAKE2b-256 keyed by the repository, so that equal content
  is kept once and nobody without the key can look for known content. Sealed: one octet (0 as it is, 1 zstd, RFC 8878),
  four octets of plain length, the content; all that encrypted by AES-256-GCM with a random nonce of 12 octets in
  front, the id as associated data.
- Keys: 32 random octets, wrapped for the recovery text exactly as a data key of the escrow (X25519, HKDF-SHA256,
  AES-256-GCM); from them HKDF-SHA256 derives one key to seal, one to name blobs and one for the MAC of marks.
- A snapshot counts once its mark is there: the mark is written last.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

import msgspec
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta

from gongfu.data.backup.errors import Damaged
from gongfu.identity.escrow.wire import Digest, Series, Wrapped
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

FORMAT: Final = 1
INFO: Final = b"gongfu backup 1 "
LARGEST: Final = 4 * 1024 * 1024
"""Octets of a blob before it is sealed."""
LARGEST_BODY: Final = 2 * 1024**3
_PROBE: Final = 64 * 1024
_WORTH: Final = 0.95
_NONCE: Final = 12
_HEADER: Final = 5

Id = Annotated[bytes, Meta(min_length=32, max_length=32)]
Size = Annotated[int, Meta(ge=0, le=2**62)]
Number = Annotated[int, Meta(ge=1, le=999_999_999)]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]
_T = TypeVar("_T")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """``repository.json``."""

    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)]
    series: Series
    node: str
    """Name of the node whose it is."""
    owner: str
    """Thumbprint of that node's signing key."""
    recipients: Annotated[list[Wrapped], Meta(min_length=1, max_length=8)]


class Blob(msgspec.Struct, frozen=True, array_like=True):
    """Where a blob stands in its pack; ``size`` is what it takes there."""

    id: Id
    offset: Size
    size: Annotated[int, Meta(ge=1, le=LARGEST * 2)]


class Pack(msgspec.Struct, frozen=True, array_like=True):
    """One pack and what is in it."""

    name: Digest
    blobs: list[Blob]


class Index(msgspec.Struct, frozen=True, array_like=True):
    """Some packs."""

    packs: list[Pack]


class File(msgspec.Struct, frozen=True, array_like=True):
    """One file, or a symbolic link when ``link`` is given. ``path`` is relative, its first level names the part."""

    path: Path
    size: Size
    mode: Annotated[int, Meta(ge=0, le=0o7777)]
    modified: int
    """Nanoseconds since 1970, as the file system says."""
    inode: int
    blobs: list[Id]
    link: str = ""


class TableCopy(msgspec.Struct, frozen=True, array_like=True):
    """A table of the telemetry store: the statement that made it; ``parts`` names its frozen parts."""

    name: str
    statement: str
    parts: list[str]


class StreamCopy(msgspec.Struct, frozen=True, array_like=True):
    """A stream of the bus: configuration and state as the server gave them, and where it stood."""

    name: str
    config: bytes
    state: bytes
    first: int
    last: int
    messages: int


class RecordsCopy(msgspec.Struct, frozen=True, array_like=True):
    """People's records: ``engine`` is sqlite or postgresql; of the latter, tables and where their numbering stood."""

    engine: str
    migrations: list[tuple[str, str]]
    tables: list[str] = []
    sequences: list[tuple[str, int]] = []


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one moment."""

    number: Number
    moment: int
    """Nanoseconds since 1970: what was acknowledged before is in it."""
    ended: int
    node: str
    version: str
    files: list[File]
    tables: list[TableCopy] = []
    exported: list[TableCopy] = []
    """Tables of a store behind ``store_url``: ``statement`` names their columns, ``parts`` are Parquet files."""
    streams: list[StreamCopy] = []
    records: RecordsCopy | None = None
    changes: int = 0
    """Number of the last change of identifiers in it."""
    notes: list[str] = []
    """Files that kept changing while they were read."""
    elsewhere: list[str] = []
    """Settings that name engines whose data are not in it: of snapshots by older programs."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a snapshot without reading it. Octets: of all files; new: what it added to the repository."""

    number: Number
    moment: int
    ended: int
    version: str
    files: Size
    octets: Size
    added: Size
    body: Digest
    previous: str
    mac: str = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """What is derived from the data key."""

    cipher: AESGCM
    naming: bytes
    marking: bytes


def derive(data_key: bytes, series: str) -> Keys:
    """The three keys of a repository."""

    def one(purpose: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=bytes.fromhex(series), info=INFO + purpose).derive(data_key)

    return Keys(AESGCM(one(b"seal")), one(b"name"), one(b"mark"))


def digest(octets: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(octets).hexdigest()


def name_of(keys: Keys, plain: bytes) -> bytes:
    """The id of a blob."""
    return hashlib.blake2b(plain, key=keys.naming, digest_size=32).digest()


def seal(keys: Keys, plain: bytes, bound: bytes) -> bytes:
    """``plain`` compressed if that is worth it, and encrypted for the place ``bound``."""
    kind, content = 0, plain
    if len(plain) > 64 and _shrinks(plain):
        kind, content = 1, _compress(plain)
    nonce = secrets.token_bytes(_NONCE)
    header = bytes((kind,)) + len(plain).to_bytes(4)
    return nonce + keys.cipher.encrypt(nonce, header + content, bound)


def unseal(keys: Keys, octets: bytes, bound: bytes, *, limit: int = LARGEST) -> bytes:
    """What :func:`seal` took; raises :class:`Damaged`."""
    try:
        inner = keys.cipher.decrypt(octets[:_NONCE], octets[_NONCE:], bound)
        kind, size, content = inner[0], int.from_bytes(inner[1:_HEADER]), inner[_HEADER:]
        if size > limit or kind > 1:
            raise ValueError("too large")
        plain = pa.Codec("zstd").decompress(content, decompressed_size=size, asbytes=True) if kind else content
        if len(plain) != size:
            raise ValueError("cut short")
    except (InvalidTag, ValueError, IndexError, OSError, pa.ArrowException) as error:
        raise Damaged(
            mark("A part of the backup cannot be opened: {reason}."),
            remedy=mark("It was changed after it was written. Use another snapshot, or another copy."),
            reason=str(error) or type(error).__name__,
        ) from error
    return bytes(plain)


def _shrinks(plain: bytes) -> bool:
    """Whether compressing is worth it, judged by a piece from the middle."""
    if len(plain) <= _PROBE * 2:
        return True
    middle = len(plain) // 2
    probe = plain[middle : middle + _PROBE]
    return len(_compress(probe)) < _WORTH * len(probe)


def _compress(plain: bytes) -> bytes:
    return bytes(pa.Codec("zstd", compression_level=1).compress(plain, asbytes=True))


def encode(keys: Keys, value: Index | Snapshot, name: str) -> bytes:
    """An index or a snapshot as the object ``name``."""
    return seal(keys, msgspec.msgpack.encode(value), name.encode())


def decode(keys: Keys, octets: bytes, name: str, kind: type[_T]) -> _T:
    """What :func:`encode` wrote; raises :class:`Damaged`."""
    plain = unseal(keys, octets, name.encode(), limit=LARGEST_BODY)
    try:
        return msgspec.msgpack.decode(plain, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(name, error) from error


def sign(keys: Keys, unsigned: Mark) -> bytes:
    """The object of a mark."""
    return msgspec.json.encode(msgspec.structs.replace(unsigned, mac=_mac(keys, unsigned)))


def read_mark(keys: Keys, octets: bytes, number: int) -> Mark:
    """A mark whose MAC fits; raises :class:`Damaged`."""
    found = read_unsigned(octets, number)
    if found.number != number or not hmac.compare_digest(found.mac, _mac(keys, found)):
        raise Damaged(
            mark("The mark of snapshot {number} was changed."),
            remedy=mark("Use another snapshot, or another copy."),
            number=number,
        )
    return found


def read_unsigned(octets: bytes, number: int) -> Mark:
    """A mark as it says it is; raises :class:`Damaged`."""
    try:
        return msgspec.json.decode(octets, type=Mark)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(f"snapshots/{number:09d}.json", error) from error


def read_head(octets: bytes) -> Head:
    """``repository.json``; raises :class:`Invalid`."""
    try:
        return msgspec.json.decode(octets, type=Head)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(
            mark("repository.json cannot be read: {reason}."),
            remedy=mark("A newer program may have written it; or take it from another copy."),
            reason=error,
        ) from error


def _mac(keys: Keys, found: Mark) -> str:
    plain = msgspec.json.encode(msgspec.structs.replace(found, mac=""))
    return hmac.new(keys.marking, plain, hashlib.sha256).hexdigest()


def _unreadable(name: str, error: Exception) -> Damaged:
    return Damaged(
        mark("{name} of the backup cannot be read: {reason}."),
        remedy=mark("Use another snapshot, or another copy."),
        name=name,
        reason=error,
    )

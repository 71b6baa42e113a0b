"""A series of sets as directories: write, walk, verify and read them. Pure: no database, no network."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gongfu.identity.escrow import wire
from gongfu.identity.escrow.errors import Damaged
from gongfu.identity.escrow.wire import Chunk, Entry, Homed, Kind, Manifest, Part
from gongfu.identity.peers import jws, keys
from gongfu.identity.peers.errors import NotSigned
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MANIFEST = "manifest.json"
SIGNATURE = "manifest.jws"
CHUNK_ENTRIES = 10_000
CHUNK_OCTETS = 1_500_000
"""Of keys and records in a chunk before compression, unless one is larger."""
_URL = "escrow"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who makes a series and for whom."""

    key: Ed25519PrivateKey
    series: str
    recipients: tuple[bytes, ...]
    """X25519 public keys."""


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A set on disk with its verified manifest."""

    folder: Path
    manifest: Manifest
    digest: str
    """SHA-256 of the manifest."""


Progress = Callable[[int, int], None]
"""Told chunks done and all."""


def new_series() -> str:
    """An identity for a series."""
    return secrets.token_hex(8)


def folder_of(series: Path, number: int) -> Path:
    """Where a set lies."""
    return series / f"{number:06d}"


def numbers(series: Path) -> list[int]:
    """Sets that are there, in order."""
    if not series.is_dir():
        return []
    return sorted(int(item.name) for item in series.iterdir() if item.name.isdigit() and (item / MANIFEST).exists())


def write(
    series: Path,
    signer: Signer,
    entries: Iterable[Entry],
    homed: list[Homed],
    *,
    kind: Kind,
    first: int,
    last: int,
) -> StoredSet:
    """Add a set. It appears whole, with everything on disk, or not at all."""
    present = numbers(series)
    number = present[-1] + 1 if present else 0
    before = (folder_of(series, present[-1]) / MANIFEST).read_bytes() if present else b""
    draft = series / f".{number:06d}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    data_key = secrets.token_bytes(32)
    parts: list[Part] = []
    count = 0
    for chunk in _chunks(entries, homed):
        octets = wire.seal(chunk, data_key, signer.series, number, len(parts))
        write_file(draft / chunk_name(len(parts)), octets)
        parts.append(Part(len(octets), wire.digest(octets)))
        count += len(chunk.entries)
    manifest = Manifest(
        format=wire.FORMAT,
        node=jws.thumbprint(keys.public_octets(signer.key)),
        series=signer.series,
        number=number,
        kind=kind,
        first=first,
        last=last,
        made=int(time.time()),
        records=count,
        previous=wire.digest(before) if before else "",
        recipients=[wire.wrap(data_key, recipient, signer.series, number) for recipient in signer.recipients],
        parts=parts,
    )
    octets = msgspec.json.encode(manifest)
    write_file(draft / SIGNATURE, _sign(signer.key, manifest, octets).encode())
    write_file(draft / MANIFEST, octets)
    folder = folder_of(series, number)
    draft.rename(folder)
    _sync(series)
    return StoredSet(folder, manifest, wire.digest(octets))


def check_signature(octets: bytes, signature: str, public: bytes) -> Manifest:
    """The manifest once its signature by ``public`` was verified; raises :class:`NotSigned`, :class:`Invalid`."""
    detached = jws.read(signature)
    jws.verify(detached, public, octets)
    manifest = wire.read_manifest(octets)
    if detached.header.url != _url(manifest) or manifest.node != jws.thumbprint(public):
        raise NotSigned(mark("The signature was made for another manifest."))
    return manifest


def walk(series: Path, public: bytes | None = None) -> Iterator[StoredSet]:
    """Every set in order; the first one there must be a snapshot, what was before it may have been removed.

    Checks signatures (by ``public``, else by the key that lies beside the sets), the chain of manifests, and that no
    change is left out. Raises :class:`Damaged` naming the set, :class:`Invalid` when there is none.
    """
    before: StoredSet | None = None
    present = numbers(series)
    if not present:
        raise Invalid(
            mark("There is no escrow in {folder}."), remedy=mark("Name the folder of one series."), folder=series
        )
    for number in present:
        folder = folder_of(series, number)
        octets = (folder / MANIFEST).read_bytes()
        try:
            manifest = check_signature(octets, _read(folder / SIGNATURE, number).decode(), public or key_of(series))
        except (NotSigned, Invalid, UnicodeDecodeError) as error:
            raise Damaged(
                mark("The manifest of set {number} is not what the node signed: {reason}"),
                remedy=mark("Take the set from another copy."),
                number=number,
                reason=str(error),
            ) from error
        if manifest.number != number or (before and before.manifest.series != manifest.series):
            raise Damaged(
                mark("In the place of set {number} stands set {other} of {series}."),
                remedy=mark("Put every set into the folder that bears its number."),
                number=number,
                other=manifest.number,
                series=manifest.series,
            )
        expected = number - 1
        if before is None and manifest.kind is not Kind.SNAPSHOT:
            raise _gap(expected)
        if before is not None:
            if before.manifest.number != expected or manifest.previous != before.digest:
                raise _gap(expected)
            if manifest.kind is Kind.INCREMENT and manifest.first != before.manifest.last + 1:
                raise _gap(expected)
        before = StoredSet(folder, manifest, wire.digest(octets))
        yield before


def _gap(number: int) -> Damaged:
    return Damaged(
        mark("Set {number} is missing, or is another than the next one follows."),
        remedy=mark("Take it from another copy."),
        number=number,
    )


def damaged_parts(stored: StoredSet, progress: Progress | None = None) -> list[int]:
    """Numbers of the chunks that are not there or not what the manifest says."""
    wrong = []
    for place, part in enumerate(stored.manifest.parts):
        try:
            fits = wire.digest((stored.folder / chunk_name(place)).read_bytes()) == part.sha256
        except OSError:
            fits = False
        if not fits:
            wrong.append(place)
        if progress:
            progress(place + 1, len(stored.manifest.parts))
    return wrong


def read_part(stored: StoredSet, place: int) -> bytes:
    """A chunk whose hash fits; raises :class:`Damaged` saying whether it is missing, changed, or another chunk."""
    octets = _read(stored.folder / chunk_name(place), stored.manifest.number, place)
    found = wire.digest(octets)
    if found != stored.manifest.parts[place].sha256:
        others = [number for number, part in enumerate(stored.manifest.parts) if part.sha256 == found]
        if others:
            raise Damaged(
                mark("Chunk {part} of set {number} is out of order: it is chunk {other}."),
                remedy=mark("Put every chunk under its own name."),
                part=place,
                number=stored.manifest.number,
                other=others[0],
            )
        raise Damaged(
            mark("Chunk {part} of set {number} was changed: its hash does not fit."),
            remedy=mark("Take it from another copy."),
            part=place,
            number=stored.manifest.number,
        )
    return octets


def verify(
    series: Path, public: bytes | None = None, *, key: X25519PrivateKey | None = None, progress: Progress | None = None
) -> list[StoredSet]:
    """Walk every set and every hash; with ``key`` also open every chunk. Raises :class:`Damaged` at the first fault."""
    stored = list(walk(series, public))
    total, done = sum(len(one.manifest.parts) for one in stored), 0
    for one in stored:
        data_key = wire.unwrap(one.manifest, key) if key else b""
        for place in range(len(one.manifest.parts)):
            octets = read_part(one, place)
            if key:
                wire.unseal(octets, data_key, one.manifest.series, one.manifest.number, place)
            done += 1
            if progress:
                progress(done, total)
    return stored


def chunks(stored: StoredSet, key: X25519PrivateKey) -> Iterator[Chunk]:
    """The contents of a set in order; raises :class:`Damaged`, :class:`WrongKey`."""
    data_key = wire.unwrap(stored.manifest, key)
    for place in range(len(stored.manifest.parts)):
        yield wire.unseal(read_part(stored, place), data_key, stored.manifest.series, stored.manifest.number, place)


def chunk_name(place: int) -> str:
    """File of a chunk."""
    return f"{place:06d}.chunk"


def write_file(path: Path, octets: bytes) -> None:
    """On disk when this returns; a reader sees all or nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


KEY = "node.key"
"""In a series' folder: the public key its sets are signed with, in hexadecimal."""


def key_of(series: Path) -> bytes:
    """The key that lies beside the sets; who trusts another source for it gives it instead. Raises :class:`Invalid`."""
    try:
        octets = bytes.fromhex((series / KEY).read_text(encoding="ascii"))
        if len(octets) != 32:
            raise ValueError(KEY)
    except (OSError, ValueError) as error:
        raise Invalid(
            mark("{folder} names no key that its sets are signed with."),
            remedy=mark("The file node.key belongs there."),
            folder=series,
        ) from error
    return octets


def _chunks(entries: Iterable[Entry], homed: list[Homed]) -> Iterator[Chunk]:
    told: list[Homed] | None = homed
    part: list[Entry] = []
    octets = 0
    for entry in entries:
        size = len(entry.key) + len(entry.record or b"") + len(entry.actor)
        if part and (len(part) >= CHUNK_ENTRIES or octets + size > CHUNK_OCTETS):
            yield Chunk(part, told)
            told, part, octets = None, [], 0
        part.append(entry)
        octets += size
    if part or told is not None:
        yield Chunk(part, told)


def _read(path: Path, number: int, place: int | None = None) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        if place is None:
            raise Damaged(mark("{file} of set {number} is missing."), file=path.name, number=number) from error
        raise Damaged(
            mark("Chunk {part} of set {number} is missing."),
            remedy=mark("Take it from another copy."),
            part=place,
            number=number,
        ) from error


def _sign(key: Ed25519PrivateKey, manifest: Manifest, octets: bytes) -> str:
    header = jws.Protected(
        alg=jws.ALGORITHM,
        kid=manifest.node,
        aud=manifest.series,
        iat=manifest.made,
        nonce=str(manifest.number),
        url=_url(manifest),
    )
    return jws.sign(key, header, octets)


def _url(manifest: Manifest) -> str:
    return f"{_URL}/{manifest.series}/{manifest.number}"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

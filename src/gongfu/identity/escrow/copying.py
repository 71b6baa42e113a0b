"""From an identifier store to sets and back. Pure."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gongfu.identity.escrow import archive
from gongfu.identity.escrow.archive import Signer, StoredSet
from gongfu.identity.escrow.wire import Entry, Homed, Kind
from gongfu.identity.handle.names import Handle
from gongfu.identity.peers import keys
from gongfu.identity.registry import records
from gongfu.identity.registry.errors import JournalTrimmed
from gongfu.identity.registry.store import Change, IdentifierStore, Limits
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark

_AT_ONCE = 1_000


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """How far a restoration has come: a set and a chunk that are in the store."""

    number: int
    chunk: int
    whole: bool = False


def snapshot(store: IdentifierStore, series: Path, signer: Signer) -> StoredSet:
    """Add a set with every record of one moment, while others read and write."""
    begin(series, signer)
    copy = series / f".copy-{secrets.token_hex(4)}"
    try:
        store.snapshot(copy)
        frozen = IdentifierStore(copy)
        try:
            last = frozen.last_change()
            return archive.write(
                series, signer, _records(frozen), _homed(frozen), kind=Kind.SNAPSHOT, first=0, last=last
            )
        finally:
            frozen.close()
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def increment(store: IdentifierStore, series: Path, signer: Signer) -> StoredSet | None:
    """Add a set with what changed since the last one, or a snapshot when the journal does not reach back that far.

    None when nothing changed. Raises :class:`Damaged` when the last set is not what was written.
    """
    if not archive.numbers(series):
        return snapshot(store, series, signer)
    *_, before = archive.walk(series, keys.public_octets(signer.key))
    after, last = before.manifest.last, store.last_change()
    if last == after:
        return None
    if last < after:  # the store was put back from an older copy
        return snapshot(store, series, signer)
    try:
        store.changes(after, 1)
    except JournalTrimmed:
        return snapshot(store, series, signer)
    entries = _changes(store, after, last)
    return archive.write(series, signer, entries, _homed(store), kind=Kind.INCREMENT, first=after + 1, last=last)


def restore(
    store: IdentifierStore, series: Path, key: X25519PrivateKey, public: bytes | None = None
) -> list[StoredSet]:
    """Make the empty ``store`` what the series says: the last snapshot, then what follows it.

    Everything is verified before anything is written. Interrupted, it goes on where it was when called again.
    Raises :class:`Conflict` for a store in which something else stands, :class:`Damaged`, :class:`WrongKey`.
    """
    stored = archive.verify(series, public, key=key)
    name = f"escrow:{stored[0].manifest.series}"
    remembered = store.place(name)
    place = msgspec.msgpack.decode(remembered, type=_Place) if remembered else None
    if (place is None and store.populated()) or (place is not None and place.whole):
        raise Conflict(
            mark("Identifiers stand in this node already."),
            remedy=mark("Restore into a new GONGFU_HOME."),
        )
    start = max(number for number, one in enumerate(stored) if one.manifest.kind is Kind.SNAPSHOT)
    homed: list[Homed] = []
    for one in stored[start:]:
        for number, chunk in enumerate(archive.chunks(one, key)):
            homed = homed if chunk.homed is None else chunk.homed
            if place is not None and (one.manifest.number, number) <= (place.number, place.chunk):
                continue
            changes = [Change(0, entry.time, entry.actor, entry.key, entry.record) for entry in chunk.entries]
            store.take_over(name, changes, msgspec.msgpack.encode(_Place(one.manifest.number, number)))
    for item in homed:
        store.home(item.prefix)
        store.set_limits(item.prefix, Limits(item.registrations, item.daily_resolutions))
    store.take_over(name, [], msgspec.msgpack.encode(_Place(stored[-1].manifest.number, 0, whole=True)))
    return stored[start:]


def begin(series: Path, signer: Signer) -> None:
    """The folder of a series, with the key its sets will be signed with."""
    series.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (series / archive.KEY).exists():
        archive.write_file(series / archive.KEY, keys.public_octets(signer.key).hex().encode())


def _records(store: IdentifierStore) -> Iterator[Entry]:
    for prefix in store.populated():
        after: Handle | None = None
        while found := store.scan(prefix, after=after, limit=_AT_ONCE):
            yield from (Entry(record.modified, "", record.handle.key, records.encode(record)) for record in found)
            after = found[-1].handle


def _changes(store: IdentifierStore, after: int, last: int) -> Iterator[Entry]:
    while after < last:
        for change in store.changes(after, min(_AT_ONCE, last - after)):
            after = change.seq
            yield Entry(change.time, change.actor, change.key, change.record)


def _homed(store: IdentifierStore) -> list[Homed]:
    limits = ((prefix, store.limits(prefix)) for prefix in store.prefixes())
    return [Homed(prefix, found.registrations, found.daily_resolutions) for prefix, found in limits]

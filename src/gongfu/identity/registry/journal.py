"""The change journal of an identifier store: what was written, by whom, in which order.

Entries stand in chunks, one for each transaction of up to :data:`CHUNK` changes, so that a batch costs one write.
A chunk lies under the number of its *last* change: a reader that has seen ``after`` finds the next one with one search.
Named cursors say how far a reader (a mirror, the search index, data escrow) has come; what every cursor has passed
is trimmed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import lmdb
import msgspec

from gongfu.identity.registry.environment import Transaction
from gongfu.identity.registry.errors import JournalTrimmed
from gongfu.kernel.i18n import mark

CHUNK = 1_000
"""Changes in one chunk at most."""
KEPT = 10_000
"""Newest changes that stay when no cursor stands: enough to look at, too few to cost."""
_TRIMMED_AT_ONCE = 16  # chunks; more than a transaction adds, so that a backlog shrinks
_NUMBER = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Change:
    """One identifier written or removed; ``time`` in Unix seconds, ``record`` as :mod:`records` lays it out."""

    seq: int
    time: int
    actor: str
    key: bytes
    record: bytes | None
    """None: it was removed."""


class _Chunk(msgspec.Struct, frozen=True, array_like=True):
    time: int
    actor: str
    keys: list[bytes]
    records: list[bytes | None]


class Journal:
    """Journal and cursors inside an open environment; every method works in the transaction it is given."""

    def __init__(self, env: lmdb.Environment) -> None:
        self._journal = env.open_db(b"journal")
        self._cursors = env.open_db(b"cursors")
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(_Chunk).decode

    def append(self, txn: Transaction, time: int, actor: str, entries: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Adds ``entries``, keys with what the table stores, in their order; then trims a little."""
        if not entries:
            return
        last = self.last(txn)
        for start in range(0, len(entries), CHUNK):
            part = entries[start : start + CHUNK]
            last += len(part)
            chunk = _Chunk(time, actor, [key for key, _ in part], [record for _, record in part])
            txn.put(_NUMBER.pack(last), self._encode(chunk), db=self._journal, append=True)
        self.trim(txn)

    def append_by(self, txn: Transaction, time: int, entries: Sequence[tuple[str, bytes, bytes | None]]) -> None:
        """Adds ``entries`` of several actors, in their order."""
        for actor, by_one in groupby(entries, itemgetter(0)):
            self.append(txn, time, actor, [(key, octets) for _, key, octets in by_one])

    def last(self, txn: Transaction) -> int:
        """Number of the newest change, 0 when there never was one."""
        cursor = txn.cursor(db=self._journal)
        return _number(cursor.key()) if cursor.last() else 0

    def read(self, txn: Transaction, after: int, limit: int, record: Callable[[bytes, bytes], bytes]) -> list[Change]:
        """At most ``limit`` changes behind ``after``; raises :class:`JournalTrimmed` when the next is not kept.

        ``record`` makes a record of key and what the table stores.
        """
        cursor = txn.cursor(db=self._journal)
        found: list[Change] = []
        there = cursor.set_range(_NUMBER.pack(after + 1))
        while there and len(found) < limit:
            chunk = self._decode(cursor.value())
            first = _number(cursor.key()) - len(chunk.keys) + 1
            if not found and first > after + 1:
                raise JournalTrimmed(
                    mark("Changes {first} to {last} are no longer in the journal."),
                    remedy=mark("Take a snapshot, and set a cursor first so that nothing behind it is trimmed."),
                    first=after + 1,
                    last=first - 1,
                )
            start = max(0, after + 1 - first)
            for place in range(start, min(len(chunk.keys), start + limit - len(found))):
                key, octets = chunk.keys[place], chunk.records[place]
                whole = None if octets is None else record(key, octets)
                found.append(Change(first + place, chunk.time, chunk.actor, key, whole))
            there = cursor.next()
        return found

    def cursor(self, txn: Transaction, name: str) -> int:
        """How far ``name`` has come, 0 when it never said so."""
        return _number(txn.get(name.encode(), db=self._cursors) or b"")

    def cursors(self, txn: Transaction) -> dict[str, int]:
        """Every cursor by name."""
        return {bytes(name).decode(): _number(place) for name, place in txn.cursor(db=self._cursors)}

    def advance(self, txn: Transaction, name: str, seq: int) -> None:
        """Sets the cursor of ``name``; then trims a little."""
        txn.put(name.encode(), _NUMBER.pack(seq), db=self._cursors)
        self.trim(txn)

    def forget(self, txn: Transaction, name: str) -> None:
        """Removes the cursor of ``name``."""
        txn.delete(name.encode(), db=self._cursors)

    def trim(self, txn: Transaction) -> None:
        """Removes whole chunks that no cursor needs, some at a time; the newest stays, for it holds the number."""
        last = self.last(txn)
        needed = min(self.cursors(txn).values(), default=last - KEPT)
        cursor = txn.cursor(db=self._journal)
        for _ in range(_TRIMMED_AT_ONCE):
            if not cursor.first() or not (end := _number(cursor.key())) <= needed or end == last:
                break
            cursor.delete()


def _number(octets: Any) -> int:  # bytes, or a view of them while the transaction lasts
    return int.from_bytes(octets, "big")

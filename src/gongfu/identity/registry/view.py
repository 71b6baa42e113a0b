"""One moment of the identifier store, for those who look up thousands of identifiers a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lmdb

from gongfu.identity.registry import packing, records
from gongfu.identity.registry.environment import Transaction
from gongfu.identity.registry.errors import JournalTrimmed
from gongfu.identity.registry.journal import Journal
from gongfu.identity.registry.table import Table

_GENERATION = b"generation"
_COPIED = b"copied:"
_ALL = 2**62


class Homed:
    """The prefixes this node answers for, remembered until one is added or removed by whatever process."""

    def __init__(self, meta: lmdb._Database, prefixes: lmdb._Database) -> None:
        self._meta = meta
        self._prefixes = prefixes
        self._known = _Known(b"never read", frozenset(), frozenset(), {})

    def changed(self, txn: Transaction) -> None:
        """To be called in the transaction that adds or removes one."""
        number = int.from_bytes(txn.get(_GENERATION, db=self._meta) or b"") + 1
        txn.put(_GENERATION, number.to_bytes(8), db=self._meta)

    def read(self, txn: Transaction) -> _Known:
        """What holds in ``txn``; shared by all views of this generation."""
        generation = txn.get(_GENERATION, db=self._meta)
        if self._known.generation != generation:
            homed = frozenset(txn.cursor(db=self._prefixes).iternext(values=False))
            copied = frozenset(prefix.encode().upper() for prefix in self.copied(txn))
            self._known = _Known(generation, homed, copied, dict.fromkeys(homed - copied))
        return self._known

    def copied(self, txn: Transaction) -> dict[str, str]:
        """Prefixes that this node answers for as a copy, by name, with the store they come from."""
        found: dict[str, str] = {}
        cursor = txn.cursor(db=self._meta)
        there = cursor.set_range(_COPIED)
        while there and cursor.key().startswith(_COPIED):
            found |= dict.fromkeys(cursor.value().decode().split(), cursor.key().removeprefix(_COPIED).decode())
            there = cursor.next()
        return found

    def copy(self, txn: Transaction, source: str, prefixes: Sequence[str]) -> None:
        """From now on exactly ``prefixes`` are answered for as a copy of ``source``."""
        key = _COPIED + source.encode()
        before = (txn.get(key, db=self._meta) or b"").decode().split()
        for prefix in set(before) - set(prefixes):
            txn.delete(prefix.encode().upper(), db=self._prefixes)
        for prefix in prefixes:
            txn.put(prefix.encode().upper(), prefix.encode(), db=self._prefixes)
        txn.put(key, " ".join(prefixes).encode(), db=self._meta)
        self.changed(txn)


@dataclass(frozen=True, slots=True)
class _Known:
    generation: bytes | None
    homed: frozenset[bytes]
    copied: frozenset[bytes]
    """Of those, the ones that another node leads."""
    open: dict[bytes, bytes | None]
    """Of this node's own the number, None until that is looked up."""


class View:
    """Look-ups in one read transaction; comes from :meth:`IdentifierStore.view` and ends with it."""

    __slots__ = ("_get", "_journal", "_known", "_open", "_shapes", "_table", "_txn")

    def __init__(self, table: Table, homed: Homed, journal: Journal, txn: Transaction) -> None:
        self._table = table
        self._journal = journal
        self._txn = txn
        self._known = homed.read(txn)
        self._open = self._known.open
        self._get = txn.get
        self._shapes = table.known

    def homed(self, prefix: bytes) -> bool:
        """Whether this node answers for the prefix with that key."""
        return prefix in self._known.homed

    def generation(self) -> bytes | None:
        """Another one after each change of prefixes."""
        return self._known.generation

    def last_change(self) -> int:
        """Number of the newest change."""
        return self._journal.last(self._txn)

    def changed(self, after: int) -> list[bytes] | None:
        """Keys of all identifiers changed behind number ``after``; None when the journal no longer knows."""
        try:
            found = self._journal.read(self._txn, after, _ALL, lambda _key, _stored: b"")
        except JournalTrimmed:
            return None
        return [change.key for change in found]

    def record(self, key: bytes) -> bytes | None:
        """The record under ``key`` as :mod:`records` lays it out."""
        stored = self._table.get(self._txn, key)
        return None if stored is None else self._table.record(self._txn, key, stored)

    def public(self, key: bytes) -> tuple[int, bytes] | None:
        """Number and octets of all values of ``key``, of at most 500 octets, as they go over the wire.

        None when the usual way does not apply: another node's prefix or a copy of one, no such identifier, or values
        that not everyone may read.
        """
        prefix, _, suffix = key.partition(b"/")
        number = self._open.get(prefix)
        if number is None:
            number = self._number(prefix)
            if number is None:
                return None
        stored = self._get(number + suffix)
        if stored is None:
            return None
        shape = self._shapes.get(stored[:3])
        if shape is None:
            if packing.is_raw(stored):
                count, values = records.public_slice(stored[3:])
                return (count, values) if count > 0 else None
            shape = self._table.shape(self._txn, stored[:3])
        return (shape.public, shape.render(stored, suffix)) if shape.public else None

    def _number(self, prefix: bytes) -> bytes | None:
        if prefix not in self._open:
            return None
        number = self._open[prefix] = self._table.number(self._txn, prefix)
        return number

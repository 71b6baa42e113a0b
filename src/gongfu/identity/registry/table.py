"""Records inside LMDB: under the number of their prefix and their suffix, each with the number of its shape.

Tables: ``ids`` (prefix number u24, suffix → shape number u24, what the record keeps), ``numbers`` (prefix → number),
``shapes`` (number → shape), ``digests`` (digest of a shape → number), ``frames`` (prefix number, digest of a frame →
numbers of its shapes). Numbers are never given twice, and what stands under one never changes: any process may
remember it once it was committed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TypeAlias

import lmdb
import msgspec

from gongfu.identity.registry import packing
from gongfu.identity.registry.environment import Transaction
from gongfu.identity.registry.packing import RAW, Packed
from gongfu.identity.registry.shapes import ENOUGH, Compiled, Kindred, Row, Shape
from gongfu.kernel.errors import Conflict, Unavailable
from gongfu.kernel.i18n import mark

Entry: TypeAlias = tuple[bytes, bytes]
"""Key and what is stored."""

_WIDTH = 3  # octets of a number
_MOST = 2 ** (8 * _WIDTH) - 1
_MOST_SHAPES = 64  # of one frame under one prefix; then its records share a shape without constants
_MOST_FRAMES = 256  # of one prefix; then its records are kept as they are
_REMEMBERED = 65_536  # shapes in this process's memory
_LONGEST_KEY = 511  # LMDB's

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Shape).decode


class Table:
    """The tables of an open environment; every method works in the transaction it is given."""

    def __init__(self, env: lmdb.Environment) -> None:
        self.env = env
        self.ids = env.open_db(b"ids")
        self.numbers = env.open_db(b"numbers")
        self.shapes = env.open_db(b"shapes")
        self.digests = env.open_db(b"digests")
        self.frames = env.open_db(b"frames")
        self.known: dict[bytes, Compiled] = {}
        """Shapes that were committed, by number, as far as anyone asked for them."""

    def number(self, txn: Transaction, prefix: bytes) -> bytes | None:
        """The number of a prefix; None when nothing was ever registered under it."""
        return txn.get(prefix, db=self.numbers) if 0 < len(prefix) <= _LONGEST_KEY else None

    def place(self, txn: Transaction, key: bytes) -> bytes | None:
        """Where the record with ``key`` stands in ``ids``, if it does."""
        prefix, _, suffix = key.partition(b"/")
        number = self.number(txn, prefix)
        return number + suffix if number and suffix and len(suffix) <= _LONGEST_KEY - _WIDTH else None

    def get(self, txn: Transaction, key: bytes) -> bytes | None:
        """What is stored under ``key``."""
        place = self.place(txn, key)
        return txn.get(place, db=self.ids) if place else None

    def shape(self, txn: Transaction, number: bytes) -> Compiled:
        """A shape that was committed, by its number."""
        found = self.known.get(number)
        if found is None:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            found = self.known[number] = self.load(txn, number)
        return found

    def load(self, txn: Transaction, number: bytes) -> Compiled:
        """A shape by its number, not remembered."""
        return Compiled(_decode(txn.get(number, b"", db=self.shapes)))

    def record(self, txn: Transaction, key: bytes, stored: bytes) -> bytes:
        """What is stored as :mod:`records` lays it out."""
        return stored[_WIDTH:] if packing.is_raw(stored) else packing.whole(key, stored, self.shape(txn, stored[:3]))

    def walk(self, txn: Transaction, prefix: bytes, starting: bytes, after: bytes) -> Iterator[Entry]:
        """Keys under ``prefix`` whose suffix starts with ``starting``, behind the suffix ``after``, in order."""
        number = self.number(txn, prefix)
        if number is None:
            return
        cursor = txn.cursor(db=self.ids)
        begin = number + starting
        there = cursor.set_range(max(begin, number + after))
        while there:
            place, stored = cursor.item()
            if not place.startswith(begin):
                return
            if place != number + after:
                yield prefix + b"/" + place[_WIDTH:], stored
            there = cursor.next()


class Writing:
    """What one write transaction does to the tables; shapes it adds are known to it alone until it is committed."""

    def __init__(self, table: Table, txn: Transaction) -> None:
        self._table = table
        self._txn = txn
        self._new: dict[bytes, Compiled] = {}
        cursor = txn.cursor(db=table.shapes)
        self._last = int.from_bytes(cursor.key()) if cursor.last() else 0
        self._committed = self._last

    def record(self, key: bytes, stored: bytes) -> bytes:
        """As :meth:`Table.record`, also with a shape of this transaction."""
        if packing.is_raw(stored):
            return stored[_WIDTH:]
        return packing.whole(key, stored, self._shape(stored[:_WIDTH]))

    def put(self, packed: Packed, *, replace: bool) -> tuple[int, list[Entry]]:
        """Writes the records of one prefix: how many are new, and all of them in key order.

        Raises :class:`Conflict` naming one that exists if ``replace`` is false; the transaction is of no use then.
        """
        number = self._prefix(packed.prefix)
        stored = [*packed.raw]
        for kindred in packed.kindred:
            stored += self._shaped(packed.prefix, number, kindred)
        stored.sort()
        places = [(number + suffix, octets) for suffix, octets in stored]
        cursor = self._txn.cursor(db=self._table.ids)
        if len(places) == 1:  # one by one, earlier ones of this transaction count
            new = int(cursor.put(*places[0], overwrite=False))
        else:
            _, new = cursor.putmulti(places, overwrite=False)
        if new != len(places):
            if not replace:
                raise taken(packed.prefix + b"/" + self._existing(places)[_WIDTH:])
            cursor.putmulti(places)
        return new, [(packed.prefix + b"/" + suffix, octets) for suffix, octets in stored]

    def _existing(self, places: list[Entry]) -> bytes:
        with self._table.env.begin() as before:
            return next((place for place, _ in places if before.get(place, db=self._table.ids)), places[0][0])

    def delete(self, key: bytes) -> bool:
        """Removes one record; whether it was there."""
        place = self._table.place(self._txn, key)
        return bool(place and self._txn.delete(place, db=self._table.ids))

    def _prefix(self, prefix: bytes) -> bytes:
        found = self._table.number(self._txn, prefix)
        if found is None:
            count = self._txn.stat(self._table.numbers)["entries"] + 1
            found = _number(count)
            self._txn.put(prefix, found, db=self._table.numbers)
        return found

    def _shaped(self, prefix: bytes, at: bytes, kindred: Kindred) -> list[Entry]:
        """Keys' suffixes and what is stored, in shapes that are there or are made now."""
        frame = at + _digest((kindred.heads, kindred.tails, kindred.flags))
        known = self._txn.get(frame, db=self._table.frames)
        if known is None and not self._room_for_frame(at):
            return [(row.key, RAW + packing.unshaped(prefix, kindred, row)) for row in kindred.rows]
        numbers = known or b""
        if len(kindred.rows) >= ENOUGH:
            shapes = kindred.learned()
            found = [self._number(numbers, shape) for shape, _ in shapes]
            if len(numbers) // _WIDTH + sum(number is None for number in found) <= _MOST_SHAPES:
                stored: list[Entry] = []
                for (shape, rows), there in zip(shapes, found, strict=True):
                    number = there or self._add(shape)
                    if not there:
                        numbers += number
                    stored += [(key, number + body) for key, body in rows]
                if numbers != known:
                    self._txn.put(frame, numbers, db=self._table.frames)
                return stored
        stored = []
        tried = self._tightest_first(numbers, kindred.rows[0])
        for row in kindred.rows:
            fitting = next((number + body for number, shape in tried if (body := shape.fit(row)) is not None), None)
            if fitting is None:
                full = len(numbers) // _WIDTH >= _MOST_SHAPES
                shape = kindred.loose(None if full else row)
                number = self._number(numbers, shape) or self._add(shape)
                numbers += number
                tried = self._tightest_first(numbers, row)
                body = shape.fit(row)
                assert body is not None
                fitting = number + body
            stored.append((row.key, fitting))
        if numbers != known:
            self._txn.put(frame, numbers, db=self._table.frames)
        return stored

    def _tightest_first(self, numbers: bytes, row: Row) -> list[tuple[bytes, Shape]]:
        """These shapes, the one first in which a record like ``row`` takes least if it fits."""
        found = [numbers[start : start + _WIDTH] for start in range(0, len(numbers), _WIDTH)]
        shapes = [(number, self._shape(number).shape) for number in dict.fromkeys(found)]
        return sorted(shapes, key=lambda pair: -pair[1].saved(len(row.suffix)))

    def _number(self, numbers: bytes, shape: Shape) -> bytes | None:
        """The number of ``shape`` if it is there and among ``numbers``."""
        found = self._txn.get(_digest(shape), db=self._table.digests)
        return found if found and any(found == numbers[at : at + 3] for at in range(0, len(numbers), 3)) else None

    def _add(self, shape: Shape) -> bytes:
        digest = _digest(shape)
        found = self._txn.get(digest, db=self._table.digests)  # perhaps of another prefix
        if found is None:
            self._last += 1
            found = _number(self._last)
            self._txn.put(found, _encode(shape), db=self._table.shapes)
            self._txn.put(digest, found, db=self._table.digests)
        return found

    def _room_for_frame(self, number: bytes) -> bool:
        cursor = self._txn.cursor(db=self._table.frames)
        there = cursor.set_range(number)
        count = 0
        while there and cursor.key()[:_WIDTH] == number:
            count += 1
            there = cursor.next()
        return count < _MOST_FRAMES

    def _shape(self, number: bytes) -> Compiled:
        if int.from_bytes(number) <= self._committed:
            return self._table.shape(self._txn, number)
        if number not in self._new:
            self._new[number] = self._table.load(self._txn, number)
        return self._new[number]


def taken(key: bytes) -> Conflict:
    """An identifier is there that should not be."""
    return Conflict(
        mark("{handle} is already registered."),
        remedy=mark("Choose another suffix, or change the existing identifier."),
        handle=key.decode(),
    )


def _number(number: int) -> bytes:
    if number > _MOST:
        raise Unavailable(
            mark("The identifier store is full: {count} kinds of records."),
            remedy=mark("Serve some prefixes from another node."),
            count=_MOST,
        )
    return number.to_bytes(_WIDTH)


def _digest(what: object) -> bytes:
    return hashlib.blake2b(_encode(what), digest_size=12).digest()

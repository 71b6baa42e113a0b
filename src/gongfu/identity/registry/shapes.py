"""What the records of one kind have in common, kept once; a record keeps only what is its own. Pure.

An enterprise registers thousands of things by one template: the same indexes, types and times to live, the same maker,
an address that ends in the identifier. A :class:`Shape` holds all of that. Each value's data is one of

    CONSTANT   ``left``                        the maker's name
    SUFFIX     ``left`` + suffix + ``right``   the address, the serial number
    OWN        ``left`` + octets of its own    a production date behind ``2026-``

What a record keeps behind its shape's number: modified u32, then only if the shape says so registered u32, a time stamp
for each value and the suffix as written; then for each OWN column a length octet and the octets. Rendering that
into the values as they go over the wire (RFC 3652 §3.2.2) is one bytes-format; it costs about a microsecond.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import IntEnum
from operator import attrgetter, itemgetter
from typing import TypeAlias

import msgspec

from gongfu.identity.handle import wire
from gongfu.identity.handle.wire import Value

U32 = struct.Struct(">I")
LONGEST = 255
"""Octets of data that a value of a shaped record may have."""
_LENGTHS = [U32.pack(number) for number in range(LONGEST + 1)]
_OCTET = [bytes((number,)) for number in range(LONGEST + 1)]
MOST_VALUES = 32
"""Values of a shaped record; one with more is kept as it is."""
ENOUGH = 16
"""Rows from which on equal data count as a constant of the enterprise and not as chance."""
_FEW = 50  # a column with this many times fewer different data than rows makes a shape for each of them

Frame: TypeAlias = tuple[tuple[int, str, int, int, int, tuple[wire.Reference, ...]], ...]
"""What stays when data and time stamps are left out of a record's values."""
_FRAME = attrgetter("index", "type", "ttl_type", "ttl", "permissions", "references")


class Kind(IntEnum):
    """How the data of one value is made."""

    CONSTANT = 0
    SUFFIX = 1
    OWN = 2


class Column(msgspec.Struct, frozen=True, array_like=True):
    """The data of one value."""

    kind: Kind
    left: bytes = b""
    right: bytes = b""


class Shape(msgspec.Struct, frozen=True, array_like=True):
    """The common part of many records."""

    public: int
    """Values that anyone may read; they come first."""
    other: int
    heads: list[bytes]
    """Of each value, up to the length of its data; the time stamp is left out (octets 4 to 8 are 0)."""
    tails: list[bytes]
    """Of each value, what follows its data."""
    columns: list[Column]
    own_times: bool = False
    """Time stamps are not all the time of modification."""
    own_registered: bool = False
    """It was modified after it was registered."""
    own_name: bool = False
    """The suffix is not written as its key."""

    @property
    def own(self) -> int:
        """Columns with octets of their own."""
        return sum(column.kind is Kind.OWN for column in self.columns)

    def fit(self, row: Row) -> bytes | None:
        """What ``row`` keeps in this shape; None when it is of another shape."""
        parts = [row.head]
        for column, data in zip(self.columns, row.data, strict=True):
            if column.kind is Kind.OWN:
                if not data.startswith(column.left):
                    return None
                rest = data[len(column.left) :]
                parts += (_OCTET[len(rest)], rest)
            elif data != (column.left if column.kind is Kind.CONSTANT else column.left + row.suffix + column.right):
                return None
        return b"".join(parts)


class Row(msgspec.Struct, frozen=True):
    """A record on its way into the store: ``head`` is what comes before the octets of its own columns."""

    key: bytes
    """Suffix part of the key."""
    suffix: bytes
    """Suffix as written."""
    head: bytes
    data: tuple[bytes, ...]


class Kindred(msgspec.Struct, frozen=True):
    """Rows that differ in their data only: of one frame, with the same three flags."""

    heads: list[bytes]
    tails: list[bytes]
    public: int
    flags: tuple[bool, bool, bool]
    rows: list[Row]

    def shape(self, columns: list[Column]) -> Shape:
        """The shape with these columns."""
        return Shape(self.public, len(self.heads) - self.public, self.heads, self.tails, columns, *self.flags)

    def loose(self, row: Row | None) -> Shape:
        """A shape without constants for ``row``, of which there are too few to learn from; for any row if None."""
        data = row.data if row else (b"",) * len(self.heads)
        return self.shape([(_around(octets, row.suffix) if row else None) or Column(Kind.OWN) for octets in data])

    def learned(self) -> list[tuple[Shape, list[tuple[bytes, bytes]]]]:
        """Shapes with the constants these rows share; for each, the keys of its rows and what they keep."""
        data = list(zip(*(row.data for row in self.rows), strict=True))
        few = [place for place, column in enumerate(data) if len(set(column)) <= max(1, len(column) // _FEW)]
        if not few:
            return [self._alike(self.rows)]
        kinds: dict[tuple[bytes, ...], list[Row]] = {}
        for row, of in zip(self.rows, zip(*(data[place] for place in few), strict=True), strict=True):
            kinds.setdefault(of, []).append(row)
        return [self._alike(rows) for rows in kinds.values()]

    def _alike(self, rows: list[Row]) -> tuple[Shape, list[tuple[bytes, bytes]]]:
        columns: list[Column] = []
        parts: list[Sequence[bytes]] = [[row.head for row in rows]]
        suffixes = [row.suffix for row in rows]
        for data in zip(*(row.data for row in rows), strict=True):
            least, most = min(data), max(data)
            if least == most and len(rows) > 1:
                columns.append(Column(Kind.CONSTANT, least))
                continue
            around = _around(data[0], suffixes[0])
            if around is not None and all(
                octets == around.left + suffix + around.right for octets, suffix in zip(data, suffixes, strict=True)
            ):
                columns.append(around)
                continue
            left = _common(least, most) if len(rows) > 1 else b""
            columns.append(Column(Kind.OWN, left))
            own = [octets[len(left) :] for octets in data]
            parts += ([_OCTET[len(octets)] for octets in own], own)
        bodies = map(b"".join, zip(*parts, strict=True))
        return self.shape(columns), list(zip((row.key for row in rows), bodies, strict=True))


def frame(values: Sequence[Value]) -> Frame:
    """What ``values`` are apart from data and time stamps."""
    return tuple(map(_FRAME, values))


def heads_and_tails(values: Sequence[Value]) -> tuple[list[bytes], list[bytes]]:
    """What the wire has before and behind the data of each value; time stamps are left out."""
    heads, tails = [], []
    for value in values:
        whole = wire.encode_value(replace(value, data=b"", timestamp=0))
        end = 18 + len(value.type.encode())
        heads.append(whole[:end])
        tails.append(whole[end + 4 :])
    return heads, tails


def fits(data: Sequence[bytes]) -> bool:
    """Whether a record with this data may have a shape at all; long ones are kept as they are."""
    return len(data) <= MOST_VALUES and max(map(len, data)) <= LONGEST


Render: TypeAlias = Callable[[bytes, bytes], bytes]
"""What is stored (shape number first) and the suffix of the key → the values as on the wire."""


class Compiled:
    """A shape ready to render."""

    __slots__ = ("public", "render", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.public = 0 if shape.other else shape.public
        """Number of values; 0 when there are some that not everyone may read."""
        self.render: Render = _compile(shape)

    def times(self, stored: bytes) -> tuple[int, int]:
        """Registered and modified."""
        modified = int.from_bytes(stored[3:7], "big")
        return (int.from_bytes(stored[7:11], "big") if self.shape.own_registered else modified), modified

    def name(self, stored: bytes) -> bytes:
        """The suffix as written; empty when that is its key."""
        if not self.shape.own_name:
            return b""
        at = self._name_at()
        return stored[at + 1 : at + 1 + stored[at]]

    def _name_at(self) -> int:
        return 7 + 4 * self.shape.own_registered + 4 * len(self.shape.columns) * self.shape.own_times


def _compile(shape: Shape) -> Render:
    # The format takes its arguments from a pool: suffix, times, then for each OWN column length and octets, then the
    # lengths of the SUFFIX columns. A getter puts them into the order of the values.
    times = len(shape.columns) if shape.own_times else 1
    own_at = 1 + times
    length_at = own_at + 2 * shape.own
    own: list[int] = []
    lengths: list[int] = []
    order: list[int] = []
    text: list[bytes] = []
    for number, (head, tail, column) in enumerate(zip(shape.heads, shape.tails, shape.columns, strict=True)):
        text += (_literal(head[:4]), b"%b", _literal(head[8:]))
        order.append(1 + (number if shape.own_times else 0))
        if column.kind is Kind.CONSTANT:
            text.append(_literal(U32.pack(len(column.left)) + column.left))
        else:
            text += (b"%b", _literal(column.left), b"%b", _literal(column.right))
            if column.kind is Kind.OWN:
                order += (own_at + 2 * len(own), own_at + 2 * len(own) + 1)
                own.append(len(column.left))
            else:
                order += (length_at + len(lengths), 0)
                lengths.append(len(column.left) + len(column.right))
        text.append(_literal(tail))
    pattern = b"".join(text)
    arrange: Callable[[list[bytes]], tuple[bytes, ...]] = itemgetter(*order, 0)  # 0 again: never just one
    pattern += b"%.0b"
    start = 7 + 4 * shape.own_registered
    own_times, own_name, own_lengths, suffix_lengths = shape.own_times, shape.own_name, tuple(own), tuple(lengths)

    def render(stored: bytes, suffix: bytes) -> bytes:
        at = start
        pool = [suffix]
        if own_times:
            for _ in range(times):
                pool.append(stored[at : at + 4])
                at += 4
        else:
            pool.append(stored[3:7])
        if own_name:
            end = at + 1 + stored[at]
            pool[0] = suffix = stored[at + 1 : end]
            at = end
        for constant in own_lengths:
            length = stored[at]
            end = at + 1 + length
            pool += (_LENGTHS[constant + length], stored[at + 1 : end])
            at = end
        for constant in suffix_lengths:
            pool.append(_LENGTHS[constant + len(suffix)])
        return pattern % arrange(pool)

    return render


def _around(data: bytes, suffix: bytes) -> Column | None:
    at = data.find(suffix) if suffix else -1
    return None if at < 0 else Column(Kind.SUFFIX, data[:at], data[at + len(suffix) :])


def _common(least: bytes, most: bytes) -> bytes:
    """How both begin; and with them all that sort between."""
    end = next((at for at, (one, other) in enumerate(zip(least, most, strict=False)) if one != other), len(least))
    return least[:end]


def _literal(octets: bytes) -> bytes:
    return octets.replace(b"%", b"%%")

"""What the records of one kind have in common, kept once; a record keeps only what is its own. Pure.

An enterprise registers thousands of things by one template: the same indexes, types and times to live, the same maker,
an address that ends in the identifier. A :class:`Shape` holds all of that. Each value's data is one of

    CONSTANT   ``left``                        the maker's name
    SUFFIX     ``left`` + suffix + ``right``   the address, the serial number
    OWN        ``left`` + octets of its own    a production date behind ``2026-``

What a record keeps behind its shape's number: modified u32, then only if the shape says so registered u32, a time stamp
for each value and the suffix as written; then for each OWN column a length octet and the octets. Rendering that
into the values as they go over the wire (RFC 3652 §3.2.2) is one join; it costs about a microsecond.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import IntEnum
from functools import lru_cache
from operator import attrgetter
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

_MOST_SHARED = 200_000
_shared: dict[bytes, bytes] = {}
"""Constants of shapes that were compiled: most are the same in many, and then lie in the processor's cache."""

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

    def saved(self, suffix: int) -> int:
        """Octets that a record with so long a suffix need not keep."""
        kept = sum(len(column.left) + len(column.right) for column in self.columns)
        return kept - self.own + suffix * sum(column.kind is Kind.SUFFIX for column in self.columns)

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
    constants: list[bytes] = []
    sizes: list[int] = []
    last = b""
    for head, tail, column in zip(shape.heads, shape.tails, shape.columns, strict=True):
        constants.append(last + head[:4])
        if column.kind is Kind.CONSTANT:
            last = head[8:] + U32.pack(len(column.left)) + column.left + tail
            continue
        constants += (head[8:], column.left)
        last = column.right + tail
        sizes.append(len(column.left) + len(column.right))
    constants.append(last)
    if len(_shared) > _MOST_SHARED:
        _shared.clear()
    constants = [_shared.setdefault(constant, constant) for constant in constants]
    kinds = tuple(column.kind for column in shape.columns)
    return _renderer(kinds, shape.own_times, shape.own_registered, shape.own_name)(constants, sizes)


@lru_cache(1_024)
def _renderer(
    kinds: tuple[Kind, ...], own_times: bool, own_registered: bool, own_name: bool
) -> Callable[[Sequence[bytes], Sequence[int]], Render]:
    """Makes the function that joins constants and what a record keeps, for shapes that are built alike.

    Written out as source because a loop over the columns takes twice as long, and it runs for every question. No octet
    of a record gets into the source: it depends on nothing but these four arguments.
    """
    at = 7 + 4 * own_registered
    lines = []
    if own_times:
        lines += [f"t{number} = stored[{at + 4 * number}:{at + 4 * number + 4}]" for number in range(len(kinds))]
        at += 4 * len(kinds)
    else:
        lines.append("time = stored[3:7]")
    lines.append(f"at = {at}")
    if own_name:
        lines += ["end = at + 1 + stored[at]", "suffix = stored[at + 1:end]", "at = end"]
    lines.append("length = len(suffix)")
    parts: list[str] = []
    constant = size = 0
    for number, kind in enumerate(kinds):
        parts += (f"c{constant}", f"t{number}" if own_times else "time")
        constant += 1
        if kind is Kind.CONSTANT:
            continue
        own = f"own{number}" if kind is Kind.OWN else "suffix"
        if kind is Kind.OWN:
            lines += [f"n{number} = stored[at]", f"end = at + 1 + n{number}", f"{own} = stored[at + 1:end]", "at = end"]
        length = f"n{number}" if kind is Kind.OWN else "length"
        parts += (f"c{constant}", f"lengths[s{size} + {length}]", f"c{constant + 1}", own)
        constant += 2
        size += 1
    parts.append(f"c{constant}")
    unpack = [f"{', '.join(f'c{number}' for number in range(constant + 1))}, = constants"]
    if size:
        unpack.append(f"{', '.join(f's{number}' for number in range(size))}, = sizes")
    source = "\n ".join(("def make(constants, sizes):", *unpack, "def render(stored, suffix):"))
    source += "".join(f"\n  {line}" for line in (*lines, f"return join(({', '.join(parts)},))")) + "\n return render"
    made: dict[str, Callable[[Sequence[bytes], Sequence[int]], Render]] = {}
    exec(source, {"lengths": _LENGTHS, "join": b"".join}, made)  # noqa: S102 - see above
    return made["make"]


def _around(data: bytes, suffix: bytes) -> Column | None:
    at = data.find(suffix) if suffix else -1
    return None if at < 0 else Column(Kind.SUFFIX, data[:at], data[at + len(suffix) :])


def _common(least: bytes, most: bytes) -> bytes:
    """How both begin; and with them all that sort between."""
    end = next((at for at, (one, other) in enumerate(zip(least, most, strict=False)) if one != other), len(least))
    return least[:end]

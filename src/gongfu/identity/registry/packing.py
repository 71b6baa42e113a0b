"""Records on their way into the store: grouped by prefix and by what they have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

import msgspec

from gongfu.identity.handle import names
from gongfu.identity.registry import records, shapes
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.shapes import U32, Compiled, Kindred, Row
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

RAW = b"\0\0\0"
"""Instead of a shape's number: the record follows as :mod:`records` lays it out."""
_DATA = attrgetter("data")
_TIMESTAMP = attrgetter("timestamp")


class Packed(msgspec.Struct, frozen=True):
    """The records of a batch that stand under one prefix."""

    prefix: bytes
    """Key of the prefix."""
    kindred: list[Kindred]
    raw: list[tuple[bytes, bytes]]
    """Suffix part of the key and what is stored, of records that have no shape."""

    @property
    def number(self) -> int:
        """How many records."""
        return len(self.raw) + sum(len(kind.rows) for kind in self.kindred)


class _Frame:
    """What is found out once for all records with the same frame."""

    __slots__ = ("heads", "indexes", "order", "public", "tails")

    def __init__(self, record: Record) -> None:
        records.check(record.handle, record.values)
        values = sorted(record.values, key=lambda value: (not value.public, value.index))
        self.order = None if values == list(record.values) else [record.values.index(value) for value in values]
        self.heads, self.tails = shapes.heads_and_tails(values)
        self.public = sum(value.public for value in values)
        self.indexes = [value.index for value in record.values]


_frames: dict[shapes.Frame, _Frame] = {}
"""Those that came lately: an enterprise registers one identifier like the other. Emptied when there are too many."""
_MOST_FRAMES = 1_000


def _frame(record: Record) -> _Frame:
    known = shapes.frame(record.values)
    frame = _frames.get(known)
    if frame is None:
        frame = _Frame(record)
        if len(_frames) >= _MOST_FRAMES:
            _frames.clear()
        _frames[known] = frame
    return frame


def pack(batch: Iterable[tuple[bytes, Record]]) -> list[Packed]:
    """Records with their keys, all different, by prefix and in no order. Raises :class:`Invalid`."""
    groups: dict[tuple[_Frame, bytes, bool, bool, bool], Kindred] = {}
    prefixes: dict[bytes, Packed] = {}
    modified_at: dict[int, bytes] = {}
    for key, record in batch:
        prefix, _, suffix = key.partition(b"/")
        if len(key) > names.MAX_LENGTH or not prefix or not suffix:
            records.check_name(record.handle)
        packed = prefixes.get(prefix)
        if packed is None:
            packed = prefixes[prefix] = Packed(prefix, [], [])
        values = record.values
        frame = _frame(record)
        data = tuple(map(_DATA, values))
        written = record.handle.prefix.encode()
        if written != prefix or not shapes.fits(data):
            packed.raw.append((suffix, RAW + records.encode(record)))
            continue
        modified = record.modified
        head = modified_at.get(modified)
        if head is None:
            head = modified_at[modified] = _u32(record, modified)
        own_registered = record.registered != modified
        if own_registered:
            head += _u32(record, record.registered)
        times = list(map(_TIMESTAMP, values))
        own_times = times.count(modified) != len(times)
        if frame.order:
            data = tuple([data[place] for place in frame.order])
        if own_times:
            order = frame.order or range(len(times))
            head += b"".join(_time(record, frame, place, times[place]) for place in order)
        name = record.handle.suffix.encode()
        own_name = name != suffix
        if own_name:
            head += bytes((len(name),)) + name
        group = (frame, prefix, own_times, own_registered, own_name)
        kindred = groups.get(group)
        if kindred is None:
            kindred = groups[group] = Kindred(
                frame.heads, frame.tails, frame.public, (own_times, own_registered, own_name), []
            )
            packed.kindred.append(kindred)
        kindred.rows.append(Row(suffix, name, head, data))
    return list(prefixes.values())


def _time(record: Record, frame: _Frame, place: int, time: int) -> bytes:
    records.check_numbers(record.handle, frame.indexes[place], time)
    return U32.pack(time)


def _u32(record: Record, time: int) -> bytes:
    if not 0 <= time < 2**32:
        raise Invalid(mark("The time {time} of {handle} does not fit 32 bits."), time=time, handle=record.handle)
    return U32.pack(time)


def is_raw(stored: bytes) -> bool:
    """Whether what is stored has no shape."""
    return stored[:3] == RAW


def whole(key: bytes, stored: bytes, shape: Compiled) -> bytes:
    """The record with that key and shape, as :mod:`records` lays it out."""
    prefix, _, suffix = key.partition(b"/")
    registered, modified = shape.times(stored)
    name = shape.name(stored)
    if name:
        name = prefix + b"/" + name
    public, other = shape.shape.public, shape.shape.other
    head = records.HEAD.pack(records.VERSION, registered, modified, public, other, len(name))
    return head + name + shape.render(stored, suffix)


def unshaped(prefix: bytes, kindred: Kindred, row: Row) -> bytes:
    """The same for a row on its way into the store."""
    shape = kindred.loose(None)
    body = shape.fit(row)
    assert body is not None
    return whole(prefix + b"/" + row.key, RAW + body, Compiled(shape))

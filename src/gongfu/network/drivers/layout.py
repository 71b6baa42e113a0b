"""Numbers at fixed places in a run of bytes, unpacked in one step: what makes polling as fast as its library."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from gongfu.network.drivers.contract import Numbers


class Field(msgspec.Struct, frozen=True):
    """A number: ``code`` of the ``struct`` module at byte ``start``."""

    series: int
    start: int
    code: str


class Layout:
    """Fields that do not overlap. ``endian``: ``>`` or ``<``."""

    def __init__(self, endian: str, fields: Sequence[Field]) -> None:
        form, at = endian, 0
        for field in fields:
            form += f"{field.start - at}x{field.code}"
            at = field.start + struct.calcsize(f"{endian}{field.code}")
        self._struct = struct.Struct(form)
        self._series = tuple(field.series for field in fields)

    def numbers(self, data: bytes) -> Numbers:
        """The number in each field."""
        return Numbers(self._series, self._struct.unpack_from(data))


def layouts(endian: str, fields: Sequence[Field]) -> list[Layout]:
    """As few layouts as hold all ``fields``: one, unless two tags read the same bytes."""
    rows: list[list[Field]] = []
    ends: list[int] = []
    for field in sorted(fields, key=lambda field: field.start):
        row = next((i for i, end in enumerate(ends) if end <= field.start), len(rows))
        if row == len(rows):
            rows.append([])
            ends.append(0)
        rows[row].append(field)
        ends[row] = field.start + struct.calcsize(f"{endian}{field.code}")
    return [Layout(endian, row) for row in rows]

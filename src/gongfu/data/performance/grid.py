"""Slices of time as the store reads them: a number for every hour, and for every minute of hours that are cut. Pure.

Roll-ups exist by hour, by ten minutes and by minute. An hour that lies in one slice is read as an hour; one that a
break or the end of a shift cuts at ten past, half past and the like in pieces of ten minutes, any other minute by
minute. So a month of a machine is some thousand rows, and sums are exact.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from gongfu.data.performance.calendars import DAY, Slice

HOUR: Final = 3600
TEN: Final = 600
MINUTE: Final = 60
BEFORE: Final = DAY
"""Counters are read from so long before, so that what was counted over the first boundary is known."""
BESIDE: Final = 1
"""The number of time that is only read to know what a counter said before."""
FIRST: Final = 2
_CUT: Final = 0x8000
_MOST_CUT: Final = 150
_MOST_SECONDS: Final = 32 * DAY


class Grid(msgspec.Struct, frozen=True):
    """One question: where it begins, and the numbers as hexadecimal text."""

    low: int
    """First second read; a whole hour."""
    high: int
    hours: str
    """Four digits (little end first) an hour: a number, or from 0x8000 on an index into :attr:`minutes`."""
    minutes: str
    keys: tuple[Slice, ...]
    """Slice of each number from :data:`FIRST` on; of several that share a number, the first."""
    tens: tuple[int, ...]
    """Hours after :attr:`low` that are read in pieces of ten minutes."""
    cut: tuple[int, ...]
    """Those that are read minute by minute."""

    @property
    def steps(self) -> list[int]:
        """Levels of roll-ups that are read."""
        return [HOUR, *([TEN] if self.tens else []), *([MINUTE] if self.cut else [])]


def grids(slices: Sequence[Slice]) -> Iterator[Grid]:
    """``slices`` (whole minutes, without gap, in order) as questions of bearable size."""
    part: list[Slice] = []
    cuts = 0
    for one in slices:
        cut = one.start % HOUR != 0
        if part and (cuts + cut > _MOST_CUT or one.end - part[0].start > _MOST_SECONDS):
            yield _grid(part)
            part, cuts = [], 0
        part.append(one)
        cuts += cut
    if part:
        yield _grid(part)


def _grid(slices: Sequence[Slice]) -> Grid:
    start, end = slices[0].start, slices[-1].end
    low = start // HOUR * HOUR - BEFORE
    high = -(-end // HOUR) * HOUR
    labels: dict[tuple[object, ...], int] = {}
    keys: list[Slice] = []
    hours = [BESIDE] * ((high - low) // HOUR)
    blocks: dict[int, list[int]] = {}
    for one in slices:
        key = (one.day, one.shift, one.planned)
        if key not in labels:
            labels[key] = len(keys) + FIRST
            keys.append(one)
        number = labels[key]
        for hour in range((one.start - low) // HOUR, -(-(one.end - low) // HOUR)):
            begin = low + hour * HOUR
            first, last = max(one.start, begin), min(one.end, begin + HOUR)
            if last - first == HOUR:
                hours[hour] = number
                continue
            block = blocks.setdefault(hour, [BESIDE] * 60)
            for minute in range((first - begin) // MINUTE, (last - begin) // MINUTE):
                block[minute] = number
    minutes: list[int] = []
    tens: list[int] = []
    cut: list[int] = []
    for index, (hour, block) in enumerate(sorted(blocks.items())):
        hours[hour] = _CUT + index
        minutes += block
        (tens if _in_tens(block) else cut).append(hour)
    return Grid(low, high, _hex(hours), _hex(minutes), tuple(keys), tuple(tens), tuple(cut))


def _in_tens(block: Sequence[int]) -> bool:
    """Whether the numbers of an hour's minutes change only every ten minutes."""
    return all(len(set(block[begin : begin + 10])) == 1 for begin in range(0, 60, 10))


def _hex(numbers: Sequence[int]) -> str:
    return struct.pack(f"<{len(numbers)}H", *numbers).hex()

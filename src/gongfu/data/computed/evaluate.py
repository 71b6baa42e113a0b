"""One computed tag at work: readings in, values out, in order of source time. Pure.

A value is computed for each moment at which an input spoke, once everything of that moment is there: a reading that is
later, or :data:`SETTLE` of the clock, closes a moment. With a grid it is computed at full multiples of the interval,
from what was known then. A reading older than the last moment changes nothing any more and is counted as late; the
history can be computed anew by the same code over stored readings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from gongfu.data.computed.functions import Kind, Memory, Moment, Value
from gongfu.data.computed.rules import ComputedConfig, Input, compiled
from gongfu.kernel.readings import Quality

SETTLE: Final = 500_000
"""Microseconds."""
_SECOND: Final = 1_000_000
_MOST_STEPS: Final = 1_000
"""Of a grid, at once: a clock that jumps by a year does not make a year of values."""


class Row(NamedTuple):
    """A reading of an input."""

    time: int
    series: int
    value: Value
    quality: int


class Result(NamedTuple):
    """A value of the computed tag; None is stored as *bad*."""

    time: int
    value: Value
    quality: int


@dataclass(slots=True)
class _Known:
    time: int
    value: Value
    quality: int


class CalculationMemory(msgspec.Struct, frozen=True):
    """What must outlive the process."""

    done: int
    known: dict[int, tuple[int, float | str | None, int]]
    kept: dict[str, Memory]
    silent: bool = False


class Calculation:
    """Raises :class:`Invalid` when ``config`` cannot be computed."""

    def __init__(self, config: ComputedConfig) -> None:
        self.config = config
        self.late = 0
        self._expression = compiled(config)
        self._used = {name: one for name, one in config.inputs.items() if name in self._expression.names}
        self._members = frozenset(series for one in self._used.values() for series in one.series)
        self._known: dict[int, _Known] = {}
        self._zone = ZoneInfo(config.zone)
        self._gap = round(config.gap * _SECOND)
        self._grid = round(config.every * _SECOND)
        self._done = 0
        """The last moment that was computed."""
        self._open: int | None = None
        """A moment of which more may come."""
        self._heard = (0, 0)
        """Newest source time, and the clock then."""
        self._silent = True
        """Whether the last value was unknown."""

    @property
    def members(self) -> frozenset[int]:
        """Series it listens to."""
        return self._members

    def take(self, rows: Iterable[Row], clock: int) -> list[Result]:
        """What follows from ``rows``, in order of time; ``clock`` in microseconds that never step."""
        results: list[Result] = []
        for row in rows:
            if row.time <= self._done:
                self.late += 1
                continue
            results += self._until(row.time)
            self._known[row.series] = _Known(row.time, *_checked(row))
            self._open = row.time
            if row.time > self._heard[0]:
                self._heard = row.time, clock
        return results

    def tick(self, clock: int) -> list[Result]:
        """What follows from the clock alone."""
        if self._open is None or clock - self._heard[1] < SETTLE:
            return []
        if not self._grid:
            return list(self._until(self._open + 1))
        if self._silent and self._heard[0] + self._gap < self._done:
            return []  # nobody has spoken for long, and that has been said
        return list(self._until(self._heard[0] + clock - self._heard[1] - SETTLE))

    def finish(self) -> list[Result]:
        """The moment that is open, when nothing more will come: for a history."""
        return [] if self._open is None else list(self._until(self._open + (self._grid or 1)))

    def _until(self, time: int) -> Iterator[Result]:
        """Moments before ``time`` that are complete."""
        if not self._grid:
            if self._open is not None and self._open < time and self._open > self._done:
                yield from self._compute(self._open)
            return
        if self._open is None:
            return
        step = (self._done or self._open - 1) // self._grid + 1
        last = (time - 1) // self._grid
        for number in range(max(step, last - _MOST_STEPS), last + 1):
            yield from self._compute(number * self._grid)

    def _compute(self, time: int) -> Iterator[Result]:
        self._done = time
        moment = Moment(time, {}, self._gap, self._zone)
        quality = int(Quality.GOOD)
        for name, one in self._used.items():
            value, worst = self._input(one, time)
            moment.values[name] = value
            quality = max(quality, worst)
        value = self._expression.value(moment)
        if value is None:
            if not self._silent:
                self._silent = True
                yield Result(time, None, int(Quality.BAD))
            return
        self._silent = False
        if self.config.kind is Kind.BOOLEAN:
            value = float(bool(value))
        yield Result(time, value, max(quality, int(Quality.UNCERTAIN)) if moment.uncertain else quality)

    def _input(self, one: Input, time: int) -> tuple[Value, int]:
        """Its value at ``time``, and how far that may be believed."""
        found = [known for series in one.series if (known := self._known.get(series)) is not None]
        values = [known.value for known in found if known.value is not None]
        if not values:
            return None, int(Quality.GOOD)
        stale = any(time - known.time > self._gap for known in found)
        worst = max(known.quality for known in found if known.value is not None)
        if stale or len(values) < len(one.series):
            worst = max(worst, int(Quality.UNCERTAIN))
        if one.together == "one":
            return values[0], worst
        numbers = [value for value in values if isinstance(value, float | int)]
        return _together(one.together, numbers), worst

    def memory(self) -> CalculationMemory:
        """For :meth:`recall`."""
        return CalculationMemory(
            self._done,
            {series: (known.time, known.value, known.quality) for series, known in self._known.items()},
            {key: keeper.memory() for key, keeper in self._expression.keepers.items()},
            self._silent,
        )

    def recall(self, memory: CalculationMemory) -> None:
        """Go on from ``memory``: of inputs still used, and of functions still written as they were."""
        self._done, self._silent = memory.done, memory.silent
        self._known = {
            series: _Known(time, value, quality)
            for series, (time, value, quality) in memory.known.items()
            if series in self._members
        }
        newest = max((known.time for known in self._known.values()), default=0)
        self._heard = (newest, 0)
        self._open = newest or None
        for key, keeper in self._expression.keepers.items():
            if key in memory.kept:
                keeper.recall(memory.kept[key])


def _checked(row: Row) -> tuple[Value, int]:
    value = row.value
    if row.quality >= Quality.BAD or (isinstance(value, float) and not math.isfinite(value)):
        return None, int(Quality.BAD)
    return value, row.quality


def _together(how: str, numbers: list[float]) -> float:
    match how:
        case "sum":
            return math.fsum(numbers)
        case "mean":
            return math.fsum(numbers) / len(numbers)
        case "min":
            return min(numbers)
        case "max":
            return max(numbers)
    return float(len(numbers))

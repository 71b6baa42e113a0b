"""The functions of the language: what they take, what they give, and what those with a memory do. Pure.

A value is a number (true is 1, false 0), a text, or None: unknown. What is computed from unknown is unknown.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from gongfu.data.computed.windows import Window

Value: TypeAlias = float | str | None
Memory: TypeAlias = list[list[float | None]]
_SECOND: Final = 1_000_000
_ENOUGH: Final = 0.5
"""A window of which less is covered makes the result uncertain."""


class Kind(StrEnum):
    """What a value is; the words are those of :class:`gongfu.platform.devices.models.Tag.Kind`."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"


@dataclass(slots=True)
class Moment:
    """One evaluation."""

    time: int
    """Microseconds UTC."""
    values: dict[str, Value]
    gap: int
    """A value holds no longer than this, microseconds."""
    zone: ZoneInfo
    uncertain: bool = False
    """Set by who could only guess."""


class Keeper(Protocol):
    """A function with a memory. Called once in every evaluation, in order of time."""

    def value(self, moment: Moment, given: float | None) -> float | None:
        """Its result, ``given`` its first argument now."""
        ...

    def memory(self) -> Memory:
        """What must outlive the process."""
        ...

    def recall(self, memory: Memory) -> None:
        """Go on from :meth:`memory`; raises :class:`ValueError` or :class:`TypeError` for anything else."""
        ...


class Windowed:
    """A figure of a window."""

    def __init__(self, length: int, figure: Callable[[Window], float | None]) -> None:
        self._window = Window(length)
        self._figure = figure
        self._last: tuple[int, float] | None = None

    def value(self, moment: Moment, given: float | None) -> float | None:
        """The figure now."""
        window = self._window
        if self._last is not None:
            since, held = self._last
            if 0 < moment.time - since <= moment.gap:
                window.hold(since, moment.time, held)
        if given is not None:
            window.take(moment.time, given)
        self._last = None if given is None else (moment.time, given)
        window.advance(moment.time)
        if window.coverage < _ENOUGH:
            moment.uncertain = True
        return self._figure(window)

    def memory(self) -> Memory:
        """The slots, and last what holds now."""
        slots: Memory = [[*slot] for slot in self._window.memory()]
        return [*slots, [float(part) for part in self._last or ()]]

    def recall(self, memory: Memory) -> None:
        """As :class:`Keeper` says."""
        *slots, last = _rows(memory)
        self._window.recall(slots)
        self._last = (int(last[0]), last[1]) if len(last) == 2 else None


class Sum:
    """Something that only adds up: an integral, hours, increases, starts. Subclassed by what is added."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._time: int | None = None
        self._before: float | None = None

    def value(self, moment: Moment, given: float | None) -> float | None:
        """The sum now."""
        if self._time is not None and self._before is not None:
            elapsed = moment.time - self._time
            self._sum += self._step(elapsed if 0 < elapsed <= moment.gap else 0, self._before, given)
        if given is not None or self._holds(moment):
            self._before = given if given is not None else self._before
        self._time = moment.time
        return self._sum

    def _holds(self, moment: Moment) -> bool:
        """Whether what was before an unknown value counts on: it does for meters, whose count goes on unseen."""
        return False

    def _step(self, elapsed: int, before: float, given: float | None) -> float:
        raise NotImplementedError

    def memory(self) -> Memory:
        """Sum, time, value."""
        return [[self._sum, self._time, self._before]]

    def recall(self, memory: Memory) -> None:
        """As :class:`Keeper` says."""
        total, time, before = _numbers(memory)
        if total is None or not math.isfinite(total):
            raise ValueError(total)
        self._sum, self._time, self._before = total, None if time is None else int(time), before


class Integral(Sum):
    """Value × time: kW become kWh with ``"h"``. Over a gap nothing is added."""

    def __init__(self, unit: int) -> None:
        super().__init__()
        self._unit = unit

    def value(self, moment: Moment, given: float | None) -> float | None:
        """Over an unknown value nothing is added either."""
        found = super().value(moment, given)
        if given is None:
            self._before = None
        return found

    def _step(self, elapsed: int, before: float, given: float | None) -> float:
        return before * elapsed / self._unit


class Increase(Sum):
    """How far a counter went on; one that fell began anew, and what it shows then is what it went on."""

    def _holds(self, moment: Moment) -> bool:
        return True

    def _step(self, elapsed: int, before: float, given: float | None) -> float:
        if given is None:
            return 0.0
        return given - before if given >= before else max(0.0, given)


class Starts(Sum):
    """How often a condition became true."""

    def _holds(self, moment: Moment) -> bool:
        return True

    def _step(self, elapsed: int, before: float, given: float | None) -> float:
        return 1.0 if given and not before else 0.0


class Since:
    """Seconds for which a condition has been true."""

    def __init__(self) -> None:
        self._began: int | None = None

    def value(self, moment: Moment, given: float | None) -> float | None:
        """0 while it is false."""
        if given is None:
            return None
        if not given:
            self._began = None
            return 0.0
        if self._began is None:
            self._began = moment.time
        return (moment.time - self._began) / _SECOND

    def memory(self) -> Memory:
        """When it began."""
        return [[self._began]]

    def recall(self, memory: Memory) -> None:
        """As :class:`Keeper` says."""
        (began,) = _numbers(memory)
        self._began = None if began is None else int(began)


class Previous:
    """The value of the evaluation before, or by how much it changed in a second since then."""

    def __init__(self, *, rate: bool) -> None:
        self._rate = rate
        self._time: int | None = None
        self._before: float | None = None

    def value(self, moment: Moment, given: float | None) -> float | None:
        """Unknown the first time; a rate also over a gap."""
        before, since = self._before, self._time
        if given is not None:
            self._before, self._time = given, moment.time
        if not self._rate:
            return before
        if given is None or before is None or since is None or not 0 < moment.time - since <= moment.gap:
            return None
        return (given - before) * _SECOND / (moment.time - since)

    def memory(self) -> Memory:
        """Time and value."""
        return [[self._time, self._before]]

    def recall(self, memory: Memory) -> None:
        """As :class:`Keeper` says."""
        time, self._before = _numbers(memory)
        self._time = None if time is None else int(time)


class Period:
    """By how much something that adds up has grown since local midnight, or since the month began."""

    def __init__(self, *, month: bool) -> None:
        self._month = month
        self._base: float | None = None
        self._until = 0
        self._last: float | None = None

    def value(self, moment: Moment, given: float | None) -> float | None:
        """What came over midnight belongs to the new period from the last value before it on."""
        if given is None:
            return None
        if moment.time >= self._until:
            self._base = given if self._last is None else self._last
            self._until = self._end(moment)
        if self._base is None or given < self._base:
            self._base = 0.0 if self._base is not None else given  # it began anew
        self._last = given
        return given - self._base

    def _end(self, moment: Moment) -> int:
        now = dt.datetime.fromtimestamp(moment.time / _SECOND, moment.zone)
        day = now.date().replace(day=1) if self._month else now.date()
        day = (day + dt.timedelta(days=32)).replace(day=1) if self._month else day + dt.timedelta(days=1)
        return round(dt.datetime.combine(day, dt.time(), moment.zone).timestamp() * _SECOND)

    def memory(self) -> Memory:
        """Base, end, last."""
        return [[self._base, self._until, self._last]]

    def recall(self, memory: Memory) -> None:
        """As :class:`Keeper` says."""
        self._base, until, self._last = _numbers(memory)
        self._until = int(until or 0)


def _numbers(memory: Memory) -> list[float | None]:
    (row,) = memory
    return row


def _rows(memory: Memory) -> list[list[float]]:
    return [[float(part) for part in row if part is not None] for row in memory]


def _spread(window: Window) -> float | None:
    least, most = window.least, window.most
    return None if least is None or most is None else most - least


WINDOWED: Final[dict[str, Callable[[Window], float | None]]] = {
    "mean": lambda window: window.mean,
    "min": lambda window: window.least,
    "max": lambda window: window.most,
    "sum": lambda window: window.total,
    "count": lambda window: float(window.count),
    "spread": _spread,
}
"""Functions of a value and a length such as ``"10m"``."""
KEPT: Final[dict[str, Callable[[], Keeper]]] = {
    "increase": Increase,
    "starts": Starts,
    "held": Since,
    "hours": lambda: Integral(3600 * _SECOND),
    "previous": lambda: Previous(rate=False),
    "rate": lambda: Previous(rate=True),
    "today": lambda: Period(month=False),
    "this_month": lambda: Period(month=True),
}
"""Functions of one value that remember."""
TOTAL_UNITS: Final = {"s": _SECOND, "min": 60 * _SECOND, "h": 3600 * _SECOND, "d": 86_400 * _SECOND}
"""Second argument of ``total``."""
PLAIN: Final[dict[str, Callable[[float], float]]] = {
    "abs": abs,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "ln": math.log,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "floor": math.floor,
    "ceil": math.ceil,
}
"""Functions of one number; where they are not defined the result is unknown."""

"""What a value was over the last minutes, hours or days, in bounded memory. Pure.

A window is kept as :data:`SLOTS` slots of equal length, each with what held in it: so a window of a month over a tag
that speaks a thousand times a second costs as much as one of a minute, and what is wrong at its old end is at most one
slot.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

SLOTS: Final = 300
_SECOND: Final = 1_000_000


@dataclass(slots=True)
class _Slot:
    number: int
    """Its begin is this many slot lengths since 1970."""
    covered: int = 0
    """Microseconds for which a value is known."""
    integral: float = 0.0
    """Of the value over the covered time, value × µs."""
    least: float = math.inf
    most: float = -math.inf
    count: int = 0
    """Values that came, and their sum."""
    total: float = 0.0


class Window:
    """The last ``length`` microseconds of a value. Times only go forward."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._slot = max(1, length // SLOTS)
        self._slots: deque[_Slot] = deque()

    def hold(self, begin: int, end: int, value: float) -> None:
        """It was ``value`` from ``begin`` until ``end``."""
        begin = max(begin, end - self.length - self._slot)
        while begin < end:
            slot = self._at(begin)
            until = min(end, (slot.number + 1) * self._slot)
            slot.covered += until - begin
            slot.integral += value * (until - begin)
            slot.least, slot.most = min(slot.least, value), max(slot.most, value)
            begin = until

    def take(self, time: int, value: float) -> None:
        """``value`` came at ``time``."""
        slot = self._at(time)
        slot.count += 1
        slot.total += value
        slot.least, slot.most = min(slot.least, value), max(slot.most, value)

    def _at(self, time: int) -> _Slot:
        number = time // self._slot
        if not self._slots or number > self._slots[-1].number:
            self._slots.append(_Slot(number))
            self._forget(number - SLOTS - 1)
            return self._slots[-1]
        for slot in reversed(self._slots):  # the last or the one before it
            if slot.number == number:
                return slot
        return self._slots[-1]

    def _forget(self, until: int) -> None:
        while self._slots and self._slots[0].number < until:
            self._slots.popleft()

    def advance(self, now: int) -> None:
        """What is older than the window, seen from ``now``, is gone."""
        self._forget((now - self.length) // self._slot)

    @property
    def coverage(self) -> float:
        """The share of the window for which a value is known, 0 to 1."""
        return min(1.0, sum(slot.covered for slot in self._slots) / self.length)

    @property
    def mean(self) -> float | None:
        """Time-weighted; of the values that came while none lasted."""
        covered = sum(slot.covered for slot in self._slots)
        if covered:
            return math.fsum(slot.integral for slot in self._slots) / covered
        return self.total / self.count if self.count else None

    @property
    def least(self) -> float | None:
        """The smallest; None when nothing was."""
        found = min((slot.least for slot in self._slots), default=math.inf)
        return None if math.isinf(found) else found

    @property
    def most(self) -> float | None:
        """The greatest; None when nothing was."""
        found = max((slot.most for slot in self._slots), default=-math.inf)
        return None if math.isinf(found) else found

    @property
    def count(self) -> int:
        """Values that came."""
        return sum(slot.count for slot in self._slots)

    @property
    def total(self) -> float:
        """Their sum."""
        return math.fsum(slot.total for slot in self._slots)

    def memory(self) -> list[list[float]]:
        """For :meth:`recall`; a slot is a list of seven numbers."""
        return [
            [s.number, s.covered, s.integral, s.least, s.most, s.count, s.total]
            for s in self._slots
            if s.count or s.covered
        ]

    def recall(self, memory: list[list[float]]) -> None:
        """Go on from :meth:`memory`; raises :class:`ValueError` for anything else."""
        slots: deque[_Slot] = deque()
        for row in memory:
            number, covered, integral, least, most, count, total = row
            slots.append(_Slot(int(number), int(covered), integral, least, most, int(count), total))
        self._slots = slots


def seconds(text: str) -> int | None:
    """Microseconds of a length such as ``90s``, ``10m``, ``8h``, ``7d``; None if it is none or beyond 31 days."""
    number, unit = text[:-1].strip(), text[-1:].lower()
    factor = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(unit)
    try:
        found = float(number) * (factor or 0)
    except ValueError:
        return None
    return round(found * _SECOND) if 0 < found <= 31 * 86400 else None

"""Which units of a shared line are worth asking: a dead one costs the living its time limit each time. Pure.

A unit that has not answered is asked again at once while it is alone, and once in any case: answers get lost. But when
another unit answers, one that stays dead rests: after its second failure twice the time it has cost, then four times,
up to :data:`LONGEST`; and all the dead together get at most a quarter of the line.
"""

from __future__ import annotations

import msgspec

LONGEST = 60.0
SHARE = 3.0
"""The living have the line for so many times as long as the last dead unit had it."""


class _Unit(msgspec.Struct):
    failures: int = 0
    answered: bool = False
    rests_until: float = 0.0


class Patience:
    """The units of one line. Times in seconds of any one clock."""

    def __init__(self) -> None:
        self._units: dict[int, _Unit] = {}
        self._reserved_until = 0.0

    def rest(self, unit: int, now: float) -> float:
        """Seconds that ``unit`` has to wait before it is asked; 0 for none."""
        known = self._units.get(unit)
        if known is None or known.failures < 2:
            return 0.0
        if not any(other.answered for number, other in self._units.items() if number != unit):
            return 0.0
        return max(0.0, known.rests_until - now, self._reserved_until - now)

    def answered(self, unit: int) -> None:
        """``unit`` is there."""
        known = self._units.setdefault(unit, _Unit())
        known.failures, known.answered = 0, True

    def silent(self, unit: int, spent: float, now: float) -> None:
        """``unit`` has cost ``spent`` seconds, up to ``now``, and said nothing."""
        known = self._units.setdefault(unit, _Unit())
        known.failures, known.answered = known.failures + 1, False
        known.rests_until = now + min(spent * 2.0 ** min(known.failures - 1, 20), LONGEST)
        self._reserved_until = now + SHARE * spent

"""Pieces from a counter or a contact. The count never falls and never holds a piece that was not seen. Pure.

| the counter | what is counted |
|---|---|
| climbs | the difference |
| falls, and rolls over at a known modulus | the difference by the modulus |
| falls otherwise | nothing: it was reset, and counting goes on from there |
| leaps further than pulses can have come | nothing, until the next reading says that it really stands there |

In doubt pieces are lost, never invented: at most those between two readings.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median

import msgspec

from gongfu.network.retrofit.recipes import Mode, Pulse, State

_SECOND = 1_000_000
_REMEMBERED = 20
"""Rises from which rate and cycle time follow."""
_KNOWN = 3
"""Rises after which the cycle time is known."""
_FASTER = 4.0
"""How much faster than usual a machine may become between two readings."""


class Memory(msgspec.Struct, frozen=True):
    """What outlives a restart. ``last``: the counter's raw value or the contact's level; ``time`` of that reading."""

    count: float = 0.0
    last: float | None = None
    time: int = 0
    cycle: float = 0.0


class PulseMachine:
    """See :class:`gongfu.network.retrofit.machines.Machine`."""

    def __init__(self, recipe: Pulse, memory: Memory | None = None) -> None:
        self._recipe = recipe
        known = memory or Memory()
        self._pulses = known.count
        self._last = known.last
        self._time = known.time
        self._usual = known.cycle
        self._suspect: tuple[float, int] | None = None
        self._rises: deque[tuple[int, float, float]] = deque(maxlen=_REMEMBERED)
        """Time, pulses, seconds since the rise before."""
        self._risen = 0
        self._now = known.time
        self._taken = known.time
        self._spacing = 0.0
        """Seconds between the last two readings: rises cannot come closer than that."""
        self._doubt = 0
        self._seen = False

    @property
    def memory(self) -> Memory:
        """What a new machine needs to go on from here."""
        return Memory(self._pulses, self._last, self._time, self._usual)

    @property
    def count(self) -> float:
        """Pieces since the recipe was made."""
        return math.floor(self._pulses * self._recipe.pieces + 1e-9)

    @property
    def cycle(self) -> float | None:
        """Seconds a piece, the median of late; None while not known."""
        return _rounded(self._usual / self._recipe.pieces) if self._usual else None

    @property
    def rate(self) -> float | None:
        """Pieces an hour of late, 0 when it does not run; None while not known."""
        if self._running() is False:
            return 0.0
        pulses, seconds = sum(one[1] for one in self._rises if one[2]), sum(one[2] for one in self._rises)
        return _rounded(3600 * self._recipe.pieces * pulses / seconds) if seconds else None

    @property
    def state(self) -> State | None:
        """Running while pulses keep coming; None before the first reading."""
        if not self._seen:
            return None
        return State.RUNNING if self._running() else State.IDLE

    @property
    def confidence(self) -> float:
        """How regular the pulses are, less when something did not fit of late."""
        spans = [one[2] / one[1] for one in self._rises if one[2]]
        if len(spans) < _KNOWN:
            regular = 0.5 if self._rises else 0.7
        else:
            middle = median(spans)
            spread = median(abs(one - middle) for one in spans) / middle
            regular = max(0.6, 1.0 - spread / 2)
        return regular * (0.7 if self._doubt else 1.0)

    def take(self, role: str, value: float, time: int) -> None:
        """A good reading."""
        del role
        if time < self._taken:
            return
        self._spacing = (time - self._taken) / _SECOND if self._seen else 0.0
        self._seen, self._taken = True, time
        self._now = max(self._now, time)
        if self._recipe.mode is Mode.CONTACT:
            self._contact(value >= 0.5, time)
        else:
            self._counter(math.floor(value + 1e-6), time)

    def tick(self, time: int) -> None:
        """Without pulses a machine stands after a while."""
        self._now = max(self._now, time)

    def _contact(self, closed: bool, time: int) -> None:
        was = self._last
        if was is None or bool(was) is closed:
            if was is None:
                self._last, self._time = float(closed), time
            return
        if (time - self._time) < self._recipe.debounce * _SECOND:
            return  # bounce: the level that was believed stays so
        self._last, self._time = float(closed), time
        if closed:
            self._rise(1, time)

    def _counter(self, raw: float, time: int) -> None:
        if self._last is None:
            self._last, self._time = raw, time
            return
        rise = self._difference(self._last, raw)
        if rise is None:  # a reset
            self._doubt, self._suspect = _KNOWN, None
            self._last, self._time = raw, time
        elif rise <= self._most(time - self._time):
            self._suspect = None
            self._last, self._time = raw, time
            if rise:
                self._rise(rise, time)
        elif self._suspect is not None:
            before, at = self._suspect
            again = self._difference(before, raw)
            self._doubt, self._suspect = _KNOWN, (raw, time)
            if again is not None and again <= self._fastest(time - at):  # it does stand there: learn its pace anew
                self._suspect, self._usual = None, 0.0
                self._rises.clear()
                self._last, self._time = raw, time
                if again:
                    self._rise(again, time)
        else:
            self._suspect, self._doubt = (raw, time), _KNOWN

    def _difference(self, before: float, now: float) -> float | None:
        """Pulses from one raw value to another; None when it cannot be one climb."""
        if now >= before:
            return now - before
        modulus = self._recipe.modulus
        if modulus and before < modulus and 0 <= (around := now + modulus - before) <= modulus / 2:
            return around
        return None

    def _most(self, span: int) -> float:
        """Pulses that may have come within ``span`` microseconds, as the machine usually goes."""
        most = self._fastest(span)
        return min(most, _FASTER * span / _SECOND / self._usual + 2) if self._usual else most

    def _fastest(self, span: int) -> float:
        """Pulses that can have come at all."""
        return span / _SECOND / max(self._recipe.debounce, 1e-6) + 1

    def _rise(self, pulses: float, time: int) -> None:
        self._pulses += pulses
        gap = (time - self._risen) / _SECOND if self._risen else 0.0
        if self._rises and not self._running(time):
            self._rises.clear()  # it stood in between: that gap is no cycle
            gap = 0.0
        self._rises.append((time, pulses, gap))
        self._risen = time
        self._doubt = max(0, self._doubt - 1)
        spans = [one[2] / one[1] for one in self._rises if one[2]]
        if len(spans) >= _KNOWN:
            self._usual = median(spans)

    def _running(self, now: int | None = None) -> bool | None:
        """None while no pulse has been seen."""
        if not self._risen:
            return None
        since = ((self._now if now is None else now) - self._risen) / _SECOND
        usual = max(self._usual, self._spacing)
        return since <= (self._recipe.times * usual if self._usual else self._recipe.patience)


def _rounded(value: float) -> float:
    """Three significant digits: more are noise, and would be stored as news."""
    return float(f"{value:.3g}")

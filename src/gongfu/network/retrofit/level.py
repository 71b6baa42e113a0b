"""Off, idle, running from one analogue reading: two thresholds with hysteresis and a minimum dwell. Pure."""

from __future__ import annotations

from gongfu.network.retrofit.recipes import Level, State, Threshold

_SECOND = 1_000_000


class LevelMachine:
    """See :class:`gongfu.network.retrofit.machines.Machine`."""

    def __init__(self, recipe: Level) -> None:
        self._recipe = recipe
        if recipe.idle is None:
            self._thresholds: tuple[Threshold, ...] = (recipe.run,)
            self._states: tuple[State, ...] = (recipe.below, State.RUNNING)
        else:
            self._thresholds = (recipe.idle, recipe.run)
            self._states = (State.OFF, State.IDLE, State.RUNNING)
        self._class = -1
        self._candidate = -1
        self._since = 0
        self._last = 0
        self.confidence = 0.0

    @property
    def state(self) -> State | None:
        """The state that is believed; None before the first reading."""
        return self._states[self._class] if self._class >= 0 else None

    def take(self, role: str, value: float, time: int) -> None:
        """A good reading."""
        del role
        if time < self._last:
            return
        self._last = time
        self.confidence = self._recipe.sure * self._clearness(value)
        if self._class < 0:
            self._class = self._candidate = sum(value > (one.fall + one.rise) / 2 for one in self._thresholds)
            return
        found = self._classified(value)
        if found != self._candidate:
            self._candidate, self._since = found, time
        if found != self._class and time - self._since >= self._recipe.dwell * _SECOND:
            self._class = found

    def tick(self, time: int) -> None:
        """Nothing follows from time alone: without readings the state stays, and grows stale."""

    def _classified(self, value: float) -> int:
        """From the class it is thought to be in, over each threshold that is passed by its hysteresis."""
        at = self._candidate
        while at < len(self._thresholds) and value > self._thresholds[at].rise:
            at += 1
        while at > 0 and value < self._thresholds[at - 1].fall:
            at -= 1
        return at

    def _clearness(self, value: float) -> float:
        """1 well away from every threshold, 0.5 in the midst of one's hysteresis."""
        clear = 1.0
        for one in self._thresholds:
            half = (one.rise - one.fall) / 2
            distance = abs(value - (one.fall + one.rise) / 2)
            clear = min(clear, 0.5 + 0.25 * distance / half if half else 1.0)
        return clear

"""What a stack light says: steady or blinking lamps, looked up in a table. Pure."""

from __future__ import annotations

from collections import deque

from gongfu.network.retrofit.recipes import Lamps, State

_SECOND = 1_000_000
_CHANGES = 2
"""Changes within the time of a blink that make a lamp a blinking one."""


class _Lamp:
    """One lamp: lit or not, and when it changed of late."""

    def __init__(self, letter: str) -> None:
        self.letter = letter
        self.lit: bool | None = None
        self.changes: deque[int] = deque(maxlen=8)
        self.last = 0

    def take(self, lit: bool, time: int) -> None:
        if self.lit is not None and lit is not self.lit:
            self.changes.append(time)
        self.lit, self.last = lit, time

    def shown(self, now: int, blink: int) -> str:
        """Its letter, small when it blinks, or nothing."""
        while self.changes and now - self.changes[0] > blink:
            self.changes.popleft()
        if len(self.changes) >= _CHANGES:
            return self.letter.lower()
        return self.letter.upper() if self.lit else ""


class LampsMachine:
    """See :class:`gongfu.network.retrofit.machines.Machine`."""

    def __init__(self, recipe: Lamps) -> None:
        self._recipe = recipe
        self._lamps = {role: _Lamp(role[0]) for role in recipe.inputs}
        self._blink = int(recipe.blink * _SECOND)
        self._found: State | None = None
        self._known = True
        self._candidate: State | None = None
        self._since = 0
        self._slow = False
        self._now = 0
        self.state: State | None = None

    @property
    def confidence(self) -> float:
        """1, less when the table does not know the picture, or lamps are seen too rarely to tell a blink."""
        if self.state is None:
            return 0.0
        settled = 1.0 if self._candidate is self.state else 0.8
        return settled * (1.0 if self._known else 0.5) * (0.8 if self._slow else 1.0)

    def take(self, role: str, value: float, time: int) -> None:
        """A good reading of one lamp."""
        lamp = self._lamps[role]
        if time < lamp.last:
            return
        self._slow = bool(lamp.last) and (time - lamp.last) * 4 > self._blink
        lamp.take(value >= 0.5, time)
        self.tick(time)

    def tick(self, time: int) -> None:
        """A lamp that no longer blinks is steady after a while."""
        self._now = max(self._now, time)
        if any(lamp.lit is None for lamp in self._lamps.values()):
            return
        picture = "".join(lamp.shown(self._now, self._blink) for lamp in self._lamps.values())
        match = next((state for letters, state in self._recipe.table if _fits(letters, picture)), None)
        self._known = match is not None
        found = match or self.state or State.OFF
        if found is not self._candidate:
            self._candidate, self._since = found, self._now
        if self.state is None or self._now - self._since >= self._recipe.dwell * _SECOND:
            self.state = found


def _fits(letters: str, picture: str) -> bool:
    return not picture if letters == "-" else all(letter in picture for letter in letters)

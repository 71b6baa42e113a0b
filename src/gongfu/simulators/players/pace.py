"""When a recorded row is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gongfu.simulators.recording import Recording

Progress = Callable[[int], None]
"""Told how many rows are delivered."""


class Pace:
    """The recording's own rhythm, ``speed`` times as fast; 0: as fast as the receiver takes it."""

    def __init__(self, recording: Recording, speed: float) -> None:
        self._times = [row.time for row in recording.rows]
        self._speed = speed
        self._started = 0.0

    def start(self) -> None:
        """The first row is due now."""
        self._started = time.monotonic()

    def left(self, row: int) -> float:
        """Seconds until a row is due; 0 when it is."""
        if not self._speed:
            return 0.0
        due = self._started + (self._times[row] - self._times[0]) / 1e6 / self._speed
        return max(0.0, due - time.monotonic())

    async def wait(self, row: int) -> None:
        """Return when a row is due."""
        if left := self.left(row):
            await asyncio.sleep(left)

"""Polling at fixed moments, without drift and without a queue of missed ones."""

from __future__ import annotations

import asyncio
import math
import time
from contextvars import ContextVar


class Pulse:
    """What the polling of one device tells of the way to it. Kept by the gateway, filled by :class:`Pace`."""

    __slots__ = ("cycles", "jitter", "late", "round_trip")

    def __init__(self) -> None:
        self.cycles = 0
        self.late = 0
        """Moments that passed unused because a round took too long."""
        self.round_trip = 0.0
        """Seconds from the moment to the end of the round: all requests of it; smoothed with a gain of 1/16."""
        self.jitter = 0.0
        """How much rounds differ, seconds: ``J + (|D| - J) / 16``, RFC 3550 §6.4.1."""

    def beat(self, seconds: float, late: int) -> None:
        """A round has ended after ``seconds``."""
        if self.cycles:
            self.jitter += (abs(seconds - self.round_trip) - self.jitter) / 16
            self.round_trip += (seconds - self.round_trip) / 16
        else:
            self.round_trip = seconds
        self.cycles += 1
        self.late += late


PULSE: ContextVar[Pulse | None] = ContextVar("pulse", default=None)
"""The pulse of the device that runs in this task; None for a session that answers a question."""


def end_if_cancelled() -> None:
    """Raise ``CancelledError`` when this task was cancelled and a library has swallowed it.

    ``asyncio.wait_for`` of Python 3.11 does when the answer arrives in the same moment (python/cpython#86296), and
    all three protocol libraries use it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


_NOW = 0.0001


class Pace:
    """Moments ``start + n * interval`` on the loop's clock. Whoever comes late skips the moments that passed."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = asyncio.get_running_loop().time()
        self._woke = time.perf_counter()
        self._pulse = PULSE.get()
        self.skipped = 0
        """Moments that passed while the caller was busy."""

    async def wait(self) -> None:
        """Sleep until the next moment; ends the task when it was cancelled."""
        end_if_cancelled()
        now = asyncio.get_running_loop().time()
        missed = max(0, math.ceil((now - self._next) / self._interval) - 1)
        self.skipped += missed
        if self._pulse is not None:
            self._pulse.beat(time.perf_counter() - self._woke, missed)
        self._next += (missed + 1) * self._interval
        wait = self._next - now
        await asyncio.sleep(wait if wait > _NOW else 0)  # a timer costs more than so short a wait is worth
        self._woke = time.perf_counter()

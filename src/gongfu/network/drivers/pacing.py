"""Polling at fixed moments, without drift and without a queue of missed ones."""

from __future__ import annotations

import asyncio
import math


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
        self.skipped = 0
        """Moments that passed while the caller was busy."""

    async def wait(self) -> None:
        """Sleep until the next moment; ends the task when it was cancelled."""
        end_if_cancelled()
        now = asyncio.get_running_loop().time()
        missed = max(0, math.ceil((now - self._next) / self._interval) - 1)
        self.skipped += missed
        self._next += (missed + 1) * self._interval
        wait = self._next - now
        await asyncio.sleep(wait if wait > _NOW else 0)  # a timer costs more than so short a wait is worth

"""Polling at fixed moments."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from gongfu.network.drivers.pacing import Pace


async def test_whoever_comes_late_skips_moments_and_keeps_the_rhythm() -> None:
    clock = asyncio.get_running_loop().time
    start = clock()
    pace = Pace(0.05)
    await pace.wait()
    await asyncio.sleep(0.12)  # two moments pass
    await pace.wait()
    assert pace.skipped == 2
    assert (clock() - start) == pytest.approx(0.2, abs=0.03)


async def test_a_cancellation_that_a_library_swallowed_still_ends_the_task() -> None:
    async def poll() -> None:
        pace = Pace(0.001)
        while True:
            with contextlib.suppress(
                asyncio.CancelledError
            ):  # as wait_for of Python 3.11 when the answer has just come
                await asyncio.sleep(10)
            await pace.wait()

    task = asyncio.create_task(poll())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=1)
    assert task.cancelled()

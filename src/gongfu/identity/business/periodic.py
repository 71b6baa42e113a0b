"""What the worker does by the clock: a reading every minute, the contracts once a day."""

from __future__ import annotations

import asyncio

import structlog

from gongfu.identity.business import clock, counting, daily
from gongfu.kernel.tasks.periodic import every

log = structlog.get_logger("business")
EVERY_SECONDS = 60.0


def tick() -> None:
    """Whatever is due now."""
    counting.count()
    if daily.run_due() is not None:
        counting.forget(clock.today())


async def run(stopping: asyncio.Event) -> None:
    """Tick until ``stopping``."""
    await every(EVERY_SECONDS, tick, stopping)

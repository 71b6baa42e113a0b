"""What the worker does by the clock: the standing of this month, every few hours."""

from __future__ import annotations

import asyncio
import datetime as dt

import structlog
from django.utils import timezone

from gongfu.data.retrofit import services
from gongfu.kernel.tasks.periodic import every

log = structlog.get_logger("retrofit")
LOOK_EVERY_SECONDS = 300.0
TAKE_EVERY = dt.timedelta(hours=6)


def tick() -> int:
    """Take standings when the last ones are old, or there are none; returns of how many organisations."""
    last = services.latest_standing()
    return services.take_standings() if last is None or timezone.now() - last >= TAKE_EVERY else 0


async def run(stopping: asyncio.Event) -> None:
    """Tick until ``stopping``."""
    await every(LOOK_EVERY_SECONDS, tick, stopping)

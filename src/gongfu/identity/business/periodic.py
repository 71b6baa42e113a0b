"""What the worker does by the clock: a reading every minute, the contracts once a day."""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from django.db import close_old_connections

from gongfu.identity.business import clock, counting, daily

log = structlog.get_logger("business")
EVERY_SECONDS = 60.0


def tick() -> None:
    """Whatever is due now."""
    counting.count()
    if daily.run_due() is not None:
        counting.forget(clock.today())


async def run(stopping: asyncio.Event) -> None:
    """Tick until ``stopping``; a round that fails is told and tried again at the next."""
    while not stopping.is_set():
        try:
            await asyncio.to_thread(_round)
        except Exception:
            log.exception("the periodic work of business management failed")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), EVERY_SECONDS)


def _round() -> None:
    close_old_connections()
    try:
        tick()
    finally:
        close_old_connections()

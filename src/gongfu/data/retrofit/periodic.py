"""What the worker does by the clock: the standing of this month, every few hours."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt

import structlog
from django.db import close_old_connections
from django.utils import timezone

from gongfu.data.retrofit import services

log = structlog.get_logger("retrofit")
LOOK_EVERY_SECONDS = 300.0
TAKE_EVERY = dt.timedelta(hours=6)


def tick() -> int:
    """Take standings when the last ones are old, or there are none; returns of how many organisations."""
    last = services.latest_standing()
    return services.take_standings() if last is None or timezone.now() - last >= TAKE_EVERY else 0


async def run(stopping: asyncio.Event) -> None:
    """Tick until ``stopping``; a round that fails is told and tried again at the next."""
    while not stopping.is_set():
        try:
            await asyncio.to_thread(_round)
        except Exception:
            log.exception("the standing of retrofit was not taken")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_EVERY_SECONDS)


def _round() -> None:
    close_old_connections()
    try:
        tick()
    finally:
        close_old_connections()

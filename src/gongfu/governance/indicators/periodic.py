"""What the worker does by the clock: measured figures every hour, reminders as they come due."""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from django.db import close_old_connections

from gongfu.governance.indicators import due, figures

log = structlog.get_logger("indicators")
EVERY_SECONDS = 3600.0


def tick() -> tuple[int, int]:
    """Measure and remind; returns how many indicators were measured and how many reminders are new."""
    return figures.refresh_all(), due.remind()


async def run(stopping: asyncio.Event) -> None:
    """Tick until ``stopping``; a round that fails is told and tried again at the next."""
    while not stopping.is_set():
        try:
            await asyncio.to_thread(_round)
        except Exception:
            log.exception("the figures of indicators were not taken")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), EVERY_SECONDS)


def _round() -> None:
    close_old_connections()
    try:
        tick()
    finally:
        close_old_connections()

"""Work that comes round: in the worker, every so many seconds, each round on a thread with fresh connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from asgiref.sync import sync_to_async
from django.db import close_old_connections
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

T = TypeVar("T")
log = structlog.get_logger("worker")


async def every(seconds: float, work: Callable[[], object], stopping: asyncio.Event) -> None:
    """Do ``work`` until ``stopping``; a round that fails is told and tried again at the next."""

    def body() -> None:
        close_old_connections()
        try:
            work()
        finally:
            close_old_connections()

    while not stopping.is_set():
        try:
            await asyncio.to_thread(body)
        except Exception:
            log.exception("periodic work failed", work=f"{work.__module__}.{getattr(work, '__name__', 'work')}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)


async def beside_bus(seconds: float, work: Callable[[], Awaitable[object]], stopping: asyncio.Event) -> None:
    """Do ``work``, which talks with the bus, until ``stopping``; a bus that does not answer is waited for."""
    while not stopping.is_set():
        wait = seconds
        try:
            await work()
        except (NatsError, JetStreamError, OSError, TimeoutError) as error:
            log.warning("bus did not answer", error=repr(error))
            wait = max(seconds, 1.0)
        except Exception:
            log.exception("work beside the bus failed")
            wait = max(seconds, 5.0)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), wait)


async def records(work: Callable[[], T]) -> T:
    """What ``work`` finds in the database: on a thread, with a connection that is alive."""

    def body() -> T:
        close_old_connections()
        try:
            return work()
        finally:
            close_old_connections()

    return await sync_to_async(body, thread_sensitive=False)()

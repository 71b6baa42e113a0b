"""The way to the bus: JetStream messages, repeated until acknowledged, in bounded memory."""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections.abc import Coroutine

import nats.errors
import nats.js.errors
import structlog
from nats.js import JetStreamContext

from gongfu.kernel import events
from gongfu.kernel.bus import events_subject
from gongfu.kernel.events import Event, EventKind

BUFFER_BYTES = 200_000_000
"""Memory for readings that the bus has not acknowledged; when it is used up, drivers wait."""
IN_FLIGHT = 256
"""Messages on their way at once."""
WAITING = 5000
"""Messages that may wait for the bus before new events are left out."""
ACK_TIMEOUT = 3.0
RETRY_LONGEST = 2.0
EVENT_EVERY = 10.0
"""Seconds between two events of one kind for one device, for kinds that can come in floods."""
_FLOODS = {EventKind.MALFORMED, EventKind.OUT_OF_RANGE, EventKind.CLOCK_AHEAD, EventKind.BUFFER_FULL}
_DETAIL_LIMIT = 500

_log = structlog.get_logger("gateway")


def now() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class Outlet:
    """Publishes for every device of this gateway."""

    def __init__(self, js: JetStreamContext, connected: asyncio.Event, limit: int = BUFFER_BYTES) -> None:
        self._js = js
        self._connected = connected
        self._limit = limit
        self._boot = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._room = asyncio.Event()
        self._room.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._quiet: dict[tuple[int, EventKind], tuple[float, int]] = {}
        self.held = 0
        """Bytes of readings not acknowledged yet."""
        self.refused = ""
        """Why the bus refuses to store, while it does."""

    @property
    def full(self) -> bool:
        """Whether drivers have to wait."""
        return self.held >= self._limit

    async def wait_for_room(self) -> None:
        """Return when there is memory for more readings."""
        await self._room.wait()

    def hold(self, size: int) -> None:
        """Count ``size`` more bytes (or fewer, when negative) as unacknowledged."""
        self.held += size
        if self.full:
            self._room.clear()
        else:
            self._room.set()

    async def publish(self, subject: str, payload: bytes) -> None:
        """Return when the bus has ``payload`` on disk; a broken connection or a full bus is waited for.

        Every attempt carries the same message id, so the bus stores it once however often it is sent.
        """
        headers = {"Nats-Msg-Id": f"{self._boot}-{next(self._numbers)}"}
        pause = 0.05
        async with self._slots:
            while True:
                await self._connected.wait()
                try:
                    await self._js.publish(subject, payload, timeout=ACK_TIMEOUT, headers=headers)
                except nats.js.errors.APIError as error:
                    self.refused = str(error.description)
                except (nats.errors.Error, OSError, TimeoutError) as error:
                    _log.debug("publish again", subject=subject, reason=repr(error))
                else:
                    self.refused = ""
                    return
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 jitter
                pause = min(pause * 2, RETRY_LONGEST)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run ``work`` beside; :meth:`drain` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def event(self, org: int, device: int, kind: EventKind, detail: str = "") -> None:
        """Publish an event; floods are thinned to one in :data:`EVENT_EVERY` seconds, which says how many it is for."""
        if kind in _FLOODS:
            key = (device, kind)
            at = time.monotonic()
            last, skipped = self._quiet.get(key, (-EVENT_EVERY, 0))
            if at - last < EVENT_EVERY:
                self._quiet[key] = (last, skipped + 1)
                return
            self._quiet[key] = (at, 0)
            if skipped:
                detail = f"{detail[: _DETAIL_LIMIT - 20]} (+{skipped})"
        if len(self._tasks) > WAITING:
            return  # the bus has been away for long: readings matter more than another event
        event = Event(org=org, device=device, time=now(), kind=kind, detail=detail[:_DETAIL_LIMIT])
        self.spawn(self.publish(events_subject(org, device), events.encoder.encode(event)))

    async def drain(self, seconds: float) -> int:
        """Wait until everything is acknowledged, at most ``seconds``; returns how many messages were not."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)
        left = len(self._tasks)
        for task in list(self._tasks):
            task.cancel()
        return left

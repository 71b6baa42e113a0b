"""A connection to the MQTT broker that comes back by itself, and what waits for it meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
from aiomqtt import Client, MqttError, Will

from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings

RETRY = (0.5, 5.0)
"""First and longest wait before the next attempt, seconds."""
Item = TypeVar("Item")
_log = structlog.get_logger("simulator.mqtt")


@dataclass(frozen=True)
class Broker:
    """Where an enterprise's devices connect, and as whom."""

    host: str
    port: int
    user: str
    password: str

    @classmethod
    def of(cls, settings: Settings, enterprise: str) -> Broker:
        """The node's own listener, with the enterprise's credential."""
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
        return cls(host, settings.mqtt_port, enterprise, secret(settings.home, f"mqtt-{enterprise}"))

    def client(self, identifier: str, will: Will | None = None) -> Client:
        """One connection of a device."""
        return Client(
            self.host,
            self.port,
            username=self.user,
            password=self.password,
            identifier=identifier,
            will=will,
            timeout=5,
            keepalive=20,
        )


class Backlog(Generic[Item]):
    """What waits for the broker; when there is too much the oldest is lost, as on a small device."""

    def __init__(self, most: int) -> None:
        self._items: deque[Item] = deque(maxlen=most)
        self._filled = asyncio.Event()

    def put(self, item: Item) -> None:
        """Add the newest."""
        self._items.append(item)
        self._filled.set()

    async def first(self) -> Item:
        """The oldest, as soon as there is one; it stays until :meth:`done`."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items[0]

    def done(self, item: Item) -> None:
        """``item`` was delivered."""
        if self._items and self._items[0] is item:
            self._items.popleft()


@contextlib.asynccontextmanager
async def connected(
    name: str, session: Callable[[], Awaitable[None]], tell: Callable[[str], None]
) -> AsyncIterator[None]:
    """Run ``session`` beside the block, again after every loss of the connection; ``tell`` hears what is wrong."""
    task = asyncio.create_task(_stay(name, session, tell))
    try:
        yield
    finally:
        # once is not enough: Python 3.11's wait_for, which aiomqtt uses, may swallow a cancellation
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.5)


async def _stay(name: str, session: Callable[[], Awaitable[None]], tell: Callable[[str], None]) -> None:
    wait = RETRY[0]
    while True:
        started = time.monotonic()
        try:
            await session()
        except (MqttError, OSError) as error:
            tell(f"{name}: {error}")
            _log.debug("connection lost", device=name, reason=str(error))
        wait = RETRY[0] if time.monotonic() - started > RETRY[1] else min(2 * wait, RETRY[1])
        await asyncio.sleep(wait)

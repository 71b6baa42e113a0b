"""Live readings for browsers: one subscription on the bus for each device and process, fanned out to every watcher.

A watcher holds the newest reading of each of its series and nothing else: whoever reads slowly misses values in
between, and never costs memory.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from math import isfinite
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from gongfu.data.telemetry import charting
from gongfu.data.telemetry.services import Point
from gongfu.kernel import bus
from gongfu.kernel.errors import Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Readings, decode
from gongfu.kernel.settings import Settings

MAX_WATCHERS: Final = 500
"""Streams one process serves at the same time."""

Device = tuple[int, int]
"""Organisation and device, as in the subject of its readings."""


@dataclass(eq=False)
class Watcher:
    """One client's view: what changed since it last looked."""

    series: frozenset[int]
    pending: dict[int, Point] = field(default_factory=dict)
    _newest: dict[int, int] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, series: int, point: Point) -> None:
        """Show ``point`` unless it is not wanted or older than what was shown."""
        if series in self.series and point.time >= self._newest.get(series, 0):
            self._newest[series] = point.time
            self.pending[series] = point
            self._changed.set()

    async def changes(self, seconds: float) -> dict[int, Point]:
        """What changed; empty when nothing did within ``seconds``."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return {}
        self._changed.clear()
        taken, self.pending = self.pending, {}
        return taken


class Hub:
    """The watchers of one process and the subscriptions they share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watchers: dict[Device, set[Watcher]] = {}
        self._subscriptions: dict[Device, Subscription] = {}
        self._client: Client | None = None
        self._changing = asyncio.Lock()

    async def watch(self, devices: Collection[Device], series: Iterable[int]) -> Watcher:
        """A watcher of ``series`` of ``devices``, until :meth:`leave`; raises :class:`Unavailable`."""
        watcher = Watcher(frozenset(series))
        async with self._changing:
            if sum(map(len, self._watchers.values())) >= MAX_WATCHERS:
                raise Unavailable(mark("Too many live views are open."), remedy=mark("Close some, or try again later."))
            client = await self._connected()
            for device in devices:
                if device not in self._subscriptions:
                    self._subscriptions[device] = await client.subscribe(
                        bus.readings_subject(*device), cb=self._take, pending_msgs_limit=1000
                    )
                self._watchers.setdefault(device, set()).add(watcher)
        return watcher

    async def leave(self, watcher: Watcher) -> None:
        """Forget ``watcher``; a device nobody watches is no longer subscribed to."""
        async with self._changing:
            for device in [device for device, watchers in self._watchers.items() if watcher in watchers]:
                self._watchers[device].discard(watcher)
                if not self._watchers[device]:
                    del self._watchers[device]
                    await self._subscriptions.pop(device).unsubscribe()

    async def close(self) -> None:
        """Leave the bus."""
        async with self._changing:
            self._watchers.clear()
            self._subscriptions.clear()
            if self._client is not None:
                await self._client.close()
                self._client = None

    async def _connected(self) -> Client:
        if self._client is None or self._client.is_closed:
            self._subscriptions.clear()
            try:
                self._client = await asyncio.wait_for(bus.connect(self._settings, "live"), 3)
            except TimeoutError:
                raise Unavailable(
                    mark("The bus at {url} does not answer."),
                    remedy=mark("Start it with gongfu up, or correct bus_url."),
                    url=bus.url(self._settings),
                ) from None
        return self._client

    async def _take(self, message: Msg) -> None:
        try:
            batch = decode(message.data)
        except Invalid:
            return  # the recorder counts and reports it
        device = (batch.org, batch.device)
        if message.subject != bus.readings_subject(*device):
            return
        newest = _newest(batch)
        for watcher in self._watchers.get(device, ()):
            for series in watcher.series & newest.keys():
                watcher.offer(series, newest[series])


def hub(settings: Settings) -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _HUBS:
        _HUBS[loop] = Hub(settings)
    return _HUBS[loop]


_HUBS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def _newest(batch: Readings) -> dict[int, Point]:
    """The last reading of each series in ``batch``, which is in order."""
    last = {series: index for index, series in enumerate(batch.series.tolist())}
    newest = {series: _point(batch, index) for series, index in last.items()}
    for text in batch.texts:
        newest[text.series] = Point(text.time // 1000, text.text, text.quality)
    for one in batch.arrays:
        newest[one.series] = Point(one.time // 1000, charting.root_mean_square(one.values), one.quality)
    return newest


def _point(batch: Readings, index: int) -> Point:
    value = float(batch.values[index])
    return Point(int(batch.times[index]) // 1000, value if isfinite(value) else None, int(batch.qualities[index]))

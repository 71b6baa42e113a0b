"""Follows the variables of an OPC UA server through one subscription."""

from __future__ import annotations

import asyncio
import math
from typing import Annotated

import msgspec
from asyncua import ua
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable, Sample, Sink
from gongfu.network.drivers.opcua import values
from gongfu.network.drivers.opcua.address import parse
from gongfu.network.drivers.opcua.session import Session, session
from gongfu.network.drivers.options import read_options
from gongfu.network.drivers.pacing import end_if_cancelled
from gongfu.network.gateway.config import DeviceConfig

_LOOK = 0.5
"""Seconds between two looks at what has fallen silent."""
_KEEP_ALIVE = 3.0
"""Seconds after which a server with nothing to say must say so."""
_GRACE = 5.0
"""Seconds a publication may be late."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    endpoint: str
    username: str = ""
    password: str = ""
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 3.0
    heartbeat: Annotated[float, Meta(ge=0, le=3600)] = 3.0


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Follow ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    options = read_options(device, Options)
    addresses = [parse(tag.address) for tag in device.tags]
    async with session(options.endpoint, options.username, options.password, options.timeout) as connection:
        sink.online()
        nodes = {number: connection.node(address) for number, address in enumerate(addresses)}
        await _Follower(device, options, connection, nodes, sink).follow()


class _Follower:
    """One subscription. Tags go by their position in the device's list."""

    def __init__(
        self,
        device: DeviceConfig,
        options: Options,
        connection: Session,
        nodes: dict[int, ua.NodeId | None],
        sink: Sink,
    ) -> None:
        self._device = device
        self._options = options
        self._connection = connection
        self._sink = sink
        self._nodes = {number: node for number, node in nodes.items() if node is not None}
        self._unwatched = dict(self._nodes)
        self._reported: set[int] = set()
        self._emitted = dict.fromkeys(nodes, 0.0)
        """When a tag was last heard of, on the loop's clock."""
        # A slow bus fills this queue; the server keeps the rest in its own.
        self._results: asyncio.Queue[ua.PublishResult] = asyncio.Queue(maxsize=4)
        for number in nodes.keys() - self._nodes.keys():
            self._report(number, "the server does not know this namespace")

    async def follow(self) -> None:
        """Emit until cancelled or the subscription dies."""
        publishing = min(max(self._device.interval, 0.1), 1.0)
        keep_alive = max(1, math.ceil(_KEEP_ALIVE / publishing))
        subscription, silence = await self._connection.subscribe(publishing, keep_alive, self._results)
        await self._watch(subscription)
        clock = asyncio.get_running_loop().time
        heard = looked = clock()
        while True:
            end_if_cancelled()
            try:
                async with asyncio.timeout(_LOOK):
                    result = await self._results.get()
            except TimeoutError:
                if self._connection.lost.is_set() or clock() - heard > silence + _GRACE:
                    raise DeviceUnavailable(
                        mark("The subscription at {endpoint} has ended."), endpoint=self._options.endpoint
                    ) from None
            else:
                await self._publication(result)
                heard = clock()
            if clock() - looked >= _LOOK:
                await self._prove_alive(subscription)
                looked = clock()

    async def _watch(self, subscription: int) -> None:
        """Subscribe to what is not subscribed yet: a controller may get the variable later."""
        refused = await self._connection.monitor(subscription, self._unwatched, self._device.interval)
        for number, code in refused.items():
            self._report(number, ua.StatusCode(code).name)
        self._unwatched = {number: self._nodes[number] for number in refused}

    async def _publication(self, result: ua.PublishResult) -> None:
        samples: list[Sample] = []
        now = asyncio.get_running_loop().time()
        for notification in result.NotificationMessage.NotificationData or ():
            if isinstance(notification, ua.StatusChangeNotification):
                raise DeviceUnavailable(
                    mark("The subscription at {endpoint} has ended: {reason}."),
                    endpoint=self._options.endpoint,
                    reason=notification.Status.name,
                )
            if isinstance(notification, ua.DataChangeNotification):
                for item in notification.MonitoredItems:
                    if item.ClientHandle in self._nodes:
                        self._sample(item.ClientHandle, item.Value, None, samples)
                        self._emitted[item.ClientHandle] = now
        if samples:
            await self._sink.emit(samples)

    async def _prove_alive(self, subscription: int) -> None:
        """Read tags that have not changed for a while: the reading says that the value still holds, now."""
        limit = max(self._options.heartbeat, self._device.interval)
        if not self._options.heartbeat:
            return
        now = asyncio.get_running_loop().time()
        silent = [number for number, at in self._emitted.items() if now - at >= limit]
        if not silent:
            return
        if self._unwatched:
            await self._watch(subscription)
        known = [number for number in silent if number in self._nodes]
        read = await self._connection.read([self._nodes[number] for number in known])
        samples = [
            Sample(self._device.tags[number].series, None, quality=Quality.BAD)
            for number in silent
            if number not in self._nodes
        ]
        for number, value in zip(known, read, strict=True):
            self._sample(number, value, 0, samples)
        self._emitted.update(dict.fromkeys(silent, now))
        await self._sink.emit(samples)

    def _sample(self, number: int, value: ua.DataValue, time: int | None, into: list[Sample]) -> None:
        tag = self._device.tags[number]
        sample, problem = values.read(tag, value, time)
        if sample is not None:
            into.append(sample)
        if problem:
            self._report(number, problem)
        if values.has_overflow(value):
            self._sink.malformed(f"{tag.name} ({tag.address}): the server has lost values, its queue was full")

    def _report(self, number: int, problem: str) -> None:
        if number not in self._reported:
            self._reported.add(number)
            tag = self._device.tags[number]
            self._sink.malformed(f"{tag.name} ({tag.address}): {problem}")

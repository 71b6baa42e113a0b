"""Writing to devices that speak first, and their newest values: through their running feeds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import msgspec

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Refusal, Sample, WritingFeed
from gongfu.network.gateway.config import DeviceConfig, Status, TagConfig
from gongfu.network.gateway.ingress import Ingress, Route

FRESH = 1.0
"""Seconds for which a value that was heard needs no newer one."""
_LOOK_AGAIN = 0.05


class Feeds:
    """The fed devices of this gateway, for questions about those that run. On the gateway's loop."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress

    async def write(self, device: DeviceConfig, tag: TagConfig, value: float | bool | str) -> None:
        """Return when the bus has the message for the device; nobody says by this that the device has it.

        Raises :class:`Refusal`, and :class:`Unavailable` while the bus is away.
        """
        route = self._route(device)
        if not self._ingress.connected:
            raise Unavailable(mark("The gateway does not reach the bus: {reason}."), reason=self._ingress.problem)
        cast("WritingFeed", route.feed).write(tag, value, route.sink)
        await self._ingress.flush()

    async def read(self, device: DeviceConfig, tags: Sequence[TagConfig], seconds: float) -> list[Sample]:
        """The newest sample of each tag, in their order and with their series.

        Waits ``seconds`` at most until each of them was heard just now. What is told of a device that is not online is
        *uncertain*; a tag that is not among those of the running device, or was never heard, is *bad*.
        """
        route = self._route(device)
        series = {tag.address: tag.series for tag in route.sink.device.tags}
        wanted = {series[tag.address] for tag in tags if tag.address in series}
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            since = loop.time() - FRESH
            if all(one in route.newest and route.newest[one][1] >= since for one in wanted):
                break
            await asyncio.sleep(_LOOK_AGAIN)
        online = route.sink.state.status is Status.ONLINE
        found = (route.newest.get(series.get(tag.address, -1)) for tag in tags)
        return [_told(one[0] if one else None, tag.series, online=online) for tag, one in zip(tags, found, strict=True)]

    def _route(self, device: DeviceConfig) -> Route:
        route = self._ingress.route(device.device)
        if route is None:
            raise Refusal(
                mark("{device} speaks first and is not running at this gateway."),
                remedy=mark("Put it into service, then try again."),
                device=device.name,
            )
        return route


def _told(sample: Sample | None, series: int, *, online: bool) -> Sample:
    if sample is None:
        return Sample(series, None, quality=Quality.BAD)
    quality = sample.quality if online or sample.quality is Quality.BAD else Quality.UNCERTAIN
    return msgspec.structs.replace(sample, series=series, quality=quality)

"""The newest values of devices that speak first, as whoever asks is told."""

from __future__ import annotations

import asyncio

import pytest

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Refusal, Sample
from gongfu.network.drivers.mqtt.driver import JsonFeed
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.gateway.feeds import Feeds
from gongfu.network.gateway.ingress import Route
from gongfu.network.gateway.pipeline import DeviceSink

NOW = 1_795_000_000_000_000
SPEED = TagConfig(series=11, name="speed", address="/v")
ASKED = TagConfig(series=0, name="speed", address="/v")
PRESS = DeviceConfig(device=1, org=7, org_code="acme", name="press", driver="mqtt", tags=[SPEED])


class Bus:
    """An ingress with one device and no bus."""

    problem = "the bus is away"
    connected = False

    def __init__(self) -> None:
        sink = DeviceSink(PRESS, _Outlet(), lambda state, news: None)  # type: ignore[arg-type]
        self.press = Route(JsonFeed(PRESS), sink)

    def route(self, device: int) -> Route | None:
        return self.press if device == 1 else None


class _Outlet:
    def event(self, *said: object) -> None:
        pass


def made() -> tuple[Bus, Feeds]:
    bus = Bus()
    return bus, Feeds(bus)  # type: ignore[arg-type]


def heard(bus: Bus, *samples: Sample) -> None:
    bus.press.keep(samples, asyncio.get_running_loop().time(), NOW)


async def test_a_late_historical_value_is_not_the_newest() -> None:
    bus, feeds = made()
    bus.press.sink.online()
    heard(bus, Sample(11, 5.0, NOW), Sample(11, 4.0, NOW - 1_000_000))
    assert await feeds.read(PRESS, [ASKED], 0.1) == [Sample(0, 5.0, NOW)]


async def test_a_clock_that_was_years_ahead_does_not_hide_later_values() -> None:
    bus, feeds = made()
    bus.press.sink.online()
    heard(bus, Sample(11, 5.0, NOW * 2))
    heard(bus, Sample(11, 6.0, NOW))
    assert await feeds.read(PRESS, [ASKED], 0.1) == [Sample(0, 6.0, NOW)]


async def test_what_a_device_said_that_is_gone_is_uncertain() -> None:
    bus, feeds = made()
    bus.press.sink.online()
    heard(bus, Sample(11, 5.0, NOW))
    bus.press.sink.offline("gone")
    assert await feeds.read(PRESS, [ASKED], 0.1) == [Sample(0, 5.0, NOW, Quality.UNCERTAIN)]


async def test_what_was_never_heard_or_is_no_tag_is_bad() -> None:
    _, feeds = made()
    unknown = TagConfig(series=1, name="x", address="/x")
    assert [sample.quality for sample in await feeds.read(PRESS, [ASKED, unknown], 0.1)] == [Quality.BAD] * 2


async def test_a_value_that_comes_while_somebody_waits_is_told() -> None:
    bus, feeds = made()
    bus.press.sink.online()
    waiting = asyncio.create_task(feeds.read(PRESS, [ASKED], 30))
    await asyncio.sleep(0.1)
    heard(bus, Sample(11, 9.0, NOW))
    assert (await asyncio.wait_for(waiting, 20))[0].value == 9.0


async def test_nothing_is_written_while_the_bus_is_away_or_to_a_device_that_does_not_run() -> None:
    _, feeds = made()
    with pytest.raises(Unavailable, match="bus is away"):
        await feeds.write(PRESS, SPEED, 1)
    other = DeviceConfig(device=2, org=7, org_code="acme", name="other", driver="mqtt")
    with pytest.raises(Refusal, match="not running"):
        await feeds.write(other, SPEED, 1)

"""A recording comes out of the drivers as it stands in the file: every row, every time, once."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import math
import os
import socket
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import aiomqtt
import msgspec
import pytest

from gongfu.kernel.errors import Conflict, Invalid, NotFound
from gongfu.kernel.nats_server import mqtt_password
from gongfu.kernel.readings import Quality
from gongfu.kernel.settings import Settings
from gongfu.network.drivers import registry
from gongfu.network.drivers.contract import DeviceUnavailable, Message, Sample
from gongfu.network.drivers.pacing import end_if_cancelled
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.simulators import replay
from gongfu.simulators.players import modbus
from gongfu.simulators.recording import Recording, parse
from tests.simulators.plantfloor import Collector, bus, free_settings, until

SKAB = Path(__file__).parents[2] / ".." / "shared" / "data" / "skab" / "valve1" / "0.csv"
ORGANISATION = "hengrui"
MIXED = """time,number,flag,text
2024-05-01 08:00:00.000,1.5,true,开机
2024-05-01 08:00:00.250,-2e-7,false,运行
2024-05-01 08:00:01.000,123456.789,true,run
"""
GAPS = MIXED + "2024-05-01 08:00:02.000,NaN,false,stop\n"
polled = pytest.mark.parametrize("protocol", ["opcua", "modbus"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return free_settings(tmp_path)


def skab() -> Recording:
    if not SKAB.exists():
        assert not os.environ.get("GONGFU_REQUIRE_ALL"), "the SKAB recordings are needed"
        pytest.skip("SKAB is not here")
    return replay.read(SKAB, "Asia/Shanghai")


def small(text: str = GAPS) -> Recording:
    return parse(text.encode(), "small.csv", ZoneInfo("Asia/Shanghai"))


def configuration(device: replay.ReplayDevice) -> DeviceConfig:
    return registry.complete(
        DeviceConfig(
            device=1,
            org=1,
            org_code=device.organisation,
            name=device.key,
            driver=device.driver,
            options=device.options,
            interval=device.interval,
            tags=[
                TagConfig(series=series, name=tag.name, address=tag.address, kind=tag.kind)
                for series, tag in enumerate(device.tags)
            ],
        )
    )


def expected(recording: Recording) -> dict[tuple[int, int], object]:
    return {(row.time, series): cell for row in recording.rows for series, cell in enumerate(row.cells)}


def told(samples: Sequence[Sample]) -> dict[tuple[int, int], object]:
    """Value by time and series; what is missing is None on every protocol."""
    found = {}
    for sample in samples:
        lost = sample.quality is Quality.BAD or (isinstance(sample.value, float) and math.isnan(sample.value))
        found[sample.time, sample.series] = None if lost else sample.value
    return found


@contextlib.asynccontextmanager
async def gateway(device: replay.ReplayDevice, sink: Collector) -> AsyncIterator[None]:
    """A polled driver, called again after each failure, as the gateway does."""
    driver = importlib.import_module(f"gongfu.network.drivers.{device.driver}.driver")

    async def keep() -> None:
        while True:
            with contextlib.suppress(DeviceUnavailable):
                await driver.run(configuration(device), sink)
            end_if_cancelled()
            await asyncio.sleep(0.05)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@polled
async def test_skab_is_delivered_to_the_last_row(protocol: str, settings: Settings) -> None:
    recording = skab()
    device = replay.endpoint(settings, recording, protocol, organisation=ORGANISATION, key="SKAB-0")
    sink = Collector()
    seen: list[int] = []
    async with gateway(device, sink):
        await replay.replay(settings, recording, device, 0, seen.append)
        await until(lambda: len(sink.samples) >= len(expected(recording)), "every value is handed over")
    assert told(sink.samples) == expected(recording)
    assert len(sink.samples) == len(expected(recording))  # nothing twice
    assert not sink.complaints
    assert seen[-1] == 1147


@polled
async def test_kinds_gaps_and_milliseconds_survive(protocol: str, settings: Settings) -> None:
    recording = small()
    device = replay.endpoint(settings, recording, protocol, organisation=ORGANISATION, key="SMALL")
    sink = Collector()
    async with gateway(device, sink):
        await replay.replay(settings, recording, device, 0)
        await until(lambda: len(sink.samples) >= 12, "every value is handed over")
    assert told(sink.samples) == expected(recording)


@polled
async def test_the_file_s_rhythm_is_kept(protocol: str, settings: Settings) -> None:
    recording = small()
    device = replay.endpoint(settings, recording, protocol, organisation=ORGANISATION, key="SMALL")
    sink = Collector()
    async with gateway(device, sink):
        started = 0.0

        def show(rows: int) -> None:
            nonlocal started
            started = started or (time.monotonic() if rows else 0.0)

        before = time.monotonic()
        await replay.replay(settings, recording, device, 4, show)
        assert time.monotonic() - before >= 0.5
        assert time.monotonic() - started < 1.5


async def test_a_gateway_that_loses_its_connection_gets_every_row(settings: Settings) -> None:
    recording = small("time,x\n" + "".join(f"{1_700_000_000 + i},{i}\n" for i in range(400)))
    device = replay.endpoint(settings, recording, "modbus", organisation=ORGANISATION, key="LOST")
    sinks = [Collector(), Collector(), Collector()]
    task = asyncio.create_task(replay.replay(settings, recording, device, 0))
    for number, sink in enumerate(sinks):
        async with gateway(device, sink):
            wanted = 400 if number == 2 else 60
            await until(lambda sink=sink, wanted=wanted: task.done() or len(sink.samples) >= wanted, "it goes on")
    await asyncio.wait_for(task, 20)
    assert told([sample for sink in sinks for sample in sink.samples]) == expected(recording)


async def test_a_device_of_an_earlier_replay_steals_no_rows(settings: Settings) -> None:
    recording = small("time,x\n" + "".join(f"{1_700_000_000 + i},{i}\n" for i in range(100)))
    device = replay.endpoint(settings, recording, "modbus", organisation=ORGANISATION, key="NOW")
    earlier = msgspec.structs.replace(device, options=device.options | {"unit": modbus.unit("EARLIER")})
    assert earlier.options != device.options
    mine, other = Collector(), Collector()
    async with gateway(device, mine), gateway(earlier, other):
        await asyncio.wait_for(replay.replay(settings, recording, device, 0), 20)
        await until(lambda: len(told(mine.samples)) == 100, "all rows")
    assert told(mine.samples) == expected(recording)
    assert other.samples == []


async def test_an_opc_ua_client_that_comes_back_gets_every_row(settings: Settings) -> None:
    recording = small("time,x\n" + "".join(f"{1_700_000_000 + i},{i}\n" for i in range(2000)))
    device = replay.endpoint(settings, recording, "opcua", organisation=ORGANISATION, key="BACK")
    first, second = Collector(), Collector()
    task = asyncio.create_task(replay.replay(settings, recording, device, 1000))
    async with gateway(device, first):
        await until(lambda: len(first.samples) > 300, "it has begun")
    async with gateway(device, second):
        await asyncio.wait_for(task, 20)
        await until(lambda: len(told([*first.samples, *second.samples])) == 2000, "all rows")
    assert told([*first.samples, *second.samples]) == expected(recording)


@pytest.mark.node
@pytest.mark.parametrize("protocol", ["mqtt", "sparkplug"])
@pytest.mark.parametrize("file", ["skab", "small"])
async def test_messages_carry_every_row(protocol: str, file: str, settings: Settings) -> None:
    recording = skab() if file == "skab" else small()
    device = replay.endpoint(settings, recording, protocol, organisation=ORGANISATION, key="REPLAY-1")
    feed = registry.fed(protocol).open_feed(configuration(device))
    sink = _FeedSink()
    samples: list[Sample] = []
    with bus(settings):
        client = aiomqtt.Client(
            "127.0.0.1",
            settings.mqtt_port,
            username=ORGANISATION,
            password=mqtt_password(settings.home, ORGANISATION),
        )
        async with _late(client):
            for topic in feed.filters:
                await client.subscribe(topic, qos=1)
            task = asyncio.create_task(replay.replay(settings, recording, device, 0))
            async with asyncio.timeout(30):
                async for message in client.messages:
                    assert isinstance(message.payload, bytes)
                    samples += feed.read(Message(str(message.topic), message.payload, 1), sink)
                    if len(samples) >= len(expected(recording)):
                        break
            await asyncio.wait_for(task, 10)
    assert told(samples) == expected(recording)
    assert len(samples) == len(expected(recording))
    assert not sink.complaints


@contextlib.asynccontextmanager
async def _late(client: aiomqtt.Client) -> AsyncIterator[None]:
    """Connect as soon as the bus listens."""
    for _ in range(200):
        try:
            await client.__aenter__()
            break
        except aiomqtt.MqttError:
            await asyncio.sleep(0.05)
    try:
        yield
    finally:
        await client.__aexit__(None, None, None)


class _FeedSink:
    def __init__(self) -> None:
        self.complaints: list[str] = []

    def online(self) -> None: ...

    def offline(self, reason: str) -> None: ...

    def malformed(self, detail: str) -> None:
        self.complaints.append(detail)

    def command(self, topic: str, payload: bytes) -> None: ...


def test_what_a_protocol_cannot_carry_exactly_is_refused(settings: Settings) -> None:
    fine = small("time,x\n2024-05-01T00:00:00.0001Z,1\n")
    with pytest.raises(Invalid, match="finer than a millisecond"):
        replay.endpoint(settings, fine, "sparkplug", organisation="o", key="k")
    empty = small("time,t\n2024-05-01,a\n2024-05-02,\n")
    with pytest.raises(Invalid, match="empty cells"):
        replay.endpoint(settings, empty, "modbus", organisation="o", key="k")
    long = small(f"time,t\n2024-05-01,{'long' * 100}\n")
    with pytest.raises(Invalid, match="400 bytes"):
        replay.endpoint(settings, long, "modbus", organisation="o", key="k")
    with pytest.raises(Invalid, match="opcua, modbus, mqtt, sparkplug"):
        replay.endpoint(settings, fine, "telegraph", organisation="o", key="k")


def test_each_replay_gets_a_port_of_its_own_until_there_is_none(settings: Settings) -> None:
    with contextlib.ExitStack() as stack:
        ports = set()
        for _ in replay.PORTS:
            device = replay.endpoint(settings, small(), "opcua", organisation="o", key="k")
            held = stack.enter_context(socket.socket())
            held.bind(("127.0.0.1", device.port))
            held.listen()
            ports.add(device.port)
        assert len(ports) == len(replay.PORTS)
        with pytest.raises(Conflict, match="ports for replays"):
            replay.endpoint(settings, small(), "opcua", organisation="o", key="k")


def test_files_and_zones_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.csv"):
        replay.read(tmp_path / "none.csv", "Asia/Shanghai")
    (tmp_path / "a.csv").write_text("time,x\n2024-01-01,1\n")
    with pytest.raises(Invalid, match="Atlantis"):
        replay.read(tmp_path / "a.csv", "Atlantis")
    (tmp_path / "b.csv").write_text("time,x\n2124-01-01,1\n")
    with pytest.raises(Invalid, match="ends in the future"):
        replay.read(tmp_path / "b.csv", "Asia/Shanghai")


def test_a_file_names_its_device() -> None:
    assert replay.default_key(Path("/data/skab/valve1/0.csv"), "opcua") == "valve1-0-opcua"
    assert replay.default_key(Path("/数据/温度.csv"), "mqtt") == "file-mqtt"


async def test_a_speed_that_makes_no_sense_is_refused(settings: Settings) -> None:
    device = replay.endpoint(settings, small(), "mqtt", organisation=ORGANISATION, key="k")
    for speed in (-1.0, math.nan, math.inf):
        with pytest.raises(Invalid, match="speed"):
            await replay.replay(settings, small(), device, speed)

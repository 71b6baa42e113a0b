"""The running plant as the node sees it: sockets, topics, faults, restarts."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import math
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from gongfu.kernel.errors import Conflict
from gongfu.kernel.nats_server import mqtt_password
from gongfu.kernel.readings import Quality
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.sparkplug.wire import REBIRTH, DataType, Metric, Payload, decode_payload, encode_payload
from gongfu.simulators import process
from gongfu.simulators.plants.demonstration import demonstration
from gongfu.simulators.plants.plant import PlantDevice
from tests.simulators.plantfloor import Collector, bus, configuration, free_settings, plant_runs, until


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[Settings]:
    """A running plant beside a running bus."""
    settings = free_settings(tmp_path)
    with bus(settings):
        async with plant_runs(settings):
            yield settings


def find(settings: Settings, path: str) -> PlantDevice:
    return next(device for device in demonstration(settings).devices if device.path == path)


@contextlib.asynccontextmanager
async def read(settings: Settings, path: str) -> AsyncIterator[Collector]:
    """What the driver of a device brings while the block runs."""
    device = find(settings, path)
    driver = importlib.import_module(f"gongfu.network.drivers.{device.driver}.driver")
    sink = Collector()
    task = asyncio.create_task(driver.run(configuration(device, 0.2), sink))
    try:
        await until(lambda: len(sink.latest()) == len(device.tags) or task.done(), f"all tags of {path}")
        yield sink
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, DeviceUnavailable):
            await task


async def call(settings: Settings, method: str, address: str, token: str = "") -> tuple[int, object]:
    def send() -> tuple[int, object]:
        url = f"http://127.0.0.1:{settings.simulator_port}{address}"
        request = urllib.request.Request(url, method=method, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    return await asyncio.to_thread(send)


async def ready(settings: Settings) -> None:
    async with asyncio.timeout(20):
        while (await call(settings, "GET", "/readyz"))[0] != 200:
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def hear(settings: Settings, user: str, topic: str) -> AsyncIterator[aiomqtt.Client]:
    client = aiomqtt.Client(
        "127.0.0.1", settings.mqtt_port, username=user, password=mqtt_password(settings.home, user), timeout=5
    )
    async with client:
        await client.subscribe(topic, qos=1)
        yield client


async def next_payload(client: aiomqtt.Client) -> tuple[str, bytes]:
    async with asyncio.timeout(10):
        message = await anext(client.messages)
    assert isinstance(message.payload, bytes)
    return str(message.topic), message.payload


@pytest.mark.node
class TestPlant:
    """One plant for each test: about two seconds."""

    async def test_every_server_answers_with_every_tag(self, settings: Settings) -> None:
        for path in ("hengrui/CNC-0001", "hengrui/CMP-0001", "hengrui/CNC-0003", "huasu/MTR-0001"):
            async with read(settings, path) as sink:
                latest = sink.latest()
                assert {sample.quality for sample in latest.values()} == {Quality.GOOD}, path
                assert not sink.complaints
        await ready(settings)

    async def test_a_gone_machine_is_noticed_on_every_protocol_and_comes_back(self, settings: Settings) -> None:
        token = secret(settings.home, "simulator")
        for path in ("hengrui/CMP-0001", "hengrui/CNC-0003", "hengrui/CNC-0001"):
            await call(settings, "POST", f"/machines/{path}/faults/gone", token)
        await asyncio.sleep(1.2)
        for path in ("hengrui/CMP-0001", "hengrui/CNC-0003"):
            device = find(settings, path)
            config = configuration(device, 0.2)
            config.options["timeout"] = 0.5
            driver = importlib.import_module(f"gongfu.network.drivers.{device.driver}.driver")
            with pytest.raises(DeviceUnavailable):
                await asyncio.wait_for(driver.run(config, Collector()), 10)
        async with read(settings, "hengrui/CNC-0001") as sink:  # its server still speaks for the others
            assert {sample.quality for sample in sink.latest().values()} == {Quality.BAD}
            await call(settings, "DELETE", "/machines/hengrui/CNC-0001/faults/gone", token)
            await until(lambda: {sample.quality for sample in sink.latest().values()} == {Quality.GOOD}, "it is back")
        for path in ("hengrui/CMP-0001", "hengrui/CNC-0003"):
            await call(settings, "DELETE", f"/machines/{path}/faults/gone", token)
        await asyncio.sleep(1.2)
        for path in ("hengrui/CMP-0001", "hengrui/CNC-0003"):
            async with read(settings, path) as sink:
                assert {sample.quality for sample in sink.latest().values()} == {Quality.GOOD}

    async def test_a_broken_sensor_reaches_the_driver(self, settings: Settings) -> None:
        token = secret(settings.home, "simulator")
        for path in ("hengrui/CNC-0001", "hengrui/CMP-0001"):
            await call(settings, "POST", f"/machines/{path}/faults/nan_sensor", token)
        await asyncio.sleep(1.2)
        device = find(settings, "hengrui/CNC-0001")
        series = [tag.key for tag in device.tags].index("spindle_temperature")
        async with read(settings, "hengrui/CNC-0001") as sink:
            assert math.isnan(float(sink.latest()[series].value or 0))
        device = find(settings, "hengrui/CMP-0001")
        series = [tag.key for tag in device.tags].index("discharge_temperature")
        async with read(settings, "hengrui/CMP-0001") as sink:
            assert sink.latest()[series].value == -32768

    async def test_faults_need_the_secret_and_a_machine_that_can_have_them(self, settings: Settings) -> None:
        token = secret(settings.home, "simulator")
        good = "/machines/hengrui/CMP-0001/faults/air_leak"
        assert (await call(settings, "POST", good))[0] == 403
        assert (await call(settings, "POST", good, "guess"))[0] == 403
        assert (await call(settings, "POST", good.replace("air_leak", "gremlins"), token))[0] == 404
        assert (await call(settings, "POST", good.replace("CMP", "XYZ"), token))[0] == 404
        assert (await call(settings, "GET", "/elsewhere"))[0] == 404
        assert (await call(settings, "POST", good, token))[0] == 204
        _, machines = await call(settings, "GET", "/machines")
        assert isinstance(machines, list)
        assert len(machines) == len(demonstration(settings).devices)
        compressor = next(machine for machine in machines if machine["key"] == "hengrui/CMP-0001")
        assert compressor["faults"] == ["air_leak"]
        assert (await call(settings, "DELETE", good, token))[0] == 204

    async def test_excavators_publish_json_in_their_enterprise_s_topics(self, settings: Settings) -> None:
        async with hear(settings, "changqing", "gongfu/changqing/EXC-0001/#") as client:
            topic, payload = await next_payload(client)
            assert topic == find(settings, "changqing/EXC-0001").options["topic"]
            told = json.loads(payload)
            assert told["values"]["engine_hours"] > 0
            assert 1_600_000_000_000 < told["ts"] < 4_000_000_000_000
            # it keeps what it cannot send, and sends it when the broker is back
            _, later = await next_payload(client)
            assert json.loads(later)["ts"] > told["ts"]

    async def test_an_edge_node_is_born_counts_its_messages_and_dies(self, settings: Settings) -> None:
        """Sparkplug 3.0.0: NBIRTH with seq 0, DBIRTH before DDATA, seq without gaps, rebirth on demand."""
        await ready(settings)
        async with hear(settings, "hengrui", "spBv1.0/hengrui/#") as client:
            await client.publish(
                "spBv1.0/hengrui/NCMD/edge",
                encode_payload(
                    Payload(timestamp=1, metrics=[Metric(name=REBIRTH, datatype=DataType.BOOLEAN, value=True)])
                ),
                qos=1,
            )
            topic = ""
            while "NBIRTH" not in topic:
                topic, body = await next_payload(client)
            birth = decode_payload(body)
            assert birth.seq == 0
            assert {metric.name for metric in birth.metrics} == {"bdSeq", REBIRTH}
            expected, born, aliases = 1, set(), {}
            for _ in range(6):
                topic, body = await next_payload(client)
                _, _, kind, _, device = topic.split("/")
                message = decode_payload(body)
                assert message.seq == expected
                expected += 1
                if kind == "DBIRTH":
                    born.add(device)
                    aliases |= {metric.alias: metric.name for metric in message.metrics}
                else:
                    assert kind == "DDATA"
                    assert device in born
                    assert all(metric.name == "" and metric.alias in aliases for metric in message.metrics)
            assert born == {"CNC-0005", "ROB-0002"}
            token = secret(settings.home, "simulator")
            await call(settings, "POST", "/machines/hengrui/ROB-0002/faults/gone", token)
            while "DDEATH" not in topic:
                topic, _ = await next_payload(client)
            assert topic.endswith("/ROB-0002")


@pytest.mark.node
async def test_counters_go_on_after_a_restart_and_the_broker_may_come_late(tmp_path: Path) -> None:
    settings = free_settings(tmp_path)
    async with plant_runs(settings):
        await asyncio.sleep(1.5)
        status, report = await call(settings, "GET", "/readyz")
        assert status == 503  # no broker yet
        assert "changqing/EXC-0001" in str(report)
        with bus(settings):
            await ready(settings)
            async with hear(settings, "changqing", "gongfu/changqing/EXC-0001/#") as client:
                first = json.loads((await next_payload(client))[1])["values"]
    with bus(settings):
        async with plant_runs(settings), hear(settings, "changqing", "gongfu/changqing/EXC-0001/#") as client:
            second = json.loads((await next_payload(client))[1])["values"]
    for counter in ("fuel_used", "engine_hours", "bucket_cycles"):
        assert first[counter] <= second[counter] < first[counter] + 1


async def test_a_taken_port_is_named_at_once(tmp_path: Path) -> None:
    settings = free_settings(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.simulator_port))
        other.listen()
        with pytest.raises(Conflict, match="GONGFU_SIMULATOR_PORT"):
            await process.run(settings, asyncio.Event())


def test_unreadable_counters_start_anew(tmp_path: Path) -> None:
    file = tmp_path / "counters.json"
    assert process._remembered(file) == {}
    file.write_text('{"hengrui/CNC-0001": {"energy": "much"}}')
    assert process._remembered(file) == {}

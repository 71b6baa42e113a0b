"""The gateway against a real bus, with drivers that do as told."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gongfu.kernel import bus
from gongfu.kernel.errors import unpacked
from gongfu.network.drivers import registry
from gongfu.network.drivers.contract import Sample
from gongfu.network.gateway import outlet as outlets
from gongfu.network.gateway.config import DeviceConfig, Status, TagConfig, desired_key
from gongfu.network.gateway.outlet import Outlet
from gongfu.network.gateway.pipeline import DeviceSink
from tests.network.gateway.fake import driver as fake
from tests.network.nats import Bus, GatewayProcess, Plane, plane, running_bus, running_gateway


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    monkeypatch.setattr(registry, "_packages", lambda: {"fake": "tests.network.gateway.fake"})
    registry.manifest.cache_clear()
    fake.runs.clear()
    fake.emitted.clear()
    with running_bus(tmp_path) as running:
        yield running
    registry.manifest.cache_clear()


def machine(device: int = 1, mode: str = "burst", interval: float = 0.01, **options: str | int) -> DeviceConfig:
    return DeviceConfig(
        device=device,
        org=7,
        org_code="acme",
        name=f"machine {device}",
        driver="fake",
        options={"mode": mode, **options},
        interval=interval,
        tags=[TagConfig(series=device, name="speed", address="x", scale=2)],
    )


async def test_a_device_that_is_desired_is_read_scaled_and_counted(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(machine(count=10))
        rows = await node.rows(10)
        assert rows == [(1, fake.START + n, 2.0 * n, 0) for n in range(10)]
        await node.event("online")
        for _ in range(60):
            state = await node.state(1, Status.ONLINE)
            if state.readings == 10:
                break
            await asyncio.sleep(0.05)
        assert (state.readings, state.problem) == (10, "")
        assert abs(state.last_reading - time.time_ns() // 1000) < 10_000_000


async def test_only_the_device_that_changed_is_restarted(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(machine(1), machine(2))
        await node.rows(20)
        await node.desire(machine(1), machine(2, count=11))
        await node.state(2, Status.ONLINE)
        await _until(lambda: fake.runs.count(2) == 2)
        assert fake.runs.count(1) == 1


async def test_a_device_that_is_configured_again_and_again_leaves_no_gap_in_the_readings_of_another(
    server: Bus,
) -> None:
    async with plane(server.settings) as node:
        async with running_gateway(server.settings):
            await node.desire(machine(1, "steady"), machine(2, "steady"))
            await node.state(2, Status.ONLINE)
            moments: list[float] = []

            async def watch() -> None:
                seen = 0
                while True:
                    if fake.emitted.get(1, 0) > seen:
                        seen = fake.emitted[1]
                        moments.append(time.monotonic())
                    await asyncio.sleep(0.005)

            watching = asyncio.create_task(watch())
            for count in range(10, 22):
                runs = fake.runs.count(2)
                await node.desire(machine(2, "steady", count=count))
                await _until(lambda runs=runs: fake.runs.count(2) > runs)
            watching.cancel()
        rows = await node.rows(fake.emitted[1] + fake.emitted[2])
        numbers = [at - fake.START for series, at, _, _ in rows if series == 1]
        assert numbers == list(range(fake.emitted[1]))  # every poll is there, once
        assert fake.runs.count(1) == 1
        pauses = [after - before for before, after in itertools.pairwise(moments)]
        assert sorted(pauses)[len(pauses) // 2] < 1.0  # the median: a busy machine may stall us as a whole


async def test_a_device_that_is_no_longer_desired_stops_and_leaves_no_state(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(machine(1, "steady"), machine(2))
        await node.state(1, Status.ONLINE)
        await node.forget(1)
        bucket = await node.js.key_value(bus.ACTUAL)
        await _until_async(lambda: _absent(bucket, node, 1))
        before = fake.emitted[1]
        await asyncio.sleep(0.2)
        assert fake.emitted[1] == before


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (machine(1, "refused"), "Unit 300 is not there"),
        (machine(1, "burst", speed=3), "no option speed"),
        (msgspec.structs.replace(machine(1), driver="telepathy"), "no driver telepathy"),
    ],
)
async def test_a_configuration_that_cannot_work_is_refused_until_it_is_corrected(
    server: Bus, config: DeviceConfig, problem: str
) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(config)
        state = await node.state(1, Status.REFUSED)
        assert problem in state.problem
        assert state.problem.startswith("invalid: ")
        assert problem in (await node.event("refused")).detail
        runs = len(fake.runs)
        await asyncio.sleep(0.8)
        assert len(fake.runs) == runs  # not tried again
        await node.desire(machine(1))
        await node.state(1, Status.ONLINE)


async def test_a_configuration_that_is_no_configuration_is_refused(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        bucket = await node.js.key_value(bus.DESIRED)
        await bucket.put(desired_key("local", 5), b'{"device": 5}')
        await bucket.put(desired_key("local", 6), msgspec.json.encode(machine(66)))
        huge = msgspec.structs.replace(machine(8), tags=[TagConfig(series=2**32, name="speed", address="x")])
        await bucket.put(desired_key("local", 8), msgspec.json.encode(huge))
        await bucket.put("local.x7", msgspec.json.encode(machine(7)))
        assert "cannot be read" in (await node.state(5, Status.REFUSED)).problem
        assert "4294967295" in (await node.state(8, Status.REFUSED)).problem
        assert "configuration of 66" in (await node.state(6, Status.REFUSED)).problem
        await node.desire(machine(1))
        await node.state(1, Status.ONLINE)


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        ("gone", "No route to 10.0.0.9."),
        ("crash", "error: RuntimeError: a fault of the driver"),
        ("ends", "The driver ended."),
    ],
)
async def test_a_device_that_does_not_answer_is_offline_and_tried_again(server: Bus, mode: str, problem: str) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(machine(1, mode))
        assert unpacked((await node.state(1, Status.OFFLINE)).problem, "en") == problem
        assert unpacked((await node.event("offline")).detail, "en") == problem
        await _until(lambda: len(fake.runs) >= 3)  # after 0.5 s and 1 s


async def test_a_device_that_comes_back_is_online_again(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(machine(1, "flapping"))
        await node.state(1, Status.ONLINE, within=3)
        assert (await node.event("offline")).device == 1
        assert (await node.state(1, Status.ONLINE)).problem == ""


async def test_a_stop_delivers_everything_that_was_emitted(server: Bus) -> None:
    async with plane(server.settings) as node:
        async with running_gateway(server.settings):
            await node.desire(machine(1, "burst", count=54_321), machine(2, "steady", interval=0.001))
            await _until(lambda: 1 in fake.emitted and fake.emitted.get(2, 0) > 50)
        rows = await node.rows(54_321 + fake.emitted[2])
        assert len(rows) == 54_321 + fake.emitted[2]
        assert unpacked((await node.state(1, Status.OFFLINE)).problem, "en") == "The gateway has stopped."


async def test_readings_survive_a_bus_that_is_killed_and_comes_back(server: Bus) -> None:
    async with plane(server.settings) as node:
        async with running_gateway(server.settings):
            await node.desire(machine(1, "steady", interval=0.002), machine(2, "steady", interval=0.01))
            await _until(lambda: fake.emitted.get(1, 0) > 100)
            for _ in range(2):
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(0.4)
                await asyncio.to_thread(server.start)
                await asyncio.sleep(0.7)
        rows = await node.rows(fake.emitted[1] + fake.emitted[2])
        assert len(rows) == fake.emitted[1] + fake.emitted[2]
        assert fake.runs == [1, 2]  # the devices themselves were never disturbed


async def test_configuration_that_changes_while_the_bus_is_away_is_followed(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(machine(1))
        await node.state(1, Status.ONLINE)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await _until(lambda: node.client.is_connected)
        await node.desire(machine(2))
        await node.state(2, Status.ONLINE)


async def test_the_gateway_waits_for_a_bus_that_is_not_there_yet_and_ends_while_waiting(tmp_path: Path) -> None:
    with running_bus(tmp_path) as server:
        server.kill()
        begin = time.monotonic()
        async with running_gateway(server.settings, ready_within=1) as health:
            assert not health.ready
        assert time.monotonic() - begin < 4


@pytest.mark.node
async def test_sigterm_ends_the_process_within_ten_seconds(server: Bus) -> None:
    process = GatewayProcess(server.settings)
    process.start()
    try:
        async with plane(server.settings) as node:
            await node.desire(
                DeviceConfig(device=1, org=7, org_code="acme", name="m", driver="mqtt", options={}, tags=[])
            )
            await node.state(1, Status.CONNECTING)
            assert await asyncio.to_thread(process.stop) < 10
    finally:
        process.kill()


async def test_a_stop_while_the_bus_is_away_takes_less_than_ten_seconds(server: Bus) -> None:
    async with plane(server.settings) as node:
        async with running_gateway(server.settings):
            await node.desire(machine(1, "steady"))
            await node.state(1, Status.ONLINE)
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(0.3)
            begin = time.monotonic()
        assert time.monotonic() - begin < 9


async def test_a_full_bus_makes_drivers_wait_and_loses_nothing(server: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "ACK_TIMEOUT", 0.3)
    async with plane(server.settings) as node:
        stream = (await node.js.stream_info(bus.READINGS)).config
        stream.max_bytes = 300_000
        await node.js.update_stream(stream)
        connected = asyncio.Event()
        connected.set()
        outlet = Outlet(node.js, connected, limit=500_000)
        sink = DeviceSink(machine(1), outlet, lambda state, news: None)
        sink.online()
        total, wanted = 0, 80_000  # 1.7 MB

        async def emit_all() -> None:
            nonlocal total
            while total < wanted:
                await sink.emit([Sample(1, n, fake.START + n) for n in range(total, total + 1000)])
                total += 1000
            sink.flush()

        emitting = asyncio.create_task(emit_all())
        await _until(lambda: outlet.full and bool(outlet.refused))
        stopped_at = total
        await asyncio.sleep(0.5)
        assert total == stopped_at < wanted  # it waits
        assert total * 21 < 300_000 + 500_000 + 100_000
        assert "maximum bytes" in outlet.refused
        rows = await node.rows(wanted, within=20)  # the recorder takes them: there is room again
        assert len(rows) == wanted
        await emitting
        assert await outlet.drain(5) == 0
        await node.event("buffer_full")


async def _until(done: object, within: float = 10.0) -> None:
    assert callable(done)
    give_up = time.monotonic() + within
    while not done():
        assert time.monotonic() < give_up, "it does not happen"
        await asyncio.sleep(0.02)


async def _until_async(done: object, within: float = 10.0) -> None:
    assert callable(done)
    give_up = time.monotonic() + within
    while not await done():
        assert time.monotonic() < give_up, "it does not happen"
        await asyncio.sleep(0.05)


async def _absent(bucket: object, node: Plane, device: int) -> bool:
    from nats.js.kv import KeyValue

    assert isinstance(bucket, KeyValue)
    return desired_key(node.settings.node, device) not in await bucket.keys()

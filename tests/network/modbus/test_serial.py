"""Units on a serial line, made of a pseudo-terminal, and behind a device server that passes bytes through.

The units are pymodbus's server, so every frame is read and written by a program we did not write.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gongfu.network.drivers.cable import Cable
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Sample
from gongfu.network.drivers.modbus import driver
from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from gongfu.network.drivers.modbus.wire import Framing, encode
from gongfu.network.gateway.config import DeviceConfig, TagConfig

POINTS = [
    Point("pressure", "holding:100:float32", 7.5),
    Point("temperature", "input:30:int16", -5),
    Point("running", "coil:5", True),
    Point("level", "holding:0", 42, unit=2),
]
TAGS = [
    TagConfig(series=1, name="pressure", address="holding:100:float32"),
    TagConfig(series=2, name="temperature", address="input:30:int16"),
    TagConfig(series=3, name="running", address="coil:5", kind="boolean"),
]
LEVEL = [TagConfig(series=9, name="level", address="holding:0")]
GOOD = {1: Sample(1, 7.5), 2: Sample(2, -5.0), 3: Sample(3, True)}


def device(line: str, tags: list[TagConfig] = TAGS, interval: float = 0.02, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="meter",
        driver="modbus",
        options={"transport": "rtu", "line": line, "baud": 115200, "timeout": 1.0, **options},  # type: ignore[dict-item]
        interval=interval,
        tags=tags,
    )


@contextlib.asynccontextmanager
async def plant(
    framing: Framing = Framing.RTU, points: list[Point] = POINTS, link: Path | None = None
) -> AsyncIterator[tuple[ModbusSimulator, Cable]]:
    units = ModbusSimulator("127.0.0.1", 0, points, framing=framing)
    async with units, Cable("127.0.0.1", units.port, link) as cable:
        yield units, cable


def alternating(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Every second chunk is changed."""
    count = 0

    def alter(data: bytes) -> bytes:
        nonlocal count
        count += 1
        return change(data) if count % 2 else data

    return alter


@pytest.mark.parametrize("framing", Framing)
async def test_values_arrive_over_a_serial_line(recorder, running, framing) -> None:
    async with contextlib.AsyncExitStack() as line:
        units, cable = await line.enter_async_context(plant(framing))
        await line.enter_async_context(running(driver, device(cable.line, transport=framing.value), recorder))
        await recorder.until(lambda: len(recorder.batches) >= 3)
        assert recorder.last() == GOOD
        await units.write("pressure", 8.25)
        await recorder.until(lambda: recorder.last()[1].value == 8.25)
    assert recorder.complaints == []


async def test_values_arrive_through_a_device_server(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS, framing=Framing.RTU) as units:
        there = {"transport": "rtu-over-tcp", "host": "127.0.0.1", "port": units.port, "timeout": 1.0}
        config = DeviceConfig(
            device=1, org=1, org_code="acme", name="meter", driver="modbus", options=there, interval=0.02, tags=TAGS
        )
        async with running(driver, config, recorder):
            await recorder.until(lambda: len(recorder.batches) >= 2)
        assert recorder.last() == GOOD


async def test_a_serial_port_may_be_an_address_that_pyserial_knows(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS, framing=Framing.RTU) as units:
        task = asyncio.create_task(driver.run(device(f"socket://127.0.0.1:{units.port}"), recorder))
        await recorder.until(lambda: len(recorder.batches) >= 2)
        task.cancel()
        await asyncio.wait([task])
    assert recorder.last() == GOOD


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data[:-1] + bytes([data[-1] ^ 1]), id="wrong check sum"),
        pytest.param(lambda data: data[:-3], id="cut short"),
        pytest.param(lambda data: b"\x00\xff\x01\x03:" + data, id="noise before"),
        pytest.param(lambda data: data + b"\xff\x00\x7f", id="noise behind"),
        pytest.param(lambda data: data[:2] + b"\x55" + data[2:], id="noise inside"),
        pytest.param(lambda data: bytes(len(data)), id="only noise"),
    ],
)
async def test_noise_on_the_line_never_becomes_a_value(recorder, running, framing, change) -> None:
    async with plant(framing) as (_, cable):
        cable.from_device = alternating(change)
        config = device(cable.line, TAGS[:1], transport=framing.value, timeout=0.25)

        async def again_and_again() -> None:  # as the gateway does, when the unit did not answer in time
            while True:
                with contextlib.suppress(DeviceUnavailable):
                    await driver.run(config, recorder)

        reading = asyncio.create_task(again_and_again())
        try:
            await recorder.until(lambda: len(recorder.samples) >= 3, 20)
        finally:
            reading.cancel()
            await asyncio.wait([reading])
    assert {sample.value for sample in recorder.samples} == {7.5}


@pytest.mark.parametrize("framing", Framing)
async def test_a_line_that_returns_what_is_sent_is_read_all_the_same(recorder, running, framing) -> None:
    async with plant(framing) as (units, cable):

        def echo(data: bytes) -> bytes:
            cable.inject(data)
            return data

        cable.to_device = echo
        async with running(driver, device(cable.line, transport=framing.value), recorder):
            await recorder.until(lambda: len(recorder.batches) >= 3)
        assert recorder.last() == GOOD
        # A coil's write and its confirmation are the same bytes: the echo must not pass for the device's word.
        units.ignore_unit(2)
        async with driver.open_session(device(cable.line, transport=framing.value, unit=2, timeout=0.3)) as session:
            with pytest.raises(DeviceUnavailable):
                await session.write(LEVEL[0], 1)


async def test_the_late_answer_to_an_earlier_request_is_no_answer(recorder, running) -> None:
    late = encode(Framing.RTU, 1, bytes.fromhex("03024248"))  # one register of unit 1, where two are asked for
    other = encode(Framing.RTU, 2, bytes.fromhex("030442480000"))  # two registers, of another unit
    async with plant() as (_, cable):
        cable.from_device = lambda data: late + other + data
        async with running(driver, device(cable.line, TAGS[:1]), recorder):
            await recorder.until(lambda: len(recorder.batches) >= 3)
            cable.inject(late + other)
            await recorder.until(lambda: len(recorder.batches) >= 6)
    assert {sample.value for sample in recorder.samples} == {7.5}


async def test_what_arrives_between_two_requests_is_no_answer(recorder, running) -> None:
    stale = encode(Framing.RTU, 1, bytes.fromhex("0304") + bytes.fromhex("42480000"))  # 50.0, of the right shape
    async with plant() as (_, cable), running(driver, device(cable.line, TAGS[:1], interval=0.2), recorder):
        await recorder.until(lambda: recorder.batches)
        await asyncio.sleep(0.05)
        cable.inject(stale)
        await recorder.until(lambda: len(recorder.batches) >= 3)
    assert {sample.value for sample in recorder.samples} == {7.5}


@pytest.mark.parametrize("framing", Framing)
async def test_answers_that_are_late_all_the_time_never_change_places(recorder, framing) -> None:
    points = [Point(f"r{offset}", f"holding:{offset}", offset) for offset in range(0, 100, 10)]
    tags = [TagConfig(series=offset, name=f"r{offset}", address=f"holding:{offset}") for offset in range(0, 100, 10)]
    async with plant(framing, points) as (units, cable):
        config = device(cable.line, tags, transport=framing.value, timeout=0.2, gap=0)
        for delay in (0.3, 0.25, 0.0, 0.0):  # more than the time limit: each answer meets a later question
            units.set_delay(delay)
            for _ in range(3):
                if delay:
                    with pytest.raises(DeviceUnavailable):
                        await driver.run(config, recorder)
        reading = asyncio.create_task(driver.run(config, recorder))
        await asyncio.wait([reading], timeout=0.05)
        count = len(recorder.batches)
        if reading.done():
            reading = asyncio.create_task(driver.run(config, recorder))
        await recorder.until(lambda: len(recorder.batches) > count + 1)
        reading.cancel()
        await asyncio.wait([reading])
    assert all(sample.value == sample.series for sample in recorder.samples)


async def test_units_share_a_line_and_a_dead_one_does_not_starve_the_living(recorder, running) -> None:
    async with plant() as (units, cable):
        units.ignore_unit(3)
        units.remove_unit(3)
        asked: list[int] = []
        cable.to_device = lambda data: (asked.append(data[0]), data)[1]
        second = type(recorder)()
        async with (
            running(driver, device(cable.line), recorder),
            running(driver, device(cable.line, LEVEL, unit=2), second),
        ):
            await recorder.until(lambda: recorder.batches and second.batches)
            for _ in range(20):
                with pytest.raises(DeviceUnavailable, match="Unit 3"):
                    await driver.run(device(cable.line, LEVEL, unit=3, timeout=0.3), type(recorder)())
            count = len(recorder.batches), len(second.batches)
            await recorder.until(lambda: len(recorder.batches) > count[0] and len(second.batches) > count[1])
        assert asked.count(3) < 5  # it rests
        assert second.last() == {9: Sample(9, 42.0)}


async def test_a_dead_unit_is_read_again_when_it_is_back(recorder, running) -> None:
    async with plant() as (units, cable):
        units.ignore_unit(2)
        config = device(cable.line, LEVEL, unit=2, timeout=0.2)
        for _ in range(3):
            with pytest.raises(DeviceUnavailable, match=r"Unit 2 at .* does not answer"):
                await driver.run(config, recorder)
        units._ignored.clear()
        async with running(driver, config, recorder):
            await recorder.until(lambda: recorder.batches)


async def test_an_adapter_that_is_unplugged_is_used_again_when_it_is_back(recorder, running, tmp_path) -> None:
    link = tmp_path / "ttyMeter"
    async with plant(link=link) as (_, cable):
        task = asyncio.create_task(driver.run(device(cable.line), recorder))
        await recorder.until(lambda: recorder.batches)
        cable._plug.pull()
        with pytest.raises(DeviceUnavailable):
            await asyncio.wait_for(task, 5)
    count = len(recorder.batches)
    async with plant(link=link) as (_, cable), running(driver, device(cable.line), recorder):
        await recorder.until(lambda: len(recorder.batches) > count)


async def test_a_port_that_is_not_there_is_named(recorder, tmp_path) -> None:
    with pytest.raises(DeviceUnavailable, match=r"serial line .*ttyNone cannot be opened"):
        await driver.run(device(str(tmp_path / "ttyNone")), recorder)


async def test_a_port_in_use_by_another_program_is_said_so(recorder) -> None:
    import serial

    async with plant() as (_, cable):
        other = serial.Serial(cable.line, exclusive=True)
        with other, pytest.raises(DeviceUnavailable, match=r"cannot be opened.*[Ee]xclusive"):
            await driver.run(device(cable.line), recorder)


async def test_two_devices_cannot_set_one_line_differently(recorder, running) -> None:
    async with plant() as (_, cable), running(driver, device(cable.line), recorder):
        await recorder.until(lambda: recorder.batches)
        with pytest.raises(DeviceUnavailable, match="other serial settings"):
            await driver.run(device(cable.line, unit=2, baud=9600), recorder)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"line": ""}, "needs the option line"),
        ({"transport": "ascii", "line": ""}, "needs the option line"),
        ({"transport": "tcp"}, "needs the option host"),
        ({"transport": "rtu-over-tcp"}, "needs the option host"),
        ({"transport": "pigeon"}, "transport"),
        ({"data_bits": 7}, "8 data bits"),
        ({"parity": "odd-ish"}, "parity odd-ish"),
        ({"unit": 0}, "Unit 0"),
        ({"stop_bits": 3}, "stop_bits"),
    ],
)
async def test_a_wrong_line_is_refused_without_opening_it(recorder, options, named) -> None:
    with pytest.raises(BadConfiguration, match=named):
        await driver.run(device(**{"line": "/dev/null", **options}), recorder)


async def test_rubbish_from_a_device_server_is_unavailable_soon(recorder, rubbish_port) -> None:
    there = {"transport": "rtu-over-tcp", "host": "127.0.0.1", "port": rubbish_port, "timeout": 0.3}
    config = DeviceConfig(device=1, org=1, org_code="acme", name="m", driver="modbus", options=there, tags=TAGS)
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(driver.run(config, recorder), 5)
    assert recorder.batches == []

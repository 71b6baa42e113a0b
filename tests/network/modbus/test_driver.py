"""A Modbus unit read over a real socket: what the gateway is told when things go well, and when they do not."""

from __future__ import annotations

import asyncio
import math
import time

import pytest
from pymodbus.client import AsyncModbusTcpClient

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Sample
from gongfu.network.drivers.modbus import driver
from gongfu.network.drivers.modbus.address import Table
from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig

POINTS = [
    Point("pressure", "holding:100:float32", 7.5),
    Point("temperature", "input:30:int16", -5),
    Point("running", "coil:5", True),
    Point("door", "discrete:7", False),
    Point("program", "holding:110:string8", "O1234"),
]
ORDERS = ("abcd", "cdab", "badc", "dcba")
TAGS = [
    TagConfig(series=1, name="pressure", address="holding:100:float32"),
    TagConfig(series=2, name="temperature", address="input:30:int16"),
    TagConfig(series=3, name="running", address="coil:5", kind="boolean"),
    TagConfig(series=4, name="door", address="discrete:7"),
    TagConfig(series=5, name="program", address="holding:110:string8", kind="text"),
]


def device(port: int, tags: list[TagConfig] = TAGS, interval: float = 0.05, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="compressor",
        driver="modbus",
        options={"host": "127.0.0.1", "port": port, "timeout": 0.3, **options},  # type: ignore[dict-item]
        interval=interval,
        tags=tags,
    )


async def test_values_of_all_four_tables_arrive_again_and_again(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 3)
        assert sorted(recorder.batches[0], key=lambda sample: sample.series) == [
            Sample(1, 7.5),
            Sample(2, -5.0),
            Sample(3, True),
            Sample(4, 0.0),
            Sample(5, "O1234"),
        ]
        await plant.write("pressure", 8.25)
        await recorder.until(lambda: recorder.last()[1].value == 8.25)
    assert recorder.times_online == 1
    assert recorder.complaints == []


async def test_a_foreign_client_reads_the_simulator() -> None:
    plant = ModbusSimulator("127.0.0.1", 0, POINTS)
    async with plant, AsyncModbusTcpClient("127.0.0.1", port=plant.port) as client:
        answer = await client.read_holding_registers(100, count=2, device_id=1)
        assert client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32) == 7.5
        assert (await client.write_register(100, 0x4100, device_id=1)).isError() is False
        assert (await client.read_holding_registers(100, device_id=1)).registers == [0x4100]


async def test_polling_keeps_its_rhythm(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        plant.set_delay(0.005)
        async with running(driver, device(plant.port, interval=0.1), recorder):
            await recorder.until(lambda: len(recorder.batches) >= 11)
    # Ten intervals take one second although each reading takes time of its own.
    assert recorder.arrivals[10] - recorder.arrivals[0] == pytest.approx(1.0, abs=0.09)


async def test_a_slow_device_is_read_less_often_and_nothing_queues_up(recorder, running) -> None:
    tags = TAGS[:1]
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        plant.set_delay(0.12)
        async with running(driver, device(plant.port, tags, interval=0.05), recorder):
            await recorder.until(lambda: len(recorder.batches) >= 2)
            plant.set_delay(0)
            await asyncio.sleep(0.15)
            before = len(recorder.batches)
            await asyncio.sleep(0.3)
            assert len(recorder.batches) - before <= 7


async def test_a_unit_the_gateway_does_not_know_is_unavailable_and_named(recorder) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        with pytest.raises(DeviceUnavailable, match=r"Unit 9 at 127\.0\.0\.1:\d+ does not answer its gateway.*0B"):
            await driver.run(device(plant.port, unit=9), recorder)
    assert recorder.times_online == 0


async def test_a_silent_unit_is_unavailable_and_named_in_time(recorder) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        await plant.stop_answering()
        start = time.monotonic()
        with pytest.raises(DeviceUnavailable, match=r"Unit 1 at .* does not answer"):
            await driver.run(device(plant.port), recorder)
        assert time.monotonic() - start < 1


async def test_nobody_there_is_unavailable(recorder, closed_port) -> None:
    with pytest.raises(DeviceUnavailable, match=f"Nothing answers at 127.0.0.1:{closed_port}"):
        await driver.run(device(closed_port), recorder)


async def test_a_device_that_goes_is_unavailable_and_read_again_when_it_is_back(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        task = asyncio.create_task(driver.run(device(plant.port), recorder))
        await recorder.until(lambda: recorder.batches)
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(task, 2)
    count = len(recorder.batches)
    async with ModbusSimulator("127.0.0.1", plant.port, POINTS), running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.batches) > count)
    assert recorder.times_online == 2


async def test_an_answer_cut_off_by_a_closing_device_is_noticed_without_waiting(recorder) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        await plant.stop_answering()
        task = asyncio.create_task(driver.run(device(plant.port, timeout=30), recorder))
        await recorder.until(lambda: plant.connections)
        await asyncio.sleep(0.1)
        plant.close_connections()
        with pytest.raises(DeviceUnavailable):
            await asyncio.wait_for(task, 1)


async def test_a_connection_dropped_between_two_readings_costs_none(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder) as task:
        await recorder.until(lambda: recorder.batches)
        plant.close_connections()
        count = len(recorder.batches)
        await recorder.until(lambda: len(recorder.batches) > count + 2 or task.done())
        assert not task.done()


async def test_a_wrong_address_is_bad_and_the_others_live(recorder, running) -> None:
    tags = [*TAGS, TagConfig(series=9, name="ghost", address="holding:118:int16")]
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 3)
    assert recorder.last()[9] == Sample(9, None, quality=Quality.BAD)
    assert recorder.last()[1] == Sample(1, 7.5)
    assert recorder.complaints == ["ghost (holding:118:int16): exception 02"]


async def test_a_device_that_refuses_gaps_is_read_all_the_same(recorder, running) -> None:
    points = [Point("a", "holding:0", 1), Point("b", "holding:4", 2)]
    tags = [TagConfig(series=1, name="a", address="holding:0"), TagConfig(series=2, name="b", address="holding:4")]
    plant = ModbusSimulator("127.0.0.1", 0, points, holes=False)
    async with plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 2)
    assert recorder.batches[1] == [Sample(1, 1.0), Sample(2, 2.0)]


async def test_a_sensor_that_fails_is_bad_until_it_recovers(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: recorder.batches)
        await plant.write("temperature", None, quality=Quality.BAD)
        await recorder.until(lambda: recorder.last()[2] == Sample(2, None, quality=Quality.BAD))
        assert recorder.last()[1] == Sample(1, 7.5)
        await plant.write("temperature", 12)
        await recorder.until(lambda: recorder.last()[2] == Sample(2, 12.0))


async def test_not_a_number_passes_to_the_gateway_which_judges_it(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, [Point("x", "holding:0:float32", math.nan)]) as plant:
        tags = [TagConfig(series=1, name="x", address="holding:0:float32")]
        async with running(driver, device(plant.port, tags), recorder):
            await recorder.until(lambda: recorder.batches)
    assert math.isnan(recorder.samples[0].value)


async def test_a_register_that_is_neither_0_nor_1_is_no_boolean(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, [Point("x", "holding:0", 2)]) as plant:
        tags = [TagConfig(series=1, name="x", address="holding:0", kind="boolean")]
        async with running(driver, device(plant.port, tags), recorder):
            await recorder.until(lambda: recorder.batches)
    assert recorder.samples[0] == Sample(1, None, quality=Quality.BAD)
    assert recorder.complaints == ["x (holding:0): the value is no boolean"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tags": [TagConfig(series=1, name="x", address="holding:x")]}, "holding:x"),
        ({"tags": [TagConfig(series=1, name="x", address="holding:1", kind="text")]}, "Tag x is a text"),
        ({"tags": [TagConfig(series=1, name="x", address="holding:1:string4")]}, "Tag x is a number"),
        ({"unit": 256}, "unit"),
        ({"host": ""}, "host"),
        ({"encoding": "klingon"}, "klingon"),
        ({"speed": 9600}, "speed"),
        ({"interval": 0.0}, "interval"),
    ],
)
async def test_a_wrong_configuration_is_refused_without_connecting(recorder, change, named) -> None:
    with pytest.raises(BadConfiguration, match=named):
        await driver.run(device(1, **change), recorder)


async def test_rubbish_from_the_network_is_unavailable_soon_and_once(recorder, rubbish_port) -> None:
    start = time.process_time(), time.monotonic()
    with pytest.raises(DeviceUnavailable):
        await driver.run(device(rubbish_port), recorder)
    assert time.monotonic() - start[1] < 1.5
    assert time.process_time() - start[0] < 0.5
    assert recorder.batches == []


async def test_fewer_values_than_asked_for_are_refused(recorder, serve) -> None:
    async def short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readexactly(12)
        writer.write(request[:4] + b"\x00\x05" + request[6:8] + b"\x02\x00\x01")  # one register instead of two
        await reader.read()

    with pytest.raises(DeviceUnavailable, match="answered 1 values instead of 2"):
        await driver.run(device(await serve(short), TAGS[:1]), recorder)


async def test_units_behind_one_gateway_share_one_connection(recorder, running) -> None:
    points = [Point(f"u{unit}", "holding:0", unit, unit) for unit in range(1, 7)]
    tags = [TagConfig(series=1, name="x", address="holding:0")]
    async with ModbusSimulator("127.0.0.1", 0, points) as plant:
        recorders = [type(recorder)() for _ in range(6)]
        tasks = [
            asyncio.create_task(driver.run(device(plant.port, tags, unit=unit), recorders[unit - 1]))
            for unit in range(1, 7)
        ]
        for unit in range(1, 7):
            await recorders[unit - 1].until(lambda unit=unit: len(recorders[unit - 1].batches) >= 3)
            assert recorders[unit - 1].last()[1] == Sample(1, float(unit))
        assert plant.connections == 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await recorder.until(lambda: plant.connections == 0)


async def test_units_of_a_gateway_that_is_off_do_not_wait_one_after_the_other(recorder, monkeypatch) -> None:
    async def never(self: object) -> bool:
        await asyncio.sleep(0.3)
        return False

    monkeypatch.setattr(AsyncModbusTcpClient, "connect", never)
    start = time.monotonic()
    ends = await asyncio.gather(*(driver.run(device(1, unit=u), recorder) for u in range(9)), return_exceptions=True)
    assert [type(end) for end in ends] == [DeviceUnavailable] * 9
    assert time.monotonic() - start < 0.6


TIMED = [Point("time", "holding:0:int64", 0), Point("x", "holding:4:float32", 1.5)]
TIMED_TAGS = [TagConfig(series=1, name="x", address="holding:4:float32")]


async def test_a_device_that_tells_the_time_is_recorded_once_for_each_time(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, TIMED) as plant:
        timed = device(plant.port, TIMED_TAGS, interval=0.02, time_address="holding:0:int64")
        async with running(driver, timed, recorder):
            await recorder.until(lambda: recorder.times_online)
            await plant.write("time", 1_700_000_000_000_001)
            await recorder.until(lambda: recorder.samples)
            await plant.write("time", None, quality=Quality.BAD)
            await asyncio.sleep(0.1)
            await plant.write("time", 1_700_000_000_000_001)
            await asyncio.sleep(0.1)
            await plant.write("time", 1_700_000_000_000_002)
            await recorder.until(lambda: len(recorder.samples) == 2)
    assert recorder.samples == [Sample(1, 1.5, 1_700_000_000_000_001), Sample(1, 1.5, 1_700_000_000_000_002)]


async def test_a_time_that_is_not_there_is_a_wrong_configuration(recorder) -> None:
    async with ModbusSimulator("127.0.0.1", 0, TIMED) as plant:
        with pytest.raises(BadConfiguration, match="refuses time_address holding:9:int64"):
            await driver.run(device(plant.port, TIMED_TAGS, time_address="holding:9:int64"), recorder)


async def test_a_device_without_tags_is_online_when_it_is_there(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port, []), recorder):
        await recorder.until(lambda: recorder.times_online)


async def test_a_dead_unit_does_not_take_its_neighbour_with_it(recorder, running) -> None:
    points = [Point("live", "holding:0", 1, 1)]
    tags = [TagConfig(series=1, name="x", address="holding:0")]
    async with ModbusSimulator("127.0.0.1", 0, points) as plant:
        plant.ignore_unit(2)
        async with running(driver, device(plant.port, tags), recorder) as live:
            await recorder.until(lambda: recorder.batches)
            for _ in range(3):
                with pytest.raises(DeviceUnavailable, match="Unit 2"):
                    await driver.run(device(plant.port, tags, unit=2, timeout=0.2), type(recorder)())
            count = len(recorder.batches)
            await recorder.until(lambda: len(recorder.batches) > count)
            assert not live.done()


async def test_a_wrong_value_of_the_wire_is_seen(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        plant.write_registers(1, Table.HOLDING, 100, [0xFFFF, 0xFFFF])
        await recorder.until(lambda: recorder.batches and math.isnan(recorder.last()[1].value))


async def test_every_byte_order_and_overlapping_tags_in_one_block(recorder, running) -> None:
    points = [Point(order, f"holding:{2 * i}:float32:{order}", 123456.5) for i, order in enumerate(ORDERS)]
    tags = [TagConfig(series=i, name=o, address=f"holding:{2 * i}:float32:{o}") for i, o in enumerate(ORDERS)]
    tags += [
        TagConfig(series=10, name="high word", address="holding:0"),
        TagConfig(series=11, name="low word", address="holding:1:uint16"),
        TagConfig(series=12, name="both", address="holding:0:uint32"),
        TagConfig(series=13, name="sign", address="holding:0:bit15"),
    ]
    async with ModbusSimulator("127.0.0.1", 0, points) as plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: recorder.batches)
    # 123456.5 = 0x47F12040
    assert {series: sample.value for series, sample in recorder.last().items()} == {
        **dict.fromkeys(range(4), 123456.5),
        10: 0x47F1,
        11: 0x2040,
        12: 0x47F12040,
        13: 0.0,
    }

"""A device that tells the time of its values: each time counts once."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from gongfu.network.drivers.contract import BadConfiguration, Sample
from gongfu.network.drivers.modbus import driver
from gongfu.network.drivers.modbus.address import Table
from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from tests.simulators.plantfloor import Collector, until

TIME = 1_583_720_073_123_456


def device(port: int, time_address: str) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="logger",
        driver="modbus",
        options={"host": "127.0.0.1", "port": port, "time_address": time_address},
        interval=0.02,
        tags=[TagConfig(series=1, name="flow", address="holding:4:float64")],
    )


@contextlib.asynccontextmanager
async def reading(config: DeviceConfig, sink: Collector):  # type: ignore[no-untyped-def]
    task = asyncio.create_task(driver.run(config, sink))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_values_carry_the_device_s_time_and_count_once_for_each_time() -> None:
    points = [Point("time", "holding:0:int64", 0), Point("flow", "holding:4:float64", 1.0)]
    sink = Collector()
    async with (
        ModbusSimulator("127.0.0.1", 0, points) as plant,
        reading(device(plant.port, "holding:0:int64"), sink),
    ):
        await until(lambda: sink.came_online, "it answers")
        await asyncio.sleep(0.1)
        assert sink.samples == []  # time 0: no values yet
        for step, value in enumerate((2.0, 2.0, 3.0)):
            plant.put("time", TIME + step)
            plant.put("flow", value)
            await until(lambda step=step: len(sink.samples) == step + 1, "the row is read")
            await asyncio.sleep(0.08)  # several polls of the same row
    assert sink.samples == [Sample(1, 2.0, TIME), Sample(1, 2.0, TIME + 1), Sample(1, 3.0, TIME + 2)]


@pytest.mark.parametrize("address", ["holding:0:float64", "holding:0", "coil:0", "input:0:string8", "nonsense"])
async def test_a_time_address_that_cannot_hold_a_time_is_refused(address: str) -> None:
    with pytest.raises(BadConfiguration):
        await driver.run(device(1, address), Collector())


async def test_a_device_without_these_registers_is_refused_not_retried_for_ever() -> None:
    async with ModbusSimulator("127.0.0.1", 0, [Point("flow", "holding:4:float64", 1.0)], holes=False) as plant:
        plant.write_registers(1, Table.INPUT, 0, [0])
        with pytest.raises(BadConfiguration, match="refuses time_address"):
            await asyncio.wait_for(driver.run(device(plant.port, "holding:0:int64"), Collector()), 5)

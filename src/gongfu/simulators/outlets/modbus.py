"""Machines behind a Modbus TCP gateway: a unit for each."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Iterator

from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from gongfu.simulators.hall import Reports
from gongfu.simulators.machines.machine import Value
from gongfu.simulators.plants.plant import PlantDevice, PlantTag
from gongfu.simulators.plants.wiring import INVALID_INT16


class ModbusOutlet:
    """A device that is gone lets the gateway answer exception 0B for its unit."""

    problem = ""

    def __init__(self, host: str, port: int, devices: list[PlantDevice]) -> None:
        self._devices = devices
        self._server = ModbusSimulator(host, port, list(_points(devices)))

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve."""
        async with self._server:
            yield

    async def publish(self, reports: Reports) -> None:
        """Write every register. Modbus knows no time."""
        for device in self._devices:
            report = reports[device.path]
            if report is None:
                self._server.remove_unit(device.unit)
                continue
            for tag in device.tags:
                await self._server.write(f"{device.path}/{tag.key}", _raw(tag, report.values[tag.key]))
            self._server.add_unit(device.unit)


def _points(devices: list[PlantDevice]) -> Iterator[Point]:
    for device in devices:
        for tag in device.tags:
            start: Value = "" if ":string" in tag.address else 0.0
            yield Point(f"{device.path}/{tag.key}", tag.address, start, device.unit)


def _raw(tag: PlantTag, value: Value) -> Value:
    if isinstance(value, str) or tag.scale == 1.0:
        return value
    return INVALID_INT16 if math.isnan(value) else value / tag.scale

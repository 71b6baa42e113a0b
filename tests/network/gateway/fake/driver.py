"""Does what its option ``mode`` says."""

from __future__ import annotations

import asyncio

from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Sample, Sink
from gongfu.network.gateway.config import DeviceConfig

START = 1_790_000_000_000_000
runs: list[int] = []
"""Devices whose driver was started, in order."""
emitted: dict[int, int] = {}
"""Samples that ``emit`` took, by device."""


async def run(device: DeviceConfig, sink: Sink) -> None:
    runs.append(device.device)
    mode = device.options["mode"]
    if mode == "gone":
        raise DeviceUnavailable("No route to {host}.", host="10.0.0.9")
    if mode == "refused":
        raise BadConfiguration("Unit {unit} is not there.", unit=300)
    if mode == "crash":
        raise RuntimeError("a fault of the driver")
    if mode == "flapping" and runs.count(device.device) % 2:
        sink.online()
        raise DeviceUnavailable("The connection broke.")
    sink.online()
    if mode == "ends":
        return
    series = device.tags[0].series
    number = emitted.get(device.device, 0)
    while True:
        count = int(device.options["count"]) if mode == "burst" else 1
        await sink.emit([Sample(series, number + n, START + number + n) for n in range(count)])
        number += count
        emitted[device.device] = number
        if mode == "burst":
            await asyncio.Event().wait()
        await asyncio.sleep(device.interval)

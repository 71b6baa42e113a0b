"""Every tag of the device once a round, rounds one millisecond apart in source time, without pause."""

from __future__ import annotations

import asyncio
import random
import time

from gongfu.network.drivers.contract import Sample, Sink
from gongfu.network.gateway.config import DeviceConfig


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Emit ``rounds`` × tags readings from ``start`` on, then stay online."""
    series = [tag.series for tag in device.tags]
    values = [[round(random.gauss(50, 5), 2) for _ in series] for _ in range(16)]
    sink.online()
    start = float(device.options["start"])
    await asyncio.sleep(max(0.0, start - time.time()))
    first = int(start * 1e6)
    for number in range(int(device.options["rounds"])):
        moment = first + number * 1000
        await sink.emit([Sample(one, value, moment) for one, value in zip(series, values[number % 16], strict=True)])
        await asyncio.sleep(0)
    await asyncio.Event().wait()

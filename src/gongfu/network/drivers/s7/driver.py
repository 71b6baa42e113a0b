"""Reads the tags of one S7 controller at the device's interval, and answers questions about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gongfu.network.drivers.contract import Sink
from gongfu.network.drivers.pacing import Pace
from gongfu.network.drivers.s7.address import tag_address
from gongfu.network.drivers.s7.client import controller
from gongfu.network.drivers.s7.options import options_of
from gongfu.network.drivers.s7.reader import Reader
from gongfu.network.drivers.s7.session import S7Session
from gongfu.network.gateway.config import DeviceConfig


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises ``DeviceUnavailable`` or ``BadConfiguration``."""
    options = options_of(device)
    addresses = [tag_address(tag) for tag in device.tags]
    async with controller(options.host, options.port, options.rack, options.slot, options.timeout) as connection:
        reader = Reader(device.tags, options, addresses, connection, sink)
        pace = Pace(device.interval)
        samples = await reader.read()
        sink.online()
        while True:
            await sink.emit(samples)
            await pace.wait()
            samples = await reader.read()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[S7Session]:
    """Questions to ``device`` over a connection of their own."""
    options = options_of(device)
    async with controller(options.host, options.port, options.rack, options.slot, options.timeout) as connection:
        yield S7Session(options, connection)

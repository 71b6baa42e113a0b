"""OPC UA: follows the variables and events of a server, answers questions, writes, calls methods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gongfu.kernel.settings import settings
from gongfu.network.drivers.contract import Sink
from gongfu.network.drivers.opcua import options as device_options
from gongfu.network.drivers.opcua.address import parse_target
from gongfu.network.drivers.opcua.connection import connect
from gongfu.network.drivers.opcua.follower import Follower
from gongfu.network.drivers.opcua.memory import memory_of
from gongfu.network.drivers.opcua.options import Options
from gongfu.network.drivers.opcua.questions import Questions
from gongfu.network.gateway.config import DeviceConfig


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Follow ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    options = device_options.read(device)
    targets = [parse_target(tag.address) for tag in device.tags]
    memory = memory_of(device.org, device.device, options.endpoint)
    file = settings().home / "opcua" / "last" / f"{device.org}-{device.device}.json"
    if options.history:
        memory.resume(file)
    try:
        async with connect(device, options) as connection:
            changed = await connection.prepare()
            sink.online()
            for number, uri in changed.items():
                sink.malformed(f"namespace {number} is no longer {uri}; use nsu= in the addresses")
            await Follower(device, options, connection, targets, sink).follow()
    finally:
        if options.history:
            memory.leave(file)


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[Questions]:
    """Questions to ``device``; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    async with connect(device, device_options.read(device)) as connection:
        await connection.prepare()
        yield Questions(connection)


__all__ = ["Options", "open_session", "run"]

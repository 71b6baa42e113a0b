"""Reads the tags of one MELSEC controller at the device's interval, and answers questions to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gongfu.network.drivers.contract import Sink
from gongfu.network.drivers.melsec.line import connection
from gongfu.network.drivers.melsec.options import Options as Options
from gongfu.network.drivers.melsec.options import options_of
from gongfu.network.drivers.melsec.reader import Reader, address_of
from gongfu.network.drivers.melsec.session import MelsecSession
from gongfu.network.drivers.pacing import Pace
from gongfu.network.gateway.config import DeviceConfig


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    options = options_of(device)
    addresses = [address_of(tag, options) for tag in device.tags]
    async with connection(options.place) as shared:
        reader = Reader(options, device.tags, addresses, shared, sink)
        pace = Pace(device.interval)
        samples = await reader.read()
        sink.online()
        while True:
            await sink.emit(samples)
            await pace.wait()
            samples = await reader.read()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[MelsecSession]:
    """A session with ``device``, on the connection that :func:`run` uses."""
    options = options_of(device)
    async with connection(options.place) as shared:
        yield MelsecSession(options, shared)

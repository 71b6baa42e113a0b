"""Reads the tags of one EtherNet/IP device at the device's interval, and answers questions to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from gongfu.network.drivers.contract import Sink
from gongfu.network.drivers.ethernetip import cip
from gongfu.network.drivers.ethernetip.client import Controller, controller
from gongfu.network.drivers.ethernetip.options import Options as Options
from gongfu.network.drivers.ethernetip.options import options_of
from gongfu.network.drivers.ethernetip.reader import Reader, address_of
from gongfu.network.drivers.ethernetip.session import LogixSession
from gongfu.network.drivers.pacing import Pace
from gongfu.network.gateway.config import DeviceConfig

_CONNECTION_LIFE = 300.0
"""Seconds between two readings beyond which no connection is kept."""


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    options = options_of(device)
    addresses = [address_of(tag) for tag in device.tags]
    async with _open(options, lasting=device.interval < _CONNECTION_LIFE) as connection:
        reader = Reader(connection, options, device.tags, addresses, sink)
        pace = Pace(device.interval)
        samples = await reader.read()
        sink.online()
        while True:
            await sink.emit(samples)
            await pace.wait()
            samples = await reader.read()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[LogixSession]:
    """A session with ``device``, on a connection of its own."""
    options = options_of(device)
    async with _open(options, lasting=True) as connection:
        yield LogixSession(connection, options)


def _open(options: Options, *, lasting: bool) -> AbstractAsyncContextManager[Controller]:
    way = cip.route(options.route)
    return controller(options.host, options.port, way, options.timeout, connected=options.connected and lasting)

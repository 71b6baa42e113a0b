"""Reads the tags of one Modbus unit at the device's interval, and answers questions about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, Sink
from gongfu.network.drivers.modbus.address import Address, parse, tag_address
from gongfu.network.drivers.modbus.options import options_of
from gongfu.network.drivers.modbus.pool import connection
from gongfu.network.drivers.modbus.session import ModbusSession
from gongfu.network.drivers.modbus.unit import Unit
from gongfu.network.drivers.pacing import Pace
from gongfu.network.gateway.config import DeviceConfig


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises ``DeviceUnavailable`` or :class:`BadConfiguration`."""
    options, place = options_of(device)
    addresses = [tag_address(tag) for tag in device.tags]
    if options.time_address:
        addresses.append(_time_address(options.time_address))
    async with connection(place) as shared:
        if not addresses:  # nothing to ask for: being there must do
            await shared.open(options.timeout)
            sink.online()
        unit = Unit(device.tags, options, addresses, shared, sink)
        pace = Pace(device.interval)
        while True:
            await sink.emit(await unit.read())
            await pace.wait()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[ModbusSession]:
    """Questions to ``device`` over the connection that its driver uses."""
    options, place = options_of(device)
    async with connection(place) as shared:
        await shared.open(options.timeout)
        yield ModbusSession(options, shared)


def _time_address(text: str) -> Address:
    address = parse(text)
    if address.type not in ("int64", "uint64"):
        raise BadConfiguration(
            mark("{address} cannot hold a time."),
            remedy=mark("time_address names a 64-bit integer of microseconds since 1970, such as holding:0:int64."),
            address=text,
        )
    return address

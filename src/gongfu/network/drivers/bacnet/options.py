"""Options of a BACnet device, checked."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

import msgspec
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.bacnet.address import ANY, Property, parse
from gongfu.network.drivers.bacnet.client import Local, Peer, Route, resolve
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.options import read_options
from gongfu.network.gateway.config import DeviceConfig

_HOST_AND_PORT = 2
_STATION = re.compile(r"(?P<number>[0-9]{1,3})|0x(?P<octets>(?:[0-9a-f]{2}){1,7})")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 47808
    network: Annotated[int, Meta(ge=0, le=65534)] = 0
    station: str = ""
    instance: Annotated[int, Meta(ge=0, le=ANY)] = ANY
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 3.0
    retries: Annotated[int, Meta(ge=0, le=10)] = 2
    batch: Annotated[int, Meta(ge=1, le=200)] = 30
    cov: bool = False
    cov_lifetime: Annotated[int, Meta(ge=10, le=86400)] = 300
    cov_confirmed: bool = True
    priority: Annotated[int, Meta(ge=1, le=16)] = 16
    local_address: str = ""
    local_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    bbmd: str = ""
    bbmd_lifetime: Annotated[int, Meta(ge=30, le=65535)] = 300


class Setup(msgspec.Struct, frozen=True):
    """A device's configuration, read and checked."""

    options: Options
    local: Local
    route: Route | None
    properties: list[Property]
    """Of each tag, in their order."""


def read(device: DeviceConfig) -> Setup:
    """Check ``device``; raises :class:`BadConfiguration`."""
    options = read_options(device, Options)
    address = _address(options.local_address) if options.local_address else Local().address
    broadcaster = _broadcaster(options.bbmd) if options.bbmd else ""
    local = Local(address, options.local_port, broadcaster, options.bbmd_lifetime)
    route = _route(options.network, options.station)
    return Setup(options, local, route, [parse(tag.address) for tag in device.tags])


async def peer(setup: Setup) -> Peer:
    """The device as the client reaches it; raises :class:`DeviceUnavailable` when its name leads nowhere."""
    chosen = setup.options
    return await resolve(chosen.host, chosen.port, chosen.timeout, chosen.retries, setup.route)


def _route(network: int, station: str) -> Route | None:
    """``station`` is a number from 0 to 255, as on MS/TP, or octets such as 0x0a000005bac0."""
    if not network and not station:
        return None
    match = _STATION.fullmatch(station.strip().lower())
    octets = b""
    if match is not None:
        octets = bytes.fromhex(match["octets"]) if match["octets"] else int(match["number"]).to_bytes(2, "big")
        octets = octets[1:] if match["number"] and octets[0] == 0 else octets
    if not network or match is None or (match["number"] and len(octets) != 1):
        raise BadConfiguration(
            mark("network {network} and station {station} do not name a device behind a router."),
            remedy=mark(
                "Write the network's number and the device's address in it, 0 to 255 or octets such as 0x0a05."
            ),
            network=network,
            station=station,
        )
    return Route(network, octets)


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as error:
        raise BadConfiguration(mark("{text} is not an IPv4 address."), text=text) from error


def _broadcaster(text: str) -> str:
    parts = text.rsplit(":", 1)
    port = parts[1] if len(parts) == _HOST_AND_PORT else "47808"
    if not (port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65535):
        raise BadConfiguration(mark("{text} is not an address with a port."), text=text)
    return f"{_address(parts[0])}:{port}"

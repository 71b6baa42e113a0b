"""Reads the tags of one EtherNet/IP device at the device's interval, and answers questions to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated

import msgspec
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, Identity, Point, Refusal, Sample, Sink
from gongfu.network.drivers.ethernetip import cip, kinds, logix, wire
from gongfu.network.drivers.ethernetip.address import Address, AttributeAddress, TagAddress, parse
from gongfu.network.drivers.ethernetip.browse import Tree
from gongfu.network.drivers.ethernetip.cip import Request, Service
from gongfu.network.drivers.ethernetip.client import Controller, controller
from gongfu.network.drivers.ethernetip.kinds import STRUCTURE, Typed
from gongfu.network.drivers.ethernetip.reader import Reader, is_bit_of_array, place_in_array
from gongfu.network.drivers.ethernetip.status import Refused
from gongfu.network.drivers.ethernetip.wire import Malformed
from gongfu.network.drivers.options import check_encoding, read_options
from gongfu.network.drivers.pacing import Pace
from gongfu.network.gateway.config import DeviceConfig, TagConfig

_CONNECTION_LIFE = 300.0
"""Seconds between two readings beyond which no connection is kept."""
_VENDORS = {
    1: "Rockwell Automation/Allen-Bradley",
    5: "Rockwell Automation/Reliance",
    26: "Festo",
    40: "WAGO",
    44: "Yaskawa",
    46: "ABB",
    47: "Omron",
    48: "TURCK",
    57: "Pepperl+Fuchs",
    90: "HMS Networks",
    161: "Mitsubishi Electric",
    243: "Schneider Electric",
    283: "Hilscher",
    356: "FANUC Robotics",
    678: "Cognex",
    808: "SICK",
}
"""ODVA's numbers of some makers."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 44818
    route: str = "1,0"
    connected: bool = True
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 3.0
    gap: Annotated[int, Meta(ge=0, le=1000)] = 8
    encoding: str = "utf-8"


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    options = _options(device)
    addresses = [_address(tag) for tag in device.tags]
    async with _open(options, lasting=device.interval < _CONNECTION_LIFE) as connection:
        reader = Reader(connection, device.tags, addresses, options.gap, options.encoding, sink.malformed)
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
    options = _options(device)
    async with _open(options, lasting=True) as connection:
        yield LogixSession(connection, options)


class LogixSession:
    """Questions to one device; a ``Session`` of the driver contract."""

    def __init__(self, connection: Controller, options: Options) -> None:
        self._connection = connection
        self._options = options
        self._tree = Tree(connection)

    async def identify(self) -> Identity:
        """The identity object at the end of the route; of the device at the address when there is none."""
        try:
            reply = await self._connection.ask(Request(Service.GET_ATTRIBUTES_ALL, cip.path_of(1, 1)))
            found = wire.decode_device(reply.data)
        except Refused:
            found = await self._connection.identity()
        except Malformed as error:
            raise self._connection.failure(error) from error
        return Identity(
            vendor=_VENDORS.get(found.vendor, f"ODVA {found.vendor}"),
            product=found.name,
            version=f"{found.major}.{found.minor:03}",
            serial_number=f"{found.serial:08X}",
        )

    async def browse(self, parent: str) -> Sequence[Point]:
        """Programs and tags; members of a structure; elements of an array, the first thousand."""
        return await self._tree.entries(parent.strip())

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """The value of each tag now."""
        numbered = [msgspec.structs.replace(tag, series=position) for position, tag in enumerate(tags)]
        addresses = [_address(tag) for tag in tags]
        reader = Reader(
            self._connection, numbered, addresses, self._options.gap, self._options.encoding, lambda _: None
        )
        samples = sorted(await reader.read(), key=lambda sample: sample.series)
        return [msgspec.structs.replace(s, series=tag.series) for s, tag in zip(samples, tags, strict=True)]

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Write ``value`` as the type that the tag has; a bit in one step."""
        address = _address(tag)
        try:
            await self._connection.ask(await self._writing(address, value))
        except Refused as refused:
            raise Refusal(refused.template, address=tag.address, code=refused.code) from refused
        except Malformed as error:
            raise self._connection.failure(error) from error
        except ValueError as error:
            raise Refusal(
                mark("{address} cannot take this value: {reason}."), address=tag.address, reason=error
            ) from error

    async def _writing(self, address: Address, value: float | bool | str) -> Request:
        if isinstance(address, AttributeAddress):
            data = kinds.encode_attribute(address.type, value, self._options.encoding)
            return Request(Service.SET_ATTRIBUTE_SINGLE, address.path, data)
        there = kinds.decode_typed(
            (await self._connection.ask(logix.read_tag((address.array or address).path, 1))).data
        )
        bit = address.bit
        if is_bit_of_array(address, there.code):
            address, bit = place_in_array(address)
        if bit is not None:
            width = kinds.size(there.code)
            if bit >= 8 * width or there.code in (0xCA, 0xCB, kinds.BOOL):
                raise ValueError(f"a {kinds.NAMES.get(there.code, 'structure')} has no bit {bit}")
            return logix.modify(address.path, width, bit, kinds.as_bit(value))
        if there.code == STRUCTURE:
            return logix.write_tag(address.path, await self._text(address, there, value))
        if there.code not in kinds.FORMATS:
            raise ValueError(f"type {there.code:04X} cannot be written")
        return logix.write_tag(address.path, Typed(there.code, kinds.encode_number(there.code, value)))

    async def _text(self, address: TagAddress, there: Typed, value: float | bool | str) -> Typed:
        standard = there.handle == kinds.STRING_HANDLE
        room = kinds.STRING_LENGTH if standard else await self._tree.text_room(address)
        if not isinstance(value, str):
            raise ValueError(f"{value} is no text")
        data = kinds.string_of(value, len(there.data), room, self._options.encoding)
        return Typed(there.code, data, there.handle)


def _open(options: Options, *, lasting: bool) -> AbstractAsyncContextManager[Controller]:
    way = cip.route(options.route)
    return controller(options.host, options.port, way, options.timeout, connected=options.connected and lasting)


def _options(device: DeviceConfig) -> Options:
    options = read_options(device, Options)
    check_encoding(options.encoding)
    try:
        cip.route(options.route)
    except ValueError as error:
        raise BadConfiguration(
            mark("The route {route} is wrong: {reason}."),
            remedy=mark("Write pairs of port and address, such as 1,0 for backplane, slot 0; or nothing."),
            route=options.route,
            reason=error,
        ) from error
    return options


def _address(tag: TagConfig) -> Address:
    address = parse(tag.address)
    if isinstance(address, AttributeAddress) and (address.type in kinds.TEXTS) != (tag.kind == "text"):
        raise BadConfiguration(
            mark("Tag {tag} is a {kind}, but {address} is not."), tag=tag.name, kind=tag.kind, address=tag.address
        )
    return address

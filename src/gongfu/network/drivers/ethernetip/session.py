"""Questions to one EtherNet/IP device: who it is, what it holds, what some tags say, and a value for them."""

from __future__ import annotations

from collections.abc import Sequence

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Identity, Point, Refusal, Sample
from gongfu.network.drivers.ethernetip import cip, kinds, logix, wire
from gongfu.network.drivers.ethernetip.address import Address, AttributeAddress, TagAddress
from gongfu.network.drivers.ethernetip.browse import Tree
from gongfu.network.drivers.ethernetip.cip import Request, Service
from gongfu.network.drivers.ethernetip.client import Controller
from gongfu.network.drivers.ethernetip.kinds import STRUCTURE, Typed
from gongfu.network.drivers.ethernetip.options import Options
from gongfu.network.drivers.ethernetip.reader import Reader, address_of, is_bit_of_array, place_in_array
from gongfu.network.drivers.ethernetip.status import Refused
from gongfu.network.drivers.ethernetip.wire import Malformed
from gongfu.network.drivers.reading import QuietSink, read_in_order
from gongfu.network.drivers.writing import Value, number, out_of_range, text, truth
from gongfu.network.gateway.config import TagConfig

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


class LogixSession:
    """Implements ``Session``."""

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
        """The value of each tag now; *bad* where the address is wrong or refused."""

        async def read(known: list[TagConfig], addresses: list[Address]) -> Sequence[Sample]:
            return await Reader(self._connection, self._options, known, addresses, QuietSink()).read()

        return await read_in_order(tags, address_of, read)

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Write ``value`` as the type that the tag has; a bit in one step."""
        address = address_of(tag)
        try:
            await self._connection.ask(await self._writing(address, value))
        except Refused as refused:
            raise Refusal(refused.template, address=tag.address, code=refused.code) from refused
        except Malformed as error:
            raise self._connection.failure(error) from error

    async def _writing(self, address: Address, value: Value) -> Request:
        if isinstance(address, AttributeAddress):
            return Request(Service.SET_ATTRIBUTE_SINGLE, address.path, self._attribute(address, value))
        question = logix.read_tag((address.array or address).path, 1)
        there = kinds.decode_typed((await self._connection.ask(question)).data)
        bit = address.bit
        if is_bit_of_array(address, there.code):
            address, bit = place_in_array(address)
        if bit is not None:
            width = kinds.size(there.code)
            if bit >= 8 * width or not kinds.has_bits(there.code):
                name = kinds.NAMES.get(there.code, "structure")
                raise Refusal(mark("{address}: a {type} has no bit {bit}."), address=address, type=name, bit=bit)
            return logix.modify(address.path, width, bit, truth(value))
        if there.code == STRUCTURE:
            return logix.write_tag(address.path, await self._text(address, there, value))
        if there.code not in kinds.FORMATS:
            raise Refusal(
                mark("{address} has a type that cannot be written: {type}."), address=address, type=f"{there.code:04X}"
            )
        return logix.write_tag(address.path, Typed(there.code, _number(there.code, value)))

    async def _text(self, address: TagAddress, there: Typed, value: Value) -> Typed:
        """A string; one longer than its declaration would be a major fault, and the controller would stop."""
        standard = there.handle == kinds.STRING_HANDLE
        room = kinds.STRING_LENGTH if standard else await self._tree.text_room(address)
        checked = text(value, self._options.encoding, room)
        return Typed(there.code, kinds.string_of(checked, len(there.data), self._options.encoding), there.handle)

    def _attribute(self, address: AttributeAddress, value: Value) -> bytes:
        if address.type in kinds.TEXTS:
            room = 0xFFFF if address.type == "STRING" else 0xFF
            return kinds.encode_text(address.type, text(value, self._options.encoding, room), self._options.encoding)
        return _number(kinds.CODES[address.type], value)


def _number(code: int, value: Value) -> bytes:
    name = kinds.NAMES[code]
    checked = truth(value) if code == kinds.BOOL else number(value, name, whole=kinds.has_bits(code))
    try:
        return kinds.encode_number(code, checked)
    except ValueError as error:
        raise out_of_range(value, name) from error

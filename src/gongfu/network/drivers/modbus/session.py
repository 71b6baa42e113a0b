"""Questions to one Modbus unit: who it is, what a register holds now, and a value for it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import WriteSingleCoilRequest
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest
from pymodbus.pdu.register_message import (
    MaskWriteRegisterRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import (
    DeviceUnavailable,
    Emitted,
    Identity,
    Point,
    Refusal,
    Sample,
)
from gongfu.network.drivers.modbus.address import Address, Table, tag_address
from gongfu.network.drivers.modbus.options import Options
from gongfu.network.drivers.modbus.pool import NO_UNIT, Connection, Refused
from gongfu.network.drivers.modbus.refusals import refusal
from gongfu.network.drivers.modbus.unit import Unit, behind_gateway
from gongfu.network.drivers.reading import QuietSink, read_in_order
from gongfu.network.drivers.writing import Value, number, out_of_range, text, truth
from gongfu.network.gateway.config import TagConfig

_ILLEGAL_FUNCTION = 0x01
_BASIC, _REGULAR = 1, 2
"""Groups of a device's identification (MODBUS Application Protocol V1.1b3 §6.21)."""
_MORE_FOLLOWS = 0xFF
_LONGEST_IDENTITY = 20
"""Answers that one identification may take: no device has so much to say."""


class ModbusSession:
    """Implements ``Session``. It shares the line with the running drivers, and comes before dead units."""

    def __init__(self, options: Options, shared: Connection) -> None:
        self._options = options
        self._shared = shared

    async def identify(self) -> Identity:
        """What function 43/14 says; empty for a device that is there but does not know it."""
        for group in (_REGULAR, _BASIC):
            try:
                objects = await self._objects(group)
            except Refused as error:
                self._check_gateway(error)
                continue
            except DeviceUnavailable:
                await self._be_there()  # some devices keep silent about functions they do not know
                return Identity()
            product = objects.get(4) or objects.get(5) or objects.get(1, "")
            return Identity(vendor=objects.get(0, ""), product=product, version=objects.get(2, ""))
        return Identity()

    async def browse(self, parent: str) -> Sequence[Point]:
        """Not possible: a Modbus device does not say what its registers are."""
        raise Refusal(
            mark("A Modbus device has no list of its registers."), remedy=mark("Take the addresses from its manual.")
        )

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """The raw value of each tag, *bad* where it is refused; raises ``BadConfiguration`` for a wrong address."""
        options = msgspec.structs.replace(self._options, time_address="")

        async def read(known: list[TagConfig], addresses: list[Address]) -> Emitted:
            return await Unit(known, options, addresses, self._shared, QuietSink(), urgent=True).read()

        return await read_in_order(tags, tag_address, read)

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Write a coil or holding registers; a single bit of a register leaves its other bits alone."""
        address = tag_address(tag)
        if address.table not in (Table.COIL, Table.HOLDING):
            raise Refusal(
                mark("{address} can only be read."),
                remedy=mark("Only coils and holding registers can be written."),
                address=tag.address,
            )
        try:
            await self._write(address, value)
        except Refused as error:
            self._check_gateway(error)
            raise refusal(tag.address, error.code) from error

    async def _write(self, address: Address, value: float | bool | str) -> None:
        unit = self._options.unit
        if address.table is Table.COIL:
            await self._ask(WriteSingleCoilRequest(address=address.offset, bits=[truth(value)], dev_id=unit))
        elif address.type == "bit":
            async with self._shared.changing:
                await self._write_bit(address, truth(value))
        else:
            await self._write_registers(address.offset, _registers(address, value, self._options.encoding))

    async def _write_registers(self, offset: int, words: list[int]) -> None:
        unit = self._options.unit
        if len(words) == 1:
            try:
                await self._ask(WriteSingleRegisterRequest(address=offset, registers=words, dev_id=unit))
            except Refused as error:
                if error.code != _ILLEGAL_FUNCTION:
                    raise
            else:
                return  # some devices know only the other function
        await self._ask(WriteMultipleRegistersRequest(address=offset, registers=words, dev_id=unit))

    async def _write_bit(self, address: Address, value: bool) -> None:
        bit, unit = 1 << address.bit, self._options.unit
        try:
            masks = {"and_mask": 0xFFFF & ~bit, "or_mask": bit if value else 0}
            await self._ask(MaskWriteRegisterRequest(address=address.offset, **masks, dev_id=unit))
        except Refused as error:
            if error.code != _ILLEGAL_FUNCTION:
                raise
        else:
            return
        before = await self._shared.read(unit, Table.HOLDING, address.offset, 1, self._options.timeout, urgent=True)
        await self._write_registers(address.offset, address.encode(value, before=int.from_bytes(before, "big")))

    async def _objects(self, group: int) -> dict[int, str]:
        """Texts by object id."""
        objects: dict[int, str] = {}
        start = 0
        for _ in range(_LONGEST_IDENTITY):
            answer = await self._ask(ReadDeviceInformationRequest(group, start, dev_id=self._options.unit))
            information: dict[int, object] = getattr(answer, "information", {})
            for identifier, data in information.items():
                first = data[0] if isinstance(data, list) else data
                if isinstance(first, bytes):
                    objects[identifier] = first.decode(self._options.encoding, errors="replace").strip("\0 ")
            following = getattr(answer, "next_object_id", 0)
            if getattr(answer, "more_follows", 0) != _MORE_FOLLOWS or following <= start:
                break
            start = following
        return objects

    async def _be_there(self) -> None:
        try:
            await self._shared.read(self._options.unit, Table.HOLDING, 0, 1, self._options.timeout, urgent=True)
        except Refused as error:
            self._check_gateway(error)

    async def _ask(self, request: ModbusPDU) -> ModbusPDU:
        return await self._shared.execute(request, self._options.timeout, urgent=True)

    def _check_gateway(self, error: Refused) -> None:
        if error.code in NO_UNIT:
            raise behind_gateway(self._options.unit, self._shared.place.name, error.code) from error


def _registers(address: Address, value: Value, encoding: str) -> list[int]:
    """The registers of a number or text; raises :class:`Refusal` when it does not fit them."""
    if address.is_text:
        return address.encode(text(value, encoding, 2 * address.count), encoding)
    try:
        return address.encode(number(value, address.type, whole=not address.type.startswith("float")))
    except ValueError as error:
        raise out_of_range(value, address.type) from error

"""Modbus addresses as people write them: ``holding:100:float32:cdab``, ``coil:5``. Pure.

``<table>:<offset>[:<type>[:<order>]]``; ``offset`` counts from 0, as on the wire
(MODBUS Application Protocol V1.1b3 §4.4), so a manual's "40101" is ``holding:100``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.gateway.config import TagConfig


class Table(StrEnum):
    """The four data tables."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    @property
    def is_bits(self) -> bool:
        """Coils and discrete inputs hold one bit at each offset, registers sixteen."""
        return self in (Table.COIL, Table.DISCRETE)


class Order(StrEnum):
    """Order of the four bytes A (most significant) to D of a 32-bit value on the wire."""

    ABCD = "abcd"
    CDAB = "cdab"
    BADC = "badc"
    DCBA = "dcba"

    @property
    def registers(self) -> str:
        """How registers become bytes (``struct`` notation), before :attr:`number`."""
        return ">" if self in (Order.ABCD, Order.DCBA) else "<"

    @property
    def number(self) -> str:
        """How those bytes become a number."""
        return ">" if self in (Order.ABCD, Order.BADC) else "<"


_FORMATS = {
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}
_PATTERN = re.compile(
    r"(?P<table>coil|discrete|holding|input):(?P<offset>[0-9]{1,5})"
    r"(?::(?P<type>[a-z]+[0-9]+)(?::(?P<order>[a-d]{4}))?)?"
)
_WITH_NUMBER = re.compile(r"(?P<word>string|bit)(?P<number>[0-9]{1,3})")
_REMEDY = mark("Write for example holding:100:float32, input:30:int16:cdab, holding:7:bit3, coil:5.")


class Address(msgspec.Struct, frozen=True):
    """A place in a device. ``count`` registers (or bits, always 1, for coil and discrete) from ``offset``."""

    table: Table
    offset: int
    type: str = "uint16"
    """A name of ``_FORMATS``, ``string`` (length in ``count``), ``bit`` (index in ``bit``)."""
    count: int = 1
    order: Order = Order.ABCD
    bit: int = 0

    @property
    def code(self) -> str:
        """The number's letter in the ``struct`` module; empty for strings and bits."""
        return _FORMATS.get(self.type, "")

    @property
    def is_text(self) -> bool:
        """Whether the value is a string."""
        return self.type == "string"

    def decode(self, registers: Sequence[int], encoding: str = "utf-8") -> float | bool | str:
        """The value in ``registers``, exactly ``count`` of them (bits as 0 and 1)."""
        if self.type == "bit":
            return bool(registers[0] >> self.bit & 1)
        data = struct.pack(f"{self.order.registers}{self.count}H", *registers)
        if self.type == "string":
            return data.split(b"\0", 1)[0].decode(encoding, errors="replace").rstrip()
        return float(struct.unpack(f"{self.order.number}{self.code}", data)[0])

    def encode(self, value: float | bool | str, encoding: str = "utf-8", *, before: int = 0) -> list[int]:
        """Registers that hold ``value``; ``before``: the register a single bit is set in. Raises ``ValueError``."""
        if self.type == "bit":
            return [before & ~(1 << self.bit) | bool(value) << self.bit]
        if self.type == "string":
            data = str(value).encode(encoding)[: self.count * 2].ljust(self.count * 2, b"\0")
        else:
            number = float(value) if self.code in "fd" else round(float(value))
            try:
                data = struct.pack(f"{self.order.number}{self.code}", number)
            except (struct.error, OverflowError) as error:
                raise ValueError(f"{value} is no {self.type}") from error
        return list(struct.unpack(f"{self.order.registers}{self.count}H", data))


def parse(text: str) -> Address:
    """``text`` as :class:`Address`; raises :class:`BadConfiguration` for anything else."""
    match = _PATTERN.fullmatch(text.strip().lower())
    if match is None:
        raise BadConfiguration(mark("{address} is not a Modbus address."), remedy=_REMEDY, address=text)
    table, offset, name = Table(match["table"]), int(match["offset"]), match["type"]
    if table.is_bits:
        if name is not None:
            raise BadConfiguration(
                mark("{address}: a {table} is one bit and has no type."), remedy=_REMEDY, address=text, table=table
            )
        address = Address(table, offset, "bit")
    else:
        address = _with_type(text, table, offset, name or "uint16", match["order"])
    if offset + address.count > 65536:
        raise BadConfiguration(mark("{address} ends beyond the last register, 65535."), address=text)
    return address


def tag_address(tag: TagConfig) -> Address:
    """The address of ``tag``; raises :class:`BadConfiguration` also when it cannot hold the tag's kind of value."""
    address = parse(tag.address)
    if address.is_text != (tag.kind == "text"):
        raise BadConfiguration(
            mark("Tag {tag} is a {kind}, but {address} is not."), tag=tag.name, kind=tag.kind, address=tag.address
        )
    return address


def _with_type(text: str, table: Table, offset: int, name: str, order_name: str | None) -> Address:
    if order_name is not None and order_name not in list(Order):
        raise BadConfiguration(
            mark("{address}: {order} is not a byte order."),
            remedy=mark("Byte orders are abcd, cdab, badc and dcba."),
            address=text,
            order=order_name,
        )
    order = Order(order_name or "abcd")
    if name in _FORMATS:
        return Address(table, offset, name, struct.calcsize(_FORMATS[name]) // 2, order)
    special = _WITH_NUMBER.fullmatch(name)
    if special is not None:
        number = int(special["number"])
        if special["word"] == "bit" and number < 16 and order is Order.ABCD:
            return Address(table, offset, "bit", 1, order, number)
        if special["word"] == "string" and 1 <= number <= 250 and order in (Order.ABCD, Order.BADC):
            # 125 registers are the most one request may carry (§6.3).
            return Address(table, offset, "string", (number + 1) // 2, order)
    raise BadConfiguration(
        mark("{address}: {type} is not a type of value, or has no such byte order."),
        remedy=mark(
            "Types are int16, uint16, int32, uint32, int64, uint64, float32, float64, "
            "string1 to string250 (abcd or badc), bit0 to bit15 (no order)."
        ),
        address=text,
        type=name,
    )

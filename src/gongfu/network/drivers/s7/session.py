"""Questions to one S7 controller: who it is, which blocks it has, what they hold, and a value for them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Emitted, Identity, Point, Refusal, Sample
from gongfu.network.drivers.reading import QuietSink, read_in_order
from gongfu.network.drivers.s7.address import Address, tag_address
from gongfu.network.drivers.s7.client import Block, Controller, Refused
from gongfu.network.drivers.s7.options import Options
from gongfu.network.drivers.s7.reader import Reader
from gongfu.network.drivers.s7.refusals import refusal
from gongfu.network.drivers.writing import Value, number, out_of_range, text, truth
from gongfu.network.gateway.config import TagConfig

_BLOCK = re.compile(r"DB(?P<number>[0-9]{1,5})", re.IGNORECASE)
_MOST_WORDS = 500
"""Entries shown of a block: nobody looks through more."""


class S7Session:
    """Implements ``Session``."""

    def __init__(self, options: Options, connection: Controller) -> None:
        self._options = options
        self._connection = connection

    async def identify(self) -> Identity:
        """Type, order number, serial number and firmware; empty where the controller does not say."""
        return await self._connection.identify()

    async def browse(self, parent: str) -> Sequence[Point]:
        """The data blocks; inside one, its words. What they mean only the engineer's project knows."""
        if not parent:
            try:
                blocks = await self._connection.blocks()
            except Refused as error:
                raise Refusal(
                    mark("This controller does not list its blocks: {reason}."),
                    remedy=mark("Take the addresses from its project."),
                    reason=error,
                ) from error
            return [_folder(block) for block in blocks]
        match = _BLOCK.fullmatch(parent)
        block = await self._connection.block(int(match["number"])) if match is not None else None
        if block is None or block.size is None:
            raise Refusal(mark("There is no {parent} to look into."), parent=parent[:100])
        return [_word(block.number, start) for start in range(0, min(block.size - 1, 2 * _MOST_WORDS), 2)]

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """The raw value of each tag, *bad* where it is refused; raises ``BadConfiguration`` for a wrong address."""

        async def read(known: list[TagConfig], addresses: list[Address]) -> Emitted:
            return await Reader(known, self._options, addresses, self._connection, QuietSink()).read()

        return await read_in_order(tags, tag_address, read)

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Write a value; a single bit leaves its byte alone, a string keeps the length that its block gives it."""
        address = tag_address(tag)
        try:
            if address.type == "bool":
                place = address.area, address.block, address.start, address.bit
                await self._connection.write_bit(*place, truth(value))
            elif address.is_text:
                await self._write_text(address, value)
            else:
                await self._connection.write(address.area, address.block, address.start, _number(address, value))
        except Refused as error:
            raise refusal(tag.address, error) from error

    async def _write_text(self, address: Address, value: Value) -> None:
        wide = address.type == "wstring"
        width, encoding = (2, "utf-16-be") if wide else (1, self._options.encoding)
        header = await self._connection.read(address.area, address.block, address.start, 2 * width)
        declared = int.from_bytes(header[:width], "big")
        wanted = address.size // width - 2
        room = min(declared, wanted) if declared else wanted  # 0: nobody has written to it yet
        data = text(value, encoding, width * room).encode(encoding)
        size = (declared or wanted).to_bytes(width, "big")
        length = (len(data) // width).to_bytes(width, "big")
        await self._connection.write(address.area, address.block, address.start, size + length + data)


def _number(address: Address, value: Value) -> bytes:
    try:
        return address.encode(number(value, address.type, whole=not address.is_fraction))
    except ValueError as error:
        raise out_of_range(value, address.type) from error


def _folder(block: Block) -> Point:
    name = f"DB{block.number}"
    return Point(address=name, name=name, folder=True, detail="" if block.size is None else f"{block.size} B")


def _word(block: int, start: int) -> Point:
    return Point(
        address=f"DB{block}.DBW{start}",
        name=f"DBW{start}",
        kind="number",
        low=0,
        high=65535,
        writable=True,
        detail="word",
    )

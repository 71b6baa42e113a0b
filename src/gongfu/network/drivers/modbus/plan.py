"""Which requests read a set of tags: few, each within the protocol's limits. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gongfu.network.drivers.modbus.address import Address, Table

MAX_REGISTERS = 125
"""MODBUS Application Protocol V1.1b3 §6.3 and §6.4."""
MAX_BITS = 2000
"""§6.1 and §6.2."""


class Block(msgspec.Struct, frozen=True):
    """One request. ``members``: which of the planned addresses it covers, by position."""

    table: Table
    offset: int
    count: int
    members: tuple[int, ...]


def plan(addresses: Sequence[Address], gap: int = 0) -> list[Block]:
    """Requests that cover every address; up to ``gap`` unwanted registers (16 times as many bits) join two."""
    blocks: list[Block] = []
    order = sorted(range(len(addresses)), key=lambda i: (addresses[i].table, addresses[i].offset))
    for index in order:
        address = addresses[index]
        end = address.offset + address.count
        if blocks and blocks[-1].table is address.table:
            last = blocks[-1]
            count = max(last.offset + last.count, end) - last.offset
            bits = address.table.is_bits
            near = address.offset - (last.offset + last.count) <= (gap * 16 if bits else gap)
            if near and count <= (MAX_BITS if bits else MAX_REGISTERS):
                blocks[-1] = Block(last.table, last.offset, count, (*last.members, index))
                continue
        blocks.append(Block(address.table, address.offset, address.count, (index,)))
    return blocks


def split(block: Block, addresses: Sequence[Address]) -> list[Block]:
    """One request for each member: what is left when a device refuses the whole."""
    return [Block(block.table, addresses[i].offset, addresses[i].count, (i,)) for i in block.members]

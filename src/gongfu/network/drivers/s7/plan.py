"""Which requests read a set of tags: few, each answered in one PDU. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gongfu.network.drivers.s7.address import Address, Area

OVERHEAD = 18
"""Bytes of an answer that are not data: S7 header 12, parameters 2, item header 4."""


class Block(msgspec.Struct, frozen=True):
    """One request for ``size`` bytes. ``members``: which of the planned addresses it covers, by position."""

    area: Area
    block: int
    start: int
    size: int
    members: tuple[int, ...]


def plan(addresses: Sequence[Address], pdu: int, gap: int = 0) -> list[Block]:
    """Requests that cover every address; up to ``gap`` unwanted bytes join two; answers fit ``pdu`` bytes.

    A single address that is longer than a PDU (a long string) stays whole: the library reads it in parts.
    """
    blocks: list[Block] = []
    for index in sorted(range(len(addresses)), key=lambda i: _place(addresses[i])):
        address = addresses[index]
        if blocks and (blocks[-1].area, blocks[-1].block) == (address.area, address.block):
            last = blocks[-1]
            size = max(last.start + last.size, address.start + address.size) - last.start
            near = address.start - (last.start + last.size) <= gap
            if near and (size <= pdu - OVERHEAD or size == last.size):
                blocks[-1] = Block(last.area, last.block, last.start, size, (*last.members, index))
                continue
        blocks.append(Block(address.area, address.block, address.start, address.size, (index,)))
    return blocks


def split(block: Block, addresses: Sequence[Address]) -> list[Block]:
    """One request for each member: what is left when a controller refuses the whole."""
    return [Block(block.area, block.block, addresses[i].start, addresses[i].size, (i,)) for i in block.members]


def _place(address: Address) -> tuple[Area, int, int]:
    return address.area, address.block, address.start

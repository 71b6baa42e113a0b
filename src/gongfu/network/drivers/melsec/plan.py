"""Which requests read a set of tags: few, each within the protocol's limits. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gongfu.network.drivers.melsec.address import Address
from gongfu.network.drivers.melsec.devices import Device

SCATTERED = 96
"""Places one random read may name on every series (iQ-R grants least: SH-080008, command 0403)."""


class Block(msgspec.Struct, frozen=True):
    """``count`` words or bits from ``number``. ``members``: which of the planned addresses it covers, by position."""

    device: Device
    number: int
    count: int
    members: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of its data: two for a word, one for a bit."""
        return self.count if self.device.is_bit else 2 * self.count


Request = tuple[Block, ...]
"""What is asked for at once: one block as a batch, or several of one or two words each as a random read."""


def plan(addresses: Sequence[Address], limit: tuple[int, int], gap: int = 0) -> list[Request]:
    """Requests that cover every address; up to ``gap`` unwanted words (16 times as many bits) join two.

    ``limit``: most words, most bits of one batch. Small blocks that lie apart are read together.
    """
    blocks = _blocks(addresses, limit, gap)
    small = [block for block in blocks if not block.device.is_bit and block.count <= 2]
    if len(small) < 2:
        return [(block,) for block in blocks]
    requests: list[Request] = [(block,) for block in blocks if block not in small]
    small.sort(key=lambda block: block.count)  # single words come first in the answer
    return requests + [tuple(small[start : start + SCATTERED]) for start in range(0, len(small), SCATTERED)]


def split(request: Request, addresses: Sequence[Address]) -> list[Request]:
    """Smaller requests for the same: what is left when a controller refuses the whole."""
    if len(request) > 1:
        return [(block,) for block in request]
    (block,) = request
    return [(Block(block.device, addresses[i].number, addresses[i].count, (i,)),) for i in block.members]


def _blocks(addresses: Sequence[Address], limit: tuple[int, int], gap: int) -> list[Block]:
    blocks: list[Block] = []
    order = sorted(range(len(addresses)), key=lambda i: (addresses[i].device.code, addresses[i].number))
    for index in order:
        address = addresses[index]
        end = address.number + address.count
        if blocks and blocks[-1].device is address.device:
            last = blocks[-1]
            count = max(last.number + last.count, end) - last.number
            bits = address.device.is_bit
            near = address.number - (last.number + last.count) <= (gap * 16 if bits else gap)
            if near and count <= limit[bits]:
                blocks[-1] = Block(last.device, last.number, count, (*last.members, index))
                continue
        blocks.append(Block(address.device, address.number, address.count, (index,)))
    return blocks

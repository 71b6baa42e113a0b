"""The tags of one controller read in few requests, each refusal held against the tag it concerns."""

from __future__ import annotations

from collections.abc import Sequence

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Numbers, Sample, Sink
from gongfu.network.drivers.layout import Field, Layout, layouts
from gongfu.network.drivers.s7.address import Address
from gongfu.network.drivers.s7.client import Controller, Refused
from gongfu.network.drivers.s7.options import Options
from gongfu.network.drivers.s7.plan import Block, plan, split
from gongfu.network.drivers.values import fit
from gongfu.network.gateway.config import TagConfig

_REFUSES_RANGE = (0x03, 0x05, 0x06, 0x07, 0x0A)
"""Access, address, type, size, no such object: the same request will fail again."""


class Reader:
    """A plan for ``tags``, one of ``addresses`` for each, and which of them the controller has refused."""

    def __init__(
        self,
        tags: Sequence[TagConfig],
        options: Options,
        addresses: list[Address],
        connection: Controller,
        sink: Sink,
    ) -> None:
        self._tags = tags
        self._encoding = options.encoding
        self._addresses = addresses
        self._connection = connection
        self._sink = sink
        self._blocks = plan(addresses, connection.pdu, options.gap)
        self._prepared: dict[Block, tuple[list[Layout], list[int]]] = {}
        self._reported: set[int] = set()

    async def read(self) -> list[Sample | Numbers]:
        """A value for each tag."""
        samples: list[Sample | Numbers] = []
        for block in list(self._blocks):
            samples += await self._read_block(block)
        return samples

    async def _read_block(self, block: Block) -> list[Sample | Numbers]:
        try:
            data = await self._connection.read(block.area, block.block, block.start, block.size)
        except Refused as refusal:
            return await self._refused(block, refusal)
        prepared = self._prepared.get(block)
        if prepared is None:
            prepared = self._prepared[block] = _prepare(block, self._addresses, self._tags)
        numbers, others = prepared
        samples: list[Sample | Numbers] = [layout.numbers(data) for layout in numbers]
        samples += [self._sample(block, index, data) for index in others]
        return samples

    async def _refused(self, block: Block, refusal: Refused) -> list[Sample | Numbers]:
        if len(block.members) == 1:
            return [self._bad(block.members[0], str(refusal))]
        # Somebody in the block is not there: ask one by one, so that the others live.
        singles = split(block, self._addresses)
        if refusal.code in _REFUSES_RANGE:
            at = self._blocks.index(block)
            self._blocks[at : at + 1] = singles
        samples: list[Sample | Numbers] = []
        for single in singles:
            samples += await self._read_block(single)
        return samples

    def _sample(self, block: Block, index: int, data: bytes) -> Sample:
        tag, address = self._tags[index], self._addresses[index]
        start = address.start - block.start
        try:
            value = fit(tag.kind, address.decode(data[start : start + address.size], self._encoding))
        except ValueError as error:
            return self._bad(index, str(error))
        if value is None:
            return self._bad(index, f"the value is no {tag.kind}")
        return Sample(tag.series, value)

    def _bad(self, index: int, reason: str) -> Sample:
        tag = self._tags[index]
        if index not in self._reported:
            self._reported.add(index)
            self._sink.malformed(f"{tag.name} ({tag.address}): {reason}")
        return Sample(tag.series, None, quality=Quality.BAD)


def _prepare(block: Block, addresses: list[Address], tags: Sequence[TagConfig]) -> tuple[list[Layout], list[int]]:
    """How a block's bytes become samples: all numbers at once, and the members that need more."""
    fields: list[Field] = []
    others: list[int] = []
    for index in block.members:
        tag, address = tags[index], addresses[index]
        if tag.kind == "number" and address.code:
            fields.append(Field(tag.series, address.start - block.start, address.code))
        else:
            others.append(index)
    return layouts(">", fields), others

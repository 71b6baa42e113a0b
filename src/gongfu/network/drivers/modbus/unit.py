"""One unit behind a connection: its tags read in few requests, each refusal held against the tag it concerns."""

from __future__ import annotations

import struct
from array import array
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Numbers, Sample, Sink
from gongfu.network.drivers.layout import Field, Layout, layouts
from gongfu.network.drivers.modbus import wire
from gongfu.network.drivers.modbus.address import Address
from gongfu.network.drivers.modbus.options import Options
from gongfu.network.drivers.modbus.plan import Block, plan, split
from gongfu.network.drivers.modbus.pool import NO_UNIT, Connection, Refused
from gongfu.network.drivers.values import fit
from gongfu.network.gateway.config import TagConfig

_REFUSES_RANGE = (0x01, 0x02, 0x03)
"""Illegal function, data address, data value: the same request will fail again."""


class Unit:
    """A plan for ``tags``, and which of them the device has refused.

    ``addresses``: one for each tag, and one more when the device tells the time. ``urgent``: somebody waits.
    """

    def __init__(
        self,
        tags: Sequence[TagConfig],
        options: Options,
        addresses: list[Address],
        shared: Connection,
        sink: Sink,
        *,
        urgent: bool = False,
    ) -> None:
        self._tags = tags
        self._options = options
        self._urgent = urgent
        self._addresses = addresses
        self._shared = shared
        self._sink = sink
        self._blocks = plan(addresses, options.gap)
        self._readers: dict[Block, _Reader] = {}
        self._reported: set[int] = set()
        self._online = False
        self._time = 0
        """What ``time_address`` held last, microseconds UTC; 0 without one."""

    async def read(self) -> list[Sample | Numbers]:
        """A value for each tag; none when the device tells times and the time is still that of the last read."""
        samples: list[Sample | Numbers] = []
        before = self._time
        for block in list(self._blocks):
            samples += await self._read_block(block)
        if not self._options.time_address:
            return samples
        if self._time in (0, before):
            return []
        return [msgspec.structs.replace(sample, time=self._time) for sample in samples]

    async def _read_block(self, block: Block) -> list[Sample | Numbers]:
        options = self._options
        try:
            data = await self._shared.read(
                options.unit, block.table, block.offset, block.count, options.timeout, urgent=self._urgent
            )
        except Refused as refusal:
            return await self._refused(block, refusal.code)
        self._answered()
        if len(self._tags) in block.members:  # the one address more is that of the time
            self._time = self._tell_time(block, _words(block, data))
        reader = self._readers.get(block)
        if reader is None:
            reader = self._readers[block] = _Reader(block, self._addresses, self._tags)
        samples = reader.numbers(data)
        if reader.others:
            words = _words(block, data)
            samples += [self._sample(block, index, words) for index in reader.others]
        return samples

    async def _refused(self, block: Block, code: int) -> list[Sample | Numbers]:
        if code in NO_UNIT:
            raise behind_gateway(self._options.unit, self._shared.place.name, code)
        self._answered()
        if block.members == (len(self._tags),):
            if code in _REFUSES_RANGE:
                raise BadConfiguration(
                    mark("The device refuses time_address {address} (exception {code})."),
                    address=self._options.time_address,
                    code=f"{code:02X}",
                )
            return []  # no new time, no new values
        if len(block.members) == 1:
            return [self._bad(block.members[0], f"exception {code:02X}")]
        # Somebody in the block is not wanted: ask one by one, so that the others live.
        singles = split(block, self._addresses)
        if code in _REFUSES_RANGE:
            at = self._blocks.index(block)
            self._blocks[at : at + 1] = singles
        samples: list[Sample | Numbers] = []
        for single in singles:
            samples += await self._read_block(single)
        return samples

    def _sample(self, block: Block, index: int, words: list[int]) -> Sample:
        tag, address = self._tags[index], self._addresses[index]
        start = address.offset - block.offset
        value = fit(tag.kind, address.decode(words[start : start + address.count], self._options.encoding))
        if value is None:
            return self._bad(index, f"the value is no {tag.kind}")
        return Sample(tag.series, value)

    def _tell_time(self, block: Block, words: list[int]) -> int:
        address = self._addresses[-1]
        start = address.offset - block.offset
        return int(address.decode(words[start : start + address.count]))

    def _bad(self, index: int, reason: str) -> Sample:
        tag = self._tags[index]
        if index not in self._reported:
            self._reported.add(index)
            self._sink.malformed(f"{tag.name} ({tag.address}): {reason}")
        return Sample(tag.series, None, quality=Quality.BAD)

    def _answered(self) -> None:
        if not self._online:
            self._online = True
            self._sink.online()


class _Reader:
    """How one block's registers become samples. ``others``: members that need more than a number's bytes."""

    def __init__(self, block: Block, addresses: list[Address], tags: Sequence[TagConfig]) -> None:
        self.others: list[int] = []
        fields: dict[tuple[str, str], list[Field]] = defaultdict(list)
        for index in [member for member in block.members if member < len(tags)]:  # the one more is the time
            tag, address = tags[index], addresses[index]
            if tag.kind == "number" and address.code:
                start = 2 * (address.offset - block.offset)
                fields[address.order.registers, address.order.number].append(Field(tag.series, start, address.code))
            else:
                self.others.append(index)
        self._layouts: list[tuple[bool, Layout]] = [
            (registers == "<", layout)
            for (registers, number), found in fields.items()
            for layout in layouts(number, found)
        ]

    def numbers(self, data: bytes) -> list[Sample | Numbers]:
        """The values of all number tags."""
        if not any(swap for swap, _ in self._layouts):
            return [layout.numbers(data) for _, layout in self._layouts]
        swapped = array("H", data)
        swapped.byteswap()
        turned = swapped.tobytes()
        return [layout.numbers(turned if swap else data) for swap, layout in self._layouts]


def _words(block: Block, data: bytes) -> list[int]:
    """The registers in ``data``, or its bits as 0 and 1."""
    if block.table.is_bits:
        return wire.bits(data, block.count)
    return list(struct.unpack(f">{block.count}H", data))


def behind_gateway(unit: int, place: str, code: int) -> DeviceUnavailable:
    """What exceptions 0A and 0B mean."""
    return DeviceUnavailable(
        mark("Unit {unit} at {place} does not answer its gateway (exception {code})."),
        remedy=mark("Check the unit id and the line behind the gateway."),
        unit=unit,
        place=place,
        code=f"{code:02X}",
    )

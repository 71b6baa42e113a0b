"""Reading a set of tags of one MELSEC controller: the plan, and what the answers say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Numbers, Sample, Sink
from gongfu.network.drivers.layout import Field, Layout, layouts
from gongfu.network.drivers.melsec import wire
from gongfu.network.drivers.melsec.address import Address, parse
from gongfu.network.drivers.melsec.codes import RUNNING, UNREACHABLE, message
from gongfu.network.drivers.melsec.line import Connection, Refused
from gongfu.network.drivers.melsec.options import Options
from gongfu.network.drivers.melsec.plan import Block, Request, plan, split
from gongfu.network.drivers.melsec.wire import Dialect, Malformed, Span
from gongfu.network.drivers.values import fit
from gongfu.network.gateway.config import TagConfig


class Reader:
    """The plan for a set of tags, and which of them the controller has refused."""

    def __init__(
        self,
        options: Options,
        tags: Sequence[TagConfig],
        addresses: list[Address],
        shared: Connection,
        sink: Sink,
    ) -> None:
        self._options = options
        self._dialect = options.place.dialect
        self._tags = tags
        self._addresses = addresses
        self._shared = shared
        self._sink = sink
        self._requests = plan(addresses, self._dialect.limit, options.gap)
        self._prepared: dict[Block, tuple[list[Layout], list[int]]] = {}
        self._units: dict[Block, tuple[int, bytes]] = {}
        """Subcommand and body of what was asked for before."""
        self._reported: set[int] = set()

    async def read(self) -> list[Sample | Numbers]:
        """A value for each tag."""
        samples: list[Sample | Numbers] = []
        if not self._requests:  # nothing to ask for: being there must do
            with suppress(Refused):
                await self._shared.ask(wire.READ_MODEL, (0, b""), self._options.route, self._options.timeout)
        for request in list(self._requests):
            samples += await self._read(request)
        return samples

    async def _read(self, request: Request) -> list[Sample | Numbers]:
        try:
            data = await self._fetch(request)
        except Refused as refused:
            return await self._refused(request, refused)
        except Malformed as error:
            raise self._shared.failure(error) from error
        samples: list[Sample | Numbers] = []
        for block in request:
            samples += self._samples(block, data[: block.size])
            data = data[block.size :]
        return samples

    async def _fetch(self, request: Request) -> bytes:
        dialect, options = self._dialect, self._options
        if len(request) > 1:
            words = [(block.device, block.number) for block in request if block.count == 1]
            doubles = [(block.device, block.number) for block in request if block.count == 2]
            units = wire.scattered(dialect, words, doubles)
            data = await self._shared.ask(wire.RANDOM_READ, units, options.route, options.timeout)
            return _scattered_words(dialect, data, len(words), len(doubles))
        (block,) = request
        bits = block.device.is_bit
        if block not in self._units:
            self._units[block] = wire.batch(dialect, Span(block.device, block.number, block.count), bits=bits)
        units = self._units[block]
        data = await self._shared.ask(wire.READ, units, options.route, options.timeout)
        if bits:
            return bytes(wire.decode_bits(dialect, data, block.count))
        return wire.decode_words(dialect, data, block.count)

    async def _refused(self, request: Request, refused: Refused) -> list[Sample | Numbers]:
        if refused.end in UNREACHABLE:
            raise DeviceUnavailable(
                message(refused.end), address=f"{self._options.host}:{self._options.port}", code=f"{refused.end:04X}"
            )
        if len(request) == 1 and len(request[0].members) == 1:
            return [self._bad(request[0].members[0], str(refused))]
        # Somebody in the request is not there: ask for less at once, so that the others live.
        parts = split(request, self._addresses)
        if refused.end != RUNNING:
            at = self._requests.index(request)
            self._requests[at : at + 1] = parts
        samples: list[Sample | Numbers] = []
        for part in parts:
            samples += await self._read(part)
        return samples

    def _samples(self, block: Block, data: bytes) -> list[Sample | Numbers]:
        prepared = self._prepared.get(block)
        if prepared is None:
            prepared = self._prepared[block] = self._prepare(block)
        numbers, others = prepared
        samples: list[Sample | Numbers] = [layout.numbers(data) for layout in numbers]
        samples += [self._sample(block, index, data) for index in others]
        return samples

    def _prepare(self, block: Block) -> tuple[list[Layout], list[int]]:
        """How a block's bytes become samples: all numbers at once, and the members that need more."""
        fields: list[Field] = []
        others: list[int] = []
        for index in block.members:
            tag, address = self._tags[index], self._addresses[index]
            if tag.kind == "number" and address.code:
                fields.append(Field(tag.series, (address.number - block.number) * address.width, address.code))
            else:
                others.append(index)
        return layouts("<", fields), others

    def _sample(self, block: Block, index: int, data: bytes) -> Sample:
        tag, address = self._tags[index], self._addresses[index]
        start = (address.number - block.number) * address.width
        part = data[start : start + address.count * address.width]
        value = fit(tag.kind, address.decode(part, self._options.encoding))
        if value is None:
            return self._bad(index, f"the value is no {tag.kind}")
        return Sample(tag.series, value)

    def _bad(self, index: int, reason: str) -> Sample:
        tag = self._tags[index]
        if index not in self._reported:
            self._reported.add(index)
            self._sink.malformed(f"{tag.name} ({tag.address}): {reason}")
        return Sample(tag.series, None, quality=Quality.BAD)


def _scattered_words(dialect: Dialect, data: bytes, words: int, doubles: int) -> bytes:
    """Bytes of a random read's answer, low word first; in ASCII a double word comes with its high word first."""
    if not dialect.ascii:
        return wire.decode_words(dialect, data, words + 2 * doubles)
    plain = wire.decode_words(dialect, data, words + 2 * doubles)
    pairs = [plain[at + 2 : at + 4] + plain[at : at + 2] for at in range(2 * words, len(plain), 4)]
    return plain[: 2 * words] + b"".join(pairs)


def address_of(tag: TagConfig, options: Options) -> Address:
    """Where ``tag`` is; raises :class:`BadConfiguration`."""
    address = parse(tag.address, octal=options.octal)
    if address.is_text != (tag.kind == "text"):
        raise BadConfiguration(
            mark("Tag {tag} is a {kind}, but {address} is not."), tag=tag.name, kind=tag.kind, address=tag.address
        )
    return address

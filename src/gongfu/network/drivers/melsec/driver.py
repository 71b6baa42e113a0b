"""Reads the tags of one MELSEC controller at the device's interval, and answers questions to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import (
    BadConfiguration,
    DeviceUnavailable,
    Identity,
    Point,
    Refusal,
    Sample,
    Sink,
)
from gongfu.network.drivers.layout import Field, Layout, layouts
from gongfu.network.drivers.melsec import wire
from gongfu.network.drivers.melsec.address import Address, as_bit, parse
from gongfu.network.drivers.melsec.codes import UNREACHABLE, message
from gongfu.network.drivers.melsec.line import Connection, Place, Refused, connection
from gongfu.network.drivers.melsec.plan import Block, Request, plan, split
from gongfu.network.drivers.melsec.wire import Dialect, Malformed, Route, Span
from gongfu.network.drivers.options import check_encoding, read_options
from gongfu.network.drivers.pacing import Pace
from gongfu.network.drivers.values import fit
from gongfu.network.gateway.config import DeviceConfig, TagConfig

_RUNNING = 0x0055
"""Refused because of the controller's mode, which may change."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 5007
    transport: Literal["tcp", "udp"] = "tcp"
    frame: Literal["3E", "4E"] = "3E"
    code: Literal["binary", "ascii"] = "binary"
    series: Literal["Q/L/FX5", "iQ-R"] = "Q/L/FX5"
    octal: bool = False
    network: Annotated[int, Meta(ge=0, le=255)] = 0
    pc: Annotated[int, Meta(ge=0, le=255)] = 255
    module_io: Annotated[int, Meta(ge=0, le=65535)] = 1023
    station: Annotated[int, Meta(ge=0, le=255)] = 0
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 3.0
    gap: Annotated[int, Meta(ge=0, le=400)] = 16
    encoding: str = "utf-8"

    @property
    def place(self) -> Place:
        """The port, and how it is spoken to."""
        dialect = Dialect(self.code == "ascii", self.frame == "4E", self.series == "iQ-R")
        return Place(self.host, self.port, self.transport == "udp", dialect)

    @property
    def route(self) -> Route:
        """The controller behind the port."""
        return Route(self.network, self.pc, self.module_io, self.station)


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    options = _options(device)
    addresses = [_address(tag, options) for tag in device.tags]
    async with connection(options.place) as shared:
        reader = _Reader(options, device.tags, addresses, shared, sink.malformed)
        pace = Pace(device.interval)
        samples = await reader.read()
        sink.online()
        while True:
            await sink.emit(samples)
            await pace.wait()
            samples = await reader.read()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[MelsecSession]:
    """A session with ``device``, on the connection that :func:`run` uses."""
    options = _options(device)
    async with connection(options.place) as shared:
        yield MelsecSession(options, shared)


class MelsecSession:
    """Questions to one controller; a ``Session`` of the driver contract."""

    def __init__(self, options: Options, shared: Connection) -> None:
        self._options = options
        self._shared = shared
        self._dialect = options.place.dialect

    async def identify(self) -> Identity:
        """The CPU's model."""
        data = await self._ask(wire.READ_MODEL, (0, b""), "CPU")
        try:
            name, code = wire.decode_model(self._dialect, data)
        except Malformed as error:
            raise _nonsense(self._options, error) from error
        return Identity(vendor="Mitsubishi Electric", product=name, version=f"{code:04X}")

    async def browse(self, parent: str) -> Sequence[Point]:
        """Not in this protocol."""
        raise Refusal(mark("A MELSEC controller does not tell what it holds."), remedy=mark("Enter the addresses."))

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """The value of each tag now."""
        addresses = [_address(tag, self._options) for tag in tags]
        numbered = [msgspec.structs.replace(tag, series=position) for position, tag in enumerate(tags)]
        samples = await _Reader(self._options, numbered, addresses, self._shared, lambda _: None).read()
        samples.sort(key=lambda sample: sample.series)
        return [msgspec.structs.replace(s, series=tag.series) for s, tag in zip(samples, tags, strict=True)]

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Write ``value``; a bit of a word by reading the word and writing it back, which is not one step."""
        address, dialect = _address(tag, self._options), self._dialect
        span = Span(address.device, address.number, address.count)
        try:
            if address.device.is_bit:
                subcommand, body = wire.batch(dialect, span, bits=True)
                await self._ask(wire.WRITE, (subcommand, body + dialect.bits([as_bit(value)])), tag.address)
                return
            async with self._shared.writing:
                before = 0
                if address.type == "bit":
                    data = await self._ask(wire.READ, wire.batch(dialect, span, bits=False), tag.address)
                    before = int.from_bytes(wire.decode_words(dialect, data, 1), "little")
                words = address.encode(value, self._options.encoding, before=before)
                subcommand, body = wire.batch(dialect, span, bits=False)
                await self._ask(wire.WRITE, (subcommand, body + dialect.words(words)), tag.address)
        except Malformed as error:
            raise _nonsense(self._options, error) from error
        except ValueError as error:
            raise Refusal(
                mark("{address} cannot take this value: {reason}."), address=tag.address, reason=error
            ) from error

    async def _ask(self, command: int, units: tuple[int, bytes], address: str) -> bytes:
        try:
            return await self._shared.ask(command, units, self._options.route, self._options.timeout)
        except Refused as refused:
            raise Refusal(message(refused.end), address=address, code=f"{refused.end:04X}") from refused


class _Reader:
    """The plan for a set of tags, and which of them the controller has refused."""

    def __init__(
        self,
        options: Options,
        tags: Sequence[TagConfig],
        addresses: list[Address],
        shared: Connection,
        complain: Callable[[str], None],
    ) -> None:
        self._options = options
        self._dialect = options.place.dialect
        self._tags = tags
        self._addresses = addresses
        self._shared = shared
        self._complain = complain
        self._requests = plan(addresses, self._dialect.limit, options.gap)
        self._prepared: dict[Block, tuple[list[Layout], list[int]]] = {}
        self._reported: set[int] = set()

    async def read(self) -> list[Sample]:
        """One sample for each tag."""
        samples: list[Sample] = []
        if not self._requests:  # nothing to ask for: being there must do
            with suppress(Refused):
                await self._shared.ask(wire.READ_MODEL, (0, b""), self._options.route, self._options.timeout)
        for request in list(self._requests):
            samples += await self._read(request)
        return samples

    async def _read(self, request: Request) -> list[Sample]:
        try:
            data = await self._fetch(request)
        except Refused as refused:
            return await self._refused(request, refused)
        except Malformed as error:
            raise _nonsense(self._options, error) from error
        samples: list[Sample] = []
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
        units = wire.batch(dialect, Span(block.device, block.number, block.count), bits=bits)
        data = await self._shared.ask(wire.READ, units, options.route, options.timeout)
        if bits:
            return bytes(wire.decode_bits(dialect, data, block.count))
        return wire.decode_words(dialect, data, block.count)

    async def _refused(self, request: Request, refused: Refused) -> list[Sample]:
        if refused.end in UNREACHABLE:
            raise DeviceUnavailable(
                message(refused.end), address=f"{self._options.host}:{self._options.port}", code=f"{refused.end:04X}"
            )
        if len(request) == 1 and len(request[0].members) == 1:
            return [self._bad(request[0].members[0], str(refused))]
        # Somebody in the request is not there: ask for less at once, so that the others live.
        parts = split(request, self._addresses)
        if refused.end != _RUNNING:
            at = self._requests.index(request)
            self._requests[at : at + 1] = parts
        samples: list[Sample] = []
        for part in parts:
            samples += await self._read(part)
        return samples

    def _samples(self, block: Block, data: bytes) -> list[Sample]:
        prepared = self._prepared.get(block)
        if prepared is None:
            prepared = self._prepared[block] = self._prepare(block)
        numbers, others = prepared
        samples = [sample for layout in numbers for sample in layout.samples(data)]
        return samples + [self._sample(block, index, data) for index in others]

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
            self._complain(f"{tag.name} ({tag.address}): {reason}")
        return Sample(tag.series, None, quality=Quality.BAD)


def _scattered_words(dialect: Dialect, data: bytes, words: int, doubles: int) -> bytes:
    """Bytes of a random read's answer, low word first; in ASCII a double word comes with its high word first."""
    if not dialect.ascii:
        return wire.decode_words(dialect, data, words + 2 * doubles)
    plain = wire.decode_words(dialect, data, words + 2 * doubles)
    pairs = [plain[at + 2 : at + 4] + plain[at : at + 2] for at in range(2 * words, len(plain), 4)]
    return plain[: 2 * words] + b"".join(pairs)


def _nonsense(options: Options, error: Exception) -> DeviceUnavailable:
    return DeviceUnavailable(
        mark("The connection to the controller at {host}:{port} broke: {reason}."),
        host=options.host,
        port=options.port,
        reason=error,
    )


def _options(device: DeviceConfig) -> Options:
    options = read_options(device, Options)
    check_encoding(options.encoding)
    return options


def _address(tag: TagConfig, options: Options) -> Address:
    address = parse(tag.address, octal=options.octal)
    if address.is_text != (tag.kind == "text"):
        raise BadConfiguration(
            mark("Tag {tag} is a {kind}, but {address} is not."), tag=tag.name, kind=tag.kind, address=tag.address
        )
    return address

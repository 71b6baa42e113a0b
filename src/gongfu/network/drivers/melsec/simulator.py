"""A MELSEC controller for demonstration, replay and tests: devices behind one MC protocol port.

It understands 3E and 4E frames and both device notations, as real ports do, in binary or in ASCII as it is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

import msgspec

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.melsec import wire
from gongfu.network.drivers.melsec.address import Address, as_bit, parse
from gongfu.network.drivers.melsec.devices import Device
from gongfu.network.drivers.melsec.wire import Answer, Dialect, Malformed, Request, Span

_COUNT, _BEYOND, _UNKNOWN, _DEVICE, _UNSUITABLE, _LENGTH = 0xC051, 0xC056, 0xC059, 0xC05B, 0xC05C, 0xC061
SIZE = 0x3000
"""Words or bits of each device (12288, as D of a Q has); a request beyond them is refused."""


@dataclass(frozen=True)
class Point:
    """A value of the controller. ``address`` in the driver's notation; ``name`` is unique in the simulator."""

    name: str
    address: str
    value: float | bool | str = 0.0


class _Declined(Exception):
    def __init__(self, end: int) -> None:
        super().__init__(end)
        self.end = end


class MelsecSimulator:
    """``async with MelsecSimulator(host, port, points) as plant: await plant.write(...)``. Port 0 takes a free one."""

    def __init__(
        self,
        host: str,
        port: int,
        points: Sequence[Point],
        *,
        ascii: bool = False,  # noqa: A002 as the port's setting is called
        udp: bool = False,
        octal: bool = False,
        model: str = "Q03UDVCPU",
    ) -> None:
        self.host = host
        self.port = port
        self.delay = 0.0
        """Seconds before each answer."""
        self.declines: int | None = None
        """End code of every answer, as from a locked port."""
        self._points = {point.name: parse(point.address, octal=octal) for point in points}
        self._model = model
        self._ascii = ascii
        self._udp = udp
        self._memory: dict[Device, dict[int, int]] = {}
        self._broken: set[tuple[Device, int]] = set()
        self._silent = False
        self._server: asyncio.Server | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        for point in points:
            self.put(point.name, point.value)

    async def __aenter__(self) -> Self:
        try:
            if self._udp:
                loop = asyncio.get_running_loop()
                transport, _ = await loop.create_datagram_endpoint(
                    lambda: _Port(self), local_addr=(self.host, self.port)
                )
                self._datagrams = transport
                self.port = transport.get_extra_info("sockname")[1]
            else:
                self._server = await asyncio.start_server(self._serve, self.host, self.port)
                self.port = self._server.sockets[0].getsockname()[1]
        except OSError as error:
            raise Unavailable(
                mark("The simulator cannot listen on {host}:{port}: {reason}."),
                host=self.host,
                port=self.port,
                reason=error,
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
        if self._server is not None:
            self._server.close()
        clients = list(self._clients)
        for task in clients:
            task.cancel()
        if clients:
            await asyncio.wait(clients)

    async def write(
        self,
        name: str,
        value: float | bool | str | None,
        time: int | None = None,
        quality: Quality = Quality.GOOD,
    ) -> None:
        """Set a point. The protocol carries no time, so ``time`` is not sent; *bad* answers end code C05B."""
        if value is not None:
            self.put(name, value)
        address = self._points[name]
        concerned = {(address.device, number) for number in _numbers(address)}
        if quality is Quality.BAD:
            self._broken |= concerned
        else:
            self._broken -= concerned

    def put(self, name: str, value: float | bool | str) -> None:
        """Set a point at once."""
        address = self._points[name]
        memory = self._memory.setdefault(address.device, {})
        if address.device.is_bit:
            memory[address.number] = as_bit(value)
            return
        words = address.encode(value, before=memory.get(address.number, 0))
        memory.update(zip(_numbers(address), words, strict=True))

    def value(self, name: str) -> float | bool | str:
        """What a point holds."""
        address = self._points[name]
        memory = self._memory.get(address.device, {})
        cells = [memory.get(number, 0) for number in _numbers(address)]
        return address.decode(b"".join(cell.to_bytes(address.width, "little") for cell in cells))

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._clients)

    def close_connections(self) -> None:
        """Drop every client; they may come back at once."""
        for writer in self._clients.values():
            writer.close()

    async def stop_answering(self) -> None:
        """Keep connections and accept new ones, but answer nothing."""
        self._silent = True

    async def answer_again(self) -> None:
        """End of :meth:`stop_answering`."""
        self._silent = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = writer
        try:
            with suppress(asyncio.IncompleteReadError, OSError, Malformed, asyncio.CancelledError):
                while True:
                    start = await reader.readexactly(4 if self._ascii else 2)
                    dialect = Dialect(self._ascii, start[:2] == b"54" if self._ascii else start[0] == 0x54)
                    head = start + await reader.readexactly(dialect.head - len(start))
                    frame = head + await reader.readexactly(wire.rest_of_frame(dialect, head, answer=False))
                    await asyncio.sleep(self.delay)
                    answer = self.answer(dialect, frame)
                    if not self._silent:
                        writer.write(answer)
        finally:
            del self._clients[task]
            writer.close()

    def answer(self, dialect: Dialect, frame: bytes) -> bytes:
        """The frame that answers ``frame``; raises ``Malformed`` for what a controller would not answer."""
        request = wire.decode_request(dialect, frame)
        dialect = msgspec.structs.replace(dialect, wide=bool(request.subcommand & 2))
        try:
            if self.declines is not None:
                raise _Declined(self.declines)
            answer = Answer(0, self._execute(dialect, request))
        except _Declined as declined:
            answer = Answer(declined.end, b"")
        except Malformed:
            answer = Answer(_LENGTH, b"")
        return wire.encode_answer(dialect, answer, request)

    def _execute(self, dialect: Dialect, request: Request) -> bytes:
        if request.subcommand & ~3:
            raise _Declined(_UNKNOWN)
        bits = bool(request.subcommand & 1)
        match request.command, bits:
            case wire.READ_MODEL, False:
                return wire.encode_model(dialect, self._model, 0x0366)
            case ((wire.READ | wire.WRITE), _):
                span, data = wire.decode_batch(dialect, request.body)
                return self._batch(dialect, span, data, bits, request.command == wire.WRITE)
            case wire.RANDOM_READ, False:
                words, doubles = wire.decode_scattered(dialect, request.body)
                singles = [self._word(device, number) for device, number in words]
                pairs = [self._word(device, n, 1) << 16 | self._word(device, n) for device, n in doubles]
                return dialect.words(singles) + b"".join(dialect.number(pair, 4) for pair in pairs)
            case wire.RANDOM_WRITE, True:
                for device, number, bit in wire.decode_scattered_bits(dialect, request.body):
                    self._set_bits(Span(device, number, 1), [bit])
                return b""
            case wire.RANDOM_WRITE, False:
                some, twice = wire.decode_scattered_words(dialect, request.body)
                for device, number, value in some:
                    self._set_words(device, number, [value])
                for device, number, value in twice:
                    self._set_words(device, number, [value & 0xFFFF, value >> 16])
                return b""
            case _:
                raise _Declined(_UNKNOWN)

    def _batch(self, dialect: Dialect, span: Span, data: bytes, bits: bool, writing: bool) -> bytes:
        if not 1 <= span.count <= dialect.limit[bits]:
            raise _Declined(_COUNT)
        if bits and not span.device.is_bit:
            raise _Declined(_UNSUITABLE)
        if writing:
            if bits:
                self._set_bits(span, wire.decode_bits(dialect, data, span.count))
            else:
                plain = wire.decode_words(dialect, data, span.count)
                words = [int.from_bytes(plain[at : at + 2], "little") for at in range(0, len(plain), 2)]
                self._set_words(span.device, span.number, words)
            return b""
        if bits:
            cells = self._cells(span.device, range(span.number, span.number + span.count))
            return dialect.bits([bool(cell) for cell in cells])
        return dialect.words([self._word(span.device, span.number, i) for i in range(span.count)])

    def _word(self, device: Device, number: int, further: int = 0) -> int:
        """The word ``further`` words behind ``number``; sixteen bits of a bit device are one."""
        if not device.is_bit:
            return self._cells(device, range(number + further, number + further + 1))[0]
        start = number + 16 * further
        return sum(bit << i for i, bit in enumerate(self._cells(device, range(start, start + 16))))

    def _set_words(self, device: Device, number: int, words: Sequence[int]) -> None:
        if device.is_bit:
            bits = [bool(word >> i & 1) for word in words for i in range(16)]
            self._set_bits(Span(device, number, len(bits)), bits)
            return
        where = range(number, number + len(words))
        self._cells(device, where)
        self._memory.setdefault(device, {}).update(zip(where, words, strict=True))

    def _set_bits(self, span: Span, bits: Sequence[bool]) -> None:
        where = range(span.number, span.number + len(bits))
        self._cells(span.device, where)
        self._memory.setdefault(span.device, {}).update(zip(where, map(int, bits), strict=True))

    def _cells(self, device: Device, where: range) -> list[int]:
        if where.stop > SIZE:
            raise _Declined(_BEYOND)
        if any((device, number) in self._broken for number in where):
            raise _Declined(_DEVICE)
        memory = self._memory.get(device, {})
        return [memory.get(number, 0) for number in where]


class _Port(asyncio.DatagramProtocol):
    """The UDP side of a simulator."""

    def __init__(self, plant: MelsecSimulator) -> None:
        self._plant = plant
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        plant = self._plant
        dialect = Dialect(plant._ascii, data[:1] == b"T" if not plant._ascii else data[:2] == b"54")
        with suppress(Malformed):
            answer = plant.answer(dialect, data)
            if self._transport is not None and not plant._silent:
                self._transport.sendto(answer, addr)


def _numbers(address: Address) -> range:
    return range(address.number, address.number + address.count)

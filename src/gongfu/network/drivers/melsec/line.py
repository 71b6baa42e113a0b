"""One connection for all who ask one port: a MELSEC Ethernet port takes as many as its settings list, often one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol, cast

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.melsec import wire
from gongfu.network.drivers.melsec.wire import Dialect, Malformed, Request, Route

_PAUSE = 1.0
"""Seconds during which a connection that failed is not tried again."""
_MOST_FRAMES = 500
_REMEDY = mark(
    "Check address and port, that the port is open for MC protocol (SLMP), and whether it is set to binary or ASCII."
)


class Refused(Exception):
    """The controller answered with an end code."""

    def __init__(self, end: int) -> None:
        super().__init__(f"end code {end:04X}")
        self.end = end


class Place(msgspec.Struct, frozen=True):
    """A port and how it is spoken to."""

    host: str
    port: int
    udp: bool
    dialect: Dialect


class _Transport(Protocol):
    def send(self, frame: bytes) -> None: ...

    async def receive(self) -> bytes:
        """The next whole frame; raises ``Malformed`` or ``OSError``."""

    def give_up(self) -> None:
        """Let :meth:`receive` raise ``TimeoutError``."""

    def close(self) -> None: ...


class Connection:
    """A connection that is opened when needed and serves one request at a time."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.users = 0
        self.writing = asyncio.Lock()
        """Held by who reads a word to change a bit of it."""
        self._lock = asyncio.Lock()
        self._transport: _Transport | None = None
        self._serial = 0
        self._frames: dict[tuple[int, tuple[int, bytes], Route, float], bytes] = {}
        """Frames that were made before, for polls ask the same again and again; none where they carry a number."""
        self._failed = -_PAUSE

    async def ask(self, command: int, units: tuple[int, bytes], route: Route, timeout: float) -> bytes:  # noqa: ASYNC109
        """The data of the answer; ``units``: subcommand and body.

        Raises :class:`Refused`, or :class:`DeviceUnavailable` within ``timeout`` seconds.
        """
        async with self._lock:
            transport = await self._connected(timeout)
            # Cheaper than asyncio.timeout: it comes with every exchange.
            alarm = asyncio.get_running_loop().call_later(timeout, transport.give_up)
            try:
                answer = await self._exchange(transport, command, units, route, timeout)
            except BaseException as error:
                self.close()  # an answer may still come, and must not meet another request: 3E has no serial number
                if isinstance(error, TimeoutError | OSError | EOFError | Malformed):
                    raise self._broken(error, timeout) from error
                raise
            finally:
                alarm.cancel()
        if answer.end:
            raise Refused(answer.end)
        return answer.data

    async def _exchange(
        self,
        transport: _Transport,
        command: int,
        units: tuple[int, bytes],
        route: Route,
        timeout: float,  # noqa: ASYNC109
    ) -> wire.Answer:
        dialect = self.place.dialect
        self._serial = (self._serial + 1) % 0x10000 if dialect.serial else 0
        asked = command, units, route, timeout
        frame = None if dialect.serial else self._frames.get(asked)
        if frame is None:
            timer = max(1, int(timeout * 4))
            frame = wire.encode_request(dialect, Request(command, *units, route, timer, self._serial))
            if not dialect.serial and len(self._frames) < _MOST_FRAMES:
                self._frames[asked] = frame
        transport.send(frame)
        while True:
            answer = wire.decode_answer(dialect, await transport.receive())
            if answer.serial == self._serial:
                return answer  # any other is the late answer to an earlier request

    def close(self) -> None:
        """Close; the next request opens again."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    async def _connected(self, timeout: float) -> _Transport:  # noqa: ASYNC109
        if self._transport is not None:
            return self._transport
        clock = asyncio.get_running_loop().time
        if clock() - self._failed < _PAUSE:  # all who use a port that is off need not wait one after the other
            raise self._nobody("it has just failed")
        place = self.place
        try:
            async with asyncio.timeout(timeout):
                opening = _Datagrams.open if place.udp else _Stream.open
                self._transport = await opening(place)
        except (OSError, UnicodeError) as error:  # TimeoutError is an OSError; a name that is none, a UnicodeError
            self._failed = clock()
            raise self._nobody(error) from error
        return self._transport

    def failure(self, error: Exception) -> DeviceUnavailable:
        """The error to raise when an answer makes no sense."""
        return DeviceUnavailable(
            mark("The connection to the controller at {host}:{port} broke: {reason}."),
            host=self.place.host,
            port=self.place.port,
            reason=str(error) or type(error).__name__,
        )

    def _nobody(self, reason: object) -> DeviceUnavailable:
        return DeviceUnavailable(
            mark("No controller answers at {host}:{port}: {reason}."),
            remedy=_REMEDY,
            host=self.place.host,
            port=self.place.port,
            reason=str(reason) or "no answer in time",
        )

    def _broken(self, error: Exception, timeout: float) -> DeviceUnavailable:
        if isinstance(error, TimeoutError):
            return DeviceUnavailable(
                mark("The controller at {host}:{port} did not answer within {seconds} s."),
                remedy=_REMEDY,
                host=self.place.host,
                port=self.place.port,
                seconds=timeout,
            )
        return self.failure(error)


class _Stream(asyncio.Protocol):
    """TCP: frames one after the other."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._buffer = b""
        self._waiting: asyncio.Future[bytes] | None = None
        self._failed: Exception | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, place: Place) -> _Transport:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(lambda: cls(place.dialect), place.host, place.port)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not subclasses

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        waiting = self._waiting
        if waiting is None or waiting.done():
            if len(self._buffer) > 2 * wire.MAX_FRAME:  # nobody has asked for so much
                self._fail(Malformed("more than was asked for"))
                self.close()
            return
        try:
            frame = self._next()
        except Malformed as error:
            self._fail(error)
        else:
            if frame is not None:
                waiting.set_result(frame)

    def eof_received(self) -> None:
        self._fail(EOFError("the controller has hung up"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or EOFError("the controller has hung up"))

    def send(self, frame: bytes) -> None:
        assert self._transport is not None
        self._transport.write(frame)

    async def receive(self) -> bytes:
        frame = self._next()
        if frame is not None:
            return frame
        if self._failed is not None:
            raise self._failed
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def give_up(self) -> None:
        self._fail(TimeoutError())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _next(self) -> bytes | None:
        """The next whole frame, None while it is not there; raises :class:`Malformed`."""
        begin = self._dialect.head
        if len(self._buffer) < begin:
            return None
        end = begin + wire.rest_of_frame(self._dialect, self._buffer[:begin])
        if len(self._buffer) < end:
            return None
        frame, self._buffer = self._buffer[:end], self._buffer[end:]
        return frame

    def _fail(self, reason: Exception) -> None:
        self._failed = self._failed or reason
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(reason)


class _Datagrams(asyncio.DatagramProtocol):
    """UDP: a frame in each datagram."""

    def __init__(self) -> None:
        self._received: asyncio.Queue[bytes | Exception] = asyncio.Queue(100)
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, place: Place) -> _Transport:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(cls, remote_addr=(place.host, place.port))
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._put(data)

    def error_received(self, exc: Exception) -> None:
        self._put(exc)

    def send(self, frame: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(frame)

    async def receive(self) -> bytes:
        received = await self._received.get()
        if isinstance(received, Exception):
            raise received
        return received

    def give_up(self) -> None:
        self._put(TimeoutError())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _put(self, received: bytes | Exception) -> None:
        with suppress(asyncio.QueueFull):
            self._received.put_nowait(received)


_connections: dict[tuple[asyncio.AbstractEventLoop, Place], Connection] = {}


@asynccontextmanager
async def connection(place: Place) -> AsyncIterator[Connection]:
    """The connection to ``place``, shared within this process; closed when the last user leaves."""
    key = asyncio.get_running_loop(), place
    shared = _connections.setdefault(key, Connection(place))
    shared.users += 1
    try:
        yield shared
    finally:
        shared.users -= 1
        if not shared.users:
            shared.close()
            del _connections[key]

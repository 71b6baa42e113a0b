"""Bytes from a serial port or a TCP socket, one and the same to who reads them.

A serial port is a device path (``/dev/ttyUSB0``, ``COM3``) or a pyserial URL (``rfc2217://host:port``,
``socket://host:port``). It is opened for this process alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Protocol, cast

import msgspec
import serial  # type: ignore[import-untyped]

_CHUNK = 4096
_FULL = 256 * 1024
"""Bytes that nobody has fetched after which the sender has to wait."""
_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A peer that has gone without a word is noticed after a minute, also by who only listens (RFC 1122 §4.2.3.6)."""
_PARITIES = {"none": "N", "even": "E", "odd": "O"}
PARITIES = tuple(_PARITIES)


class LineSettings(msgspec.Struct, frozen=True):
    """How a serial port speaks. ``parity``: none, even or odd."""

    baud: int = 9600
    parity: str = "none"
    stop_bits: int = 1
    data_bits: int = 8

    @property
    def character(self) -> float:
        """Seconds that one character takes."""
        return (1 + self.data_bits + (self.parity != "none") + self.stop_bits) / self.baud


class _Source(Protocol):
    def send(self, data: bytes) -> None: ...
    def hold(self, held: bool) -> None: ...
    def close(self) -> None: ...


class Stream:
    """An open connection. Errors of the line are ``OSError``, for reader and writer."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        """Path or address of the other end."""
        self._source: _Source | None = None
        self._received = bytearray()
        self._news = asyncio.Event()
        self._lost: OSError | None = None
        self._held = False

    @property
    def open(self) -> bool:
        """Whether nobody has closed it, as far as known."""
        return self._lost is None

    async def receive(self) -> bytes:
        """What has arrived, at least one byte; raises ``OSError`` when it is closed and all has been fetched."""
        while not self._received:
            if self._lost is not None:
                raise ConnectionError(str(self._lost)) from self._lost
            self._news.clear()
            await self._news.wait()
        data = bytes(self._received)
        self.discard()
        return data

    def discard(self) -> None:
        """Forget what has arrived."""
        self._received.clear()
        if self._held and self._source is not None:
            self._held = False
            self._source.hold(False)

    def send(self, data: bytes) -> None:
        """Send all of ``data``; raises ``OSError`` when it is closed."""
        if self._source is None or self._lost is not None:
            raise ConnectionError(str(self._lost))
        self._source.send(data)

    def close(self) -> None:
        """Close; whoever waits in :meth:`receive` gets an error."""
        self.lost(None)

    # for the sources
    def attached(self, source: _Source) -> None:
        """From now on ``source`` carries the bytes."""
        self._source = source

    def arrived(self, data: bytes) -> None:
        """Keep ``data`` until it is fetched."""
        if self._lost is not None:
            return
        self._received += data
        self._news.set()
        if len(self._received) > _FULL and not self._held and self._source is not None:
            self._held = True
            self._source.hold(True)

    def lost(self, error: Exception | None) -> None:
        """The line is of no use any more."""
        if self._lost is None:
            self._lost = error if isinstance(error, OSError) else ConnectionError(str(error or "closed"))
            self._news.set()
            if self._source is not None:
                self._source.close()


class SocketProtocol(asyncio.Protocol):
    """Ties a TCP connection to a :class:`Stream`; also what a listening server makes for each caller."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEP_ALIVE.items():
                if hasattr(socket, option):
                    connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        self.stream.attached(self)

    def data_received(self, data: bytes) -> None:
        self.stream.arrived(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stream.lost(exc or ConnectionResetError("the other end has closed the connection"))

    def send(self, data: bytes) -> None:
        """Part of the stream's source."""
        if self._transport is not None:
            self._transport.write(data)

    def hold(self, held: bool) -> None:
        """Part of the stream's source."""
        if self._transport is None or self._transport.is_closing():
            return
        if held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def close(self) -> None:
        """Part of the stream's source."""
        if self._transport is not None:
            self._transport.abort()


async def open_socket(host: str, port: int, timeout: float) -> Stream:  # noqa: ASYNC109
    """A TCP connection; raises ``OSError`` within ``timeout`` seconds."""
    stream = Stream(f"{host}:{port}")
    async with asyncio.timeout(timeout):
        await asyncio.get_running_loop().create_connection(lambda: SocketProtocol(stream), host, port)
    return stream


async def open_line(line: str, settings: LineSettings, timeout: float) -> Stream:  # noqa: ASYNC109
    """A serial port; raises ``OSError`` (also for settings that the port does not know) within ``timeout`` seconds."""
    loop = asyncio.get_running_loop()
    # An URL may wait for a network: never in the loop's own thread.
    opening = loop.run_in_executor(None, _open, line, settings)
    try:
        async with asyncio.timeout(timeout):
            port = await asyncio.shield(opening)
    except (TimeoutError, asyncio.CancelledError):
        opening.add_done_callback(_close_late)
        raise
    except (ValueError, NotImplementedError, AttributeError, TypeError) as error:  # wrong URL, impossible settings
        raise OSError(str(error)) from error
    stream = Stream(line)
    watched = _has_descriptor(port)
    stream.attached(DescriptorSource(port.fileno(), port.close, stream) if watched else _ThreadSource(port, stream))
    return stream


def _open(line: str, settings: LineSettings) -> serial.SerialBase:
    try:
        return serial.serial_for_url(
            line,
            baudrate=settings.baud,
            bytesize=settings.data_bits,
            parity=_PARITIES[settings.parity],
            stopbits=settings.stop_bits,
            timeout=0,
            exclusive=True,  # two masters on one line would read each other's answers
        )
    except OSError:
        raise
    except Exception as error:  # termios.error, and what the handlers of URLs raise
        raise OSError(str(error)) from error


def _close_late(opening: asyncio.Future[serial.SerialBase]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _has_descriptor(port: serial.SerialBase) -> bool:
    try:
        return os.name == "posix" and port.fileno() >= 0
    except (AttributeError, OSError, ValueError):
        return False


class DescriptorSource:
    """A port whose descriptor the loop can watch. ``release`` closes it."""

    def __init__(self, descriptor: int, release: Callable[[], object], stream: Stream) -> None:
        self._loop = asyncio.get_running_loop()
        self._release = release
        self._stream = stream
        self._descriptor = descriptor
        self._unsent = bytearray()
        self._closed = False
        os.set_blocking(self._descriptor, False)
        self._loop.add_reader(self._descriptor, self._readable)

    def send(self, data: bytes) -> None:
        """Part of the stream's source."""
        self._unsent += data
        self._writable()

    def hold(self, held: bool) -> None:
        """Part of the stream's source."""
        if self._closed:
            return
        if held:
            self._loop.remove_reader(self._descriptor)
        else:
            self._loop.add_reader(self._descriptor, self._readable)

    def close(self) -> None:
        """Part of the stream's source."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            with contextlib.suppress(Exception):  # the device may be gone already
                self._release()

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._stream.lost(error)
            return
        if data:
            self._stream.arrived(data)
        else:
            self._stream.lost(ConnectionResetError("the port has been taken away"))

    def _writable(self) -> None:
        try:
            sent = os.write(self._descriptor, self._unsent) if self._unsent else 0
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._stream.lost(error)
            return
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._descriptor, self._writable)
        else:
            self._loop.remove_writer(self._descriptor)


class _ThreadSource:
    """A port without a descriptor (``rfc2217://``, ``loop://``, Windows): a thread reads, the executor writes."""

    def __init__(self, port: serial.SerialBase, stream: Stream) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._stream = stream
        self._goes_on = True
        self._may_read = threading.Event()
        self._may_read.set()
        self._sending: asyncio.Future[None] | None = None
        port.timeout = 0.1
        threading.Thread(target=self._read, name=f"serial {stream.peer}", daemon=True).start()

    def send(self, data: bytes) -> None:
        earlier = self._sending
        self._sending = asyncio.ensure_future(self._write(data, earlier))

    def hold(self, held: bool) -> None:
        if held:
            self._may_read.clear()
        else:
            self._may_read.set()

    def close(self) -> None:
        self._goes_on = False
        self._may_read.set()

    async def _write(self, data: bytes, earlier: asyncio.Future[None] | None) -> None:
        if earlier is not None:
            await earlier
        try:
            await self._loop.run_in_executor(None, self._port.write, data)
        except Exception as error:
            self._stream.lost(error)

    def _read(self) -> None:
        try:
            while self._goes_on:
                self._may_read.wait()
                data = self._port.read(max(1, min(self._port.in_waiting, _CHUNK)))
                if data and self._goes_on:
                    self._tell(self._stream.arrived, bytes(data))
        except Exception as error:
            self._tell(self._stream.lost, error)
        finally:
            with contextlib.suppress(Exception):
                self._port.close()

    def _tell(self, what: object, argument: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(what, argument)  # type: ignore[arg-type]

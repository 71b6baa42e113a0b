"""A NATS connection that receives tens of thousands of messages a second.

``nats-py`` costs about 36 µs of processor for each message it pulls, most of it regular expressions, header
objects and queues; parsed here in bulk a message costs about 2 µs. Only what the ingress needs is spoken:
CONNECT, SUB, PUB, PING (https://docs.nats.io/reference/nats-protocols/nats-protocol). A session that breaks
is over; whoever holds it opens a new one, so there is no state to repair.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import NamedTuple, cast
from urllib.parse import unquote, urlsplit

import msgspec

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark


class Received(NamedTuple):
    """One message: NATS subject, reply subject, raw header block (may be empty), payload."""

    subject: bytes
    reply: bytes
    header: bytes
    payload: bytes


class Address(NamedTuple):
    """Where and as whom to connect."""

    host: str
    port: int
    user: str
    password: str
    tls: bool


def address(url: str) -> Address:
    """The parts of ``nats://user:password@host:port`` (or ``tls://``)."""
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    return Address(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 4222,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=parts.scheme == "tls",
    )


class _Info(msgspec.Struct):
    tls_required: bool = False


class _Connect(msgspec.Struct, rename={"password": "pass"}):
    name: str
    user: str
    password: str
    verbose: bool = False
    pedantic: bool = False
    headers: bool = True
    echo: bool = False
    no_responders: bool = True
    lang: str = "python"
    version: str = "1"


class Session(asyncio.Protocol):
    """One connection. ``on_messages(sid, messages)`` is called once for each run of messages of a subscription."""

    def __init__(self, on_messages: Callable[[int, list[Received]], None]) -> None:
        self._on_messages = on_messages
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._hello: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._info = b"{}"
        self._pongs: list[asyncio.Future[None]] = []
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is gone; holds the reason when there is one."""

    # asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not subclasses

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("closed by the bus"))

    def data_received(self, data: bytes) -> None:
        self._rest = self._parse(self._rest + data if self._rest else data)

    def send(self, data: bytes) -> None:
        """Write protocol bytes; a lost connection shows in :attr:`closed`."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def subscribe(self, subject: str, sid: int) -> None:
        """Messages on ``subject`` arrive under ``sid``, one number for one subject."""
        self.send(b"SUB %s %d\r\n" % (subject.encode(), sid))

    def unsubscribe(self, sid: int) -> None:
        """Nothing more under ``sid``."""
        self.send(b"UNSUB %d\r\n" % sid)

    def publish(self, subject: str, payload: bytes, reply: str = "") -> None:
        """Send one message; nobody confirms it."""
        self.send(b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), reply.encode(), len(payload), payload))

    async def tls_wanted(self) -> bool:
        """Whether the bus asks for TLS in its first line."""
        await asyncio.wait({self._hello, self.closed}, return_when=asyncio.FIRST_COMPLETED)
        if not self._hello.done():
            raise ConnectionResetError("closed by the bus")
        return msgspec.json.decode(self._info, type=_Info).tls_required

    async def flush(self) -> None:
        """Return when the bus has read everything sent so far."""
        pong = asyncio.get_running_loop().create_future()
        self._pongs.append(pong)
        self.send(b"PING\r\n")
        await asyncio.wait({pong, self.closed}, return_when=asyncio.FIRST_COMPLETED)
        if not pong.done():
            raise _unavailable(self.closed.exception())

    def close(self) -> None:
        """End the connection after what is written has been sent."""
        if self._transport is not None:
            self._transport.close()

    def _fail(self, reason: Exception) -> None:
        if not self.closed.done():
            self.closed.set_exception(reason)
            self.closed.exception()  # somebody looked: no "never retrieved" warning

    def _parse(self, data: bytes) -> bytes:
        """Handle every whole protocol line (with its payload) in ``data``; the unfinished rest is returned."""
        position, size = 0, len(data)
        run: list[Received] = []
        run_sid = b""
        while position < size:
            end = data.find(b"\r\n", position)
            if end < 0:
                break
            line = data[position:end]
            start = end + 2
            if line.startswith((b"HMSG ", b"MSG ")):
                words = line.split()
                total = int(words[-1])
                if start + total + 2 > size:
                    break
                headed = words[0] == b"HMSG"
                body = start + (int(words[-2]) if headed else 0)
                reply = words[3] if len(words) == (6 if headed else 5) else b""
                if words[2] != run_sid:
                    if run:
                        self._on_messages(int(run_sid), run)
                    run, run_sid = [], words[2]
                run.append(Received(words[1], reply, data[start:body], data[body : start + total]))
                position = start + total + 2
                continue
            self._control(line)
            position = start
        if run:
            self._on_messages(int(run_sid), run)
        return data[position:] if position else data

    def _control(self, line: bytes) -> None:
        if line.startswith(b"PING"):
            self.send(b"PONG\r\n")
        elif line.startswith(b"PONG"):
            if self._pongs:
                pong = self._pongs.pop(0)
                if not pong.done():
                    pong.set_result(None)
        elif line.startswith(b"INFO "):
            if not self._hello.done():
                self._info = line[5:]
                self._hello.set_result(None)
        elif line.startswith(b"-ERR"):
            self._fail(ConnectionRefusedError(line[4:].decode(errors="replace").strip(" '")))
            self.close()


async def open_session(
    to: Address, name: str, on_messages: Callable[[int, list[Received]], None], *, within: float = 3.0
) -> Session:
    """A session that the bus has accepted; raises :class:`Unavailable`."""
    loop = asyncio.get_running_loop()
    session = Session(on_messages)
    try:
        async with asyncio.timeout(within):
            transport, _ = await loop.create_connection(lambda: session, to.host, to.port)
            if await session.tls_wanted() or to.tls:
                secured = await loop.start_tls(
                    transport, session, ssl.create_default_context(), server_hostname=to.host
                )
                assert secured is not None
                session.connection_made(secured)
            hello = _Connect(name=name, user=to.user, password=to.password)
            session.send(b"CONNECT " + msgspec.json.encode(hello) + b"\r\n")
            await session.flush()
    except (OSError, TimeoutError, msgspec.DecodeError) as error:
        session.close()
        raise _unavailable(error) from error
    return session


def _unavailable(reason: BaseException | None) -> Unavailable:
    return Unavailable(mark("The bus does not answer: {reason}."), reason=str(reason) or type(reason).__name__)

"""HTTP connections: requests one after another, deadlines, limits, plain or TLS on the same port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import structlog

from gongfu.identity.resolver.http.messages import MAX_HEAD, BadRequest, Request, Response, read_head
from gongfu.identity.resolver.http.tls import Tls, TlsSession

log = structlog.get_logger("resolver")

IDLE_SECONDS = 60.0
"""A connection with nothing to say is closed after this."""
HEAD_SECONDS = 10.0
"""Request line and header fields must be complete within this, the TLS handshake too."""
BODY_SECONDS = 60.0
"""The body, and taking the answer."""
MAX_CONNECTIONS = 12_000
"""Connections of one worker; beyond that the one that has been idle longest makes room."""
_DRAIN_SECONDS = 5.0
_HIGH_WATER = 262_144
_HANDSHAKE = 0x16  # first octet of TLS, and of nothing in HTTP

Quick = Callable[[bytes], bytes | None]
"""From the head of a plain GET to the whole response, None when it takes the long way. Must not wait."""
Handler = Callable[[Request], Awaitable[Response]]
Refuse = Callable[[int, str], Response]
"""The body for a request that could not even be read."""


class HttpServer:
    """Serves HTTP on one socket; TLS too when ``tls`` is given, told apart by the first octet."""

    def __init__(
        self,
        quick: Quick,
        handler: Handler,
        refuse: Refuse,
        *,
        tls: Tls | None = None,
        idle: float = IDLE_SECONDS,
        head: float = HEAD_SECONDS,
        body: float = BODY_SECONDS,
        limit: int = MAX_CONNECTIONS,
    ) -> None:
        self.quick = quick
        self.handler = handler
        self.refuse = refuse
        self.tls = tls
        self.idle, self.head, self.body = idle, head, body
        self._limit = limit
        self._open: dict[Connection, None] = {}
        self.stopping = False
        self._last_gone = asyncio.Event()

    @contextlib.asynccontextmanager
    async def serving(self, sock: socket.socket) -> AsyncIterator[None]:
        """Serve ``sock`` while the block runs; then let begun requests end and close the rest."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self, loop), sock=sock, backlog=1024)
        sweeper = asyncio.create_task(self._sweep(loop))
        try:
            yield
        finally:
            self.stopping = True
            server.close()
            for connection in list(self._open):
                connection.finish()
            if not self._open:
                self._last_gone.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self._last_gone.wait()
            sweeper.cancel()
            for connection in list(self._open):
                connection.abort()

    def opened(self, connection: Connection) -> None:
        """A connection begins; the idlest goes when there are too many."""
        self._open[connection] = None
        if len(self._open) > self._limit:
            idlest = min(self._open, key=lambda one: (one.working, one.deadline))
            idlest.abort()

    def closed(self, connection: Connection) -> None:
        """A connection has ended."""
        self._open.pop(connection, None)
        if self.stopping and not self._open:
            self._last_gone.set()

    async def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """One look a second at all deadlines costs less than a timer for every request."""
        pause = min(1.0, self.head / 4, self.idle / 4, self.body / 4)
        while True:
            await asyncio.sleep(pause)
            now = loop.time()
            for connection in list(self._open):
                if connection.deadline < now:
                    connection.overdue()


class Connection(asyncio.Protocol):
    """One client. Requests are answered in their order; while one is worked on, what follows waits in the buffer."""

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._buffer = bytearray()
        self._waiting: tuple[Request, int] | None = None
        self._tls: TlsSession | None = None
        self._first = True
        self._paused = False
        self._ending = False
        self._peer = ""
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self.working = False
        self.deadline = loop.time() + server.head

    # --- what asyncio calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else ""
        if self._server.stopping:
            self.abort()
            return
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._first:
            self._first = False
            if data[0] == _HANDSHAKE and self._server.tls is not None:
                self._tls = self._server.tls.session()
        if self._tls is not None:
            try:
                plain, answer = self._tls.received(data)
            except ssl.SSLError as error:
                log.info("a TLS connection failed", reason=error.reason or str(error))
                self._write_raw(self._tls.pending())
                self._close()
                return
            self._write_raw(answer)
            if self._tls.ended:
                self._close()
                return
            data = plain
        if data:
            self._buffer += data
            if len(self._buffer) > MAX_HEAD * 4 and self.working:
                self._hold()  # it sends ahead more than it should; let it wait
            self._proceed()

    def eof_received(self) -> bool:
        if self.working:
            self._ending = True
            return True
        return False

    def pause_writing(self) -> None:
        self._paused = True
        self.deadline = self._loop.time() + self._server.body
        self._hold()

    def resume_writing(self) -> None:
        self._paused = False
        self.deadline = self._loop.time() + self._server.idle
        self._resume()
        self._proceed()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.closed(self)
        self._transport = None

    # --- what the server calls ---

    def finish(self) -> None:
        """No further request: closed now, or when the one at work is answered."""
        self._ending = True
        if not self.working and self._waiting is None and not self._buffer:
            self._close()

    def abort(self) -> None:
        """Closed at once."""
        if self._transport is not None:
            self._transport.abort()
        self._server.closed(self)

    def overdue(self) -> None:
        """Too slow: a begun request is told so, an idle connection just ends."""
        if self.working and not self._paused:
            return  # it is we who are slow
        if not self._paused and (self._buffer or self._waiting) and (self._tls is None or self._tls.established):
            self._ending = True
            self._answer(self._server.refuse(408, "The request did not arrive in time."), keep=False)
        else:
            self.abort()

    # --- inside ---

    def _proceed(self) -> None:
        """Answer what is in the buffer until it holds no whole request or one has to be waited for."""
        while not self.working and not self._paused and self._transport is not None:
            try:
                if not self._next():
                    return
            except BadRequest as error:
                self._ending = True
                self._buffer.clear()
                self._waiting = None
                self._answer(self._server.refuse(error.status, str(error)), keep=False)
                return

    def _next(self) -> bool:
        if self._waiting is None:
            while self._buffer[:2] == b"\r\n":  # empty lines before a request are let pass, RFC 9112 §2.2
                del self._buffer[:2]
            end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD + 4)
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    raise BadRequest(431, f"The header is longer than {MAX_HEAD} octets.")
                if self._buffer and self.deadline > self._loop.time() + self._server.head:
                    self.deadline = self._loop.time() + self._server.head
                return False
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            answer = self._server.quick(head)
            if answer is not None:
                self.deadline = self._loop.time() + self._server.idle
                self._write(answer)
                return True
            request, length = read_head(head)
            if length and request.headers.get(b"expect", b"").lower() == b"100-continue" and not self._buffer:
                self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._waiting = request, length
            self.deadline = self._loop.time() + self._server.body
        request, length = self._waiting
        if len(self._buffer) < length:
            return False
        request.body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._waiting = None
        request.peer = self._peer
        if self._tls is not None:
            request.secure = True
            request.certificate = self._tls.certificate
        self.working = True
        self._task = self._loop.create_task(self._work(request))
        return True

    async def _work(self, request: Request) -> None:
        try:
            response = await self._server.handler(request)
        except Exception:
            log.exception("a request failed", method=request.method)
            response = self._server.refuse(500, "The server failed; its log says why.")
        self.working = False
        self.deadline = self._loop.time() + self._server.idle
        self._answer(response, keep=request.keep and not self._ending, with_body=request.method != "HEAD")
        self._resume()
        self._proceed()

    def _answer(self, response: Response, *, keep: bool, with_body: bool = True) -> None:
        self._write(response.encode(keep=keep, with_body=with_body))
        if not keep:
            self._close()

    def _write(self, data: bytes) -> None:
        self._write_raw(data if self._tls is None else self._tls.sending(data))

    def _write_raw(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self.deadline = self._loop.time() + self._server.body
            self._paused = True  # what still comes is not looked at; who does not take the answer is cut off
            self._transport.close()

    def _hold(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._transport is not None and not self._paused and not self._transport.is_closing():
            self._transport.resume_reading()

"""The resolver's TCP server: many questions on a connection, answered in their order and written together.

A connection stays open while requests ask for it (KC, RFC 3652 §2.2.2.3) and is closed after one that does not.
All that came at once is answered from one moment of the store, as long as it is the usual question; another one is
performed by itself, in a thread if it waits for the disk, and meanwhile nothing behind it on its connection is begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import structlog

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import MAX_MESSAGE, EnvelopeFlag, OpFlag, ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.resolver import colleagues
from gongfu.identity.resolver.answers import Answerer, Silence, begins, waits
from gongfu.identity.resolver.changes import Underway
from gongfu.identity.resolver.counters import Transport
from gongfu.identity.resolver.quick import Quick

log = structlog.get_logger("resolver")

IDLE_SECONDS = 60.0
"""A connection with nothing to say is closed after this."""
MESSAGE_SECONDS = 10.0
"""A message that began must be complete, and its answer taken, within this."""
MAX_CONNECTIONS = 20_000
"""Connections of one worker; a further one is closed at once."""
_DRAIN_SECONDS = 5.0  # less than the supervisor waits before it kills
_THREADS = 64  # requests that are performed at once
_BACKLOG = 4_096
_ENVELOPE = wire.ENVELOPE.size
_READ_AHEAD = 2 * (MAX_MESSAGE + _ENVELOPE)  # octets kept of a connection whose turn has not come
_QUICK = 4_000  # octets of payload; longer answers go the long way
_AT_ONCE = 1_000  # answers before they are written
_KEEP = OpFlag.KEEP_CONNECTION >> 24


class TcpServer:
    """Messages one after another on a connection, answered in their order."""

    def __init__(
        self,
        answerer: Answerer,
        *,
        idle: float = IDLE_SECONDS,
        patience: float = MESSAGE_SECONDS,
        limit: int = MAX_CONNECTIONS,
    ) -> None:
        self.answerer = answerer
        self.idle = idle
        self.patience = patience
        self.quick = Quick(_QUICK, answerer.counters.prefix)
        self.connections: set[_Connection] = set()
        self.stopping = False
        self.last_gone = asyncio.Event()
        self.pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver-tcp")
        self._limit = limit

    @property
    def full(self) -> bool:
        """Whether a further connection is refused."""
        return self.stopping or len(self.connections) >= self._limit

    @contextlib.asynccontextmanager
    async def serving(self, sock: socket.socket) -> AsyncIterator[None]:
        """Serve ``sock`` while the block runs; then let begun messages end and close the rest."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self, loop), sock=sock, backlog=_BACKLOG)
        own = self.answerer.colleagues.own
        handed: asyncio.Server | None = None
        if own is not None:
            own.unlink(missing_ok=True)
            handed = await loop.create_unix_server(lambda: _Connection(self, loop), str(own), backlog=_BACKLOG)
        watching = loop.create_task(self._watch(loop))
        try:
            yield
        finally:
            self.stopping = True
            server.close()
            if handed is not None:
                handed.close()
            for connection in list(self.connections):
                connection.leave()
            if self.connections:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.last_gone.wait(), _DRAIN_SECONDS)
            for connection in list(self.connections):
                connection.transport.abort()
            watching.cancel()
            self.pool.shutdown(wait=False, cancel_futures=True)

    async def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ends connections whose time is over: one look at all of them costs less than a timer for each."""
        while True:
            await asyncio.sleep(min(1.0, self.idle / 4, self.patience / 4))
            now = loop.time()
            for connection in [one for one in self.connections if one.deadline < now]:
                connection.transport.abort()


class _Connection(asyncio.Protocol):
    """One peer."""

    __slots__ = (
        "_begun", "_came", "_loop", "_needed", "_octets", "_parts", "_performing", "_server", "_stuck", "_taken",
        "deadline", "transport",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, server: TcpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._octets = b""  # from the beginning of a message
        self._parts: list[bytes] = []  # what came behind them, joined once there may be a whole message
        self._came = 0
        self._needed = _ENVELOPE
        self._begun = False  # there is the beginning of a message
        self._stuck = False  # the peer does not take its answers
        self._taken: asyncio.Future[None] | None = None  # somebody waits until it does
        self._performing: asyncio.Task[None] | None = None
        self.deadline = math.inf

    # --- what asyncio calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes it, or refuses it when there are too many."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not of that class
        if self._server.full:
            self.transport.abort()
            return
        self._server.connections.add(self)
        self.deadline = self._loop.time() + self._server.idle

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it."""
        server = self._server
        server.connections.discard(self)
        if self._performing is not None:
            self._performing.cancel()
        if server.stopping and not server.connections:
            server.last_gone.set()

    def data_received(self, data: bytes) -> None:
        """Answers what is complete."""
        self._parts.append(data)
        self._came += len(data)
        if self._performing is None and not self._stuck:
            self._work()
        elif self._came > _READ_AHEAD:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """The peer asks no more, but may wait for answers."""
        return self._performing is not None or self._stuck

    def pause_writing(self) -> None:
        """The peer takes its answers too slowly: nothing more is begun for it."""
        self._stuck = True
        self.transport.pause_reading()
        self.deadline = self._loop.time() + self._server.patience

    def resume_writing(self) -> None:
        """It took them."""
        self._stuck = False
        if self._taken is not None:
            self._taken.set_result(None)
            self._taken = None
        self._go_on()

    # --- ---

    def leave(self) -> None:
        """Closes it unless a message has begun."""
        if self._performing is None and not self._begun:
            self.transport.close()

    def _go_on(self) -> None:
        if self._performing is None and not self._stuck and not self.transport.is_closing():
            self.transport.resume_reading()
            self._work()

    def _work(self) -> None:
        """Answers messages until none is complete, the peer must take some, or one has to be performed."""
        try:
            while not self._stuck and self._gather():
                if self._answer_usual():
                    continue
                message = self._next()
                if message is None:
                    break
                holder = self._server.answerer.colleagues.holder(message[0].session)
                work = self._perform(*message) if holder is None else self._hand_over(holder, *message)
                self._performing = self._loop.create_task(work)
                self.deadline = math.inf
                return
        except (Malformed, Silence):
            self.transport.close()  # not speaking this protocol: nothing that could be answered
        except Exception:
            log.exception("a connection failed")
            self.transport.abort()
        self._wait()

    def _gather(self) -> bool:
        """Whether enough came for a whole message."""
        if len(self._octets) + self._came < self._needed or self.transport.is_closing():
            return False
        if self._parts:
            self._octets = b"".join((self._octets, *self._parts))
            self._parts.clear()
            self._came = 0
        return True

    def _wait(self) -> None:
        begun, self._begun = self._begun, bool(self._octets or self._came)
        if self._stuck or (self._begun and not begun):
            self.deadline = self._loop.time() + self._server.patience
        elif not self._begun:
            self.deadline = self._loop.time() + self._server.idle
            if self._server.stopping:
                self.transport.close()

    def _answer_usual(self) -> bool:
        """Answers usual questions from the front; whether there may be more of them."""
        octets, at, size = self._octets, 0, len(self._octets)
        server = self._server
        answers: list[bytes] = []
        keep = _KEEP
        quick = server.quick
        quick.at(time.time())
        with server.answerer.store.view() as view:
            public = view.public
            while size - at >= _ENVELOPE and keep and len(answers) < _AT_ONCE:
                end = at + _ENVELOPE + int.from_bytes(octets[at + 16 : at + 20])
                if end > size:
                    break
                message = octets[at:end]
                answer = quick.answer(message, public)
                if answer is None:
                    break
                answers.append(answer)
                keep = message[28] & _KEEP
                at = end
        if answers:
            self._octets = octets[at:]
            self._begun = False
            server.answerer.counters.answered(Transport.TCP, ResponseCode.SUCCESS, len(answers))
            self.transport.write(b"".join(answers))
        if not keep:
            self.transport.close()
        return len(answers) == _AT_ONCE

    def _next(self) -> tuple[wire.Envelope, bytes] | None:
        """The unusual question at the front if it is complete; raises :class:`Malformed` or :class:`Silence`."""
        self._needed = _ENVELOPE
        if len(self._octets) < _ENVELOPE or self.transport.is_closing():
            return None
        envelope = wire.decode_envelope(self._octets[:_ENVELOPE])
        if envelope.flags & EnvelopeFlag.TRUNCATED or envelope.sequence:
            raise Silence
        self._needed = end = _ENVELOPE + envelope.length
        if len(self._octets) < end:
            return None
        payload, self._octets = self._octets[_ENVELOPE:end], self._octets[end:]
        self._needed = _ENVELOPE
        return envelope, payload

    async def _beside(self, answers: Iterator[bytes]) -> bytes | None:
        """The next answer, made in a thread: as many wait for the same commit as there are threads."""
        return await self._loop.run_in_executor(self._server.pool, next, answers, None)

    async def _hand_over(self, holder: Path, envelope: wire.Envelope, payload: bytes) -> None:
        """Lets another worker go on with this connection; if it is not there, says here that it has no such session."""

        def waiting() -> bytes:
            octets = b"".join((wire.encode_envelope(envelope), payload, self._octets, *self._parts))
            self._octets, self._parts, self._came = b"", [], 0
            self._performing, self._begun = None, False
            return octets

        try:
            await colleagues.join(self.transport, holder, waiting, lambda: self.connection_lost(None))
        except OSError:
            await self._perform(envelope, payload)

    async def _on_disk(self, change: Underway) -> None:
        """Return when it is known what became of ``change``."""
        known = self._loop.create_future()
        change.future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(_set, known))
        await known

    async def _perform(self, envelope: wire.Envelope, payload: bytes) -> None:
        """Answers one message of any kind, each part of the answer when the peer took the one before."""
        try:
            slow = waits(envelope, payload)
            if begins(envelope, payload):
                begun = self._server.answerer.begin(envelope, payload)
                if begun.change is not None:
                    await self._on_disk(begun.change)
                slow = begun.waits
                answers = self._server.answerer.end(begun)
            else:
                answers = self._server.answerer.message(envelope, payload)
            while (answer := await self._beside(answers) if slow else next(answers, None)) is not None:
                self.transport.write(answer)
                if self._stuck:
                    self._taken = self._loop.create_future()
                    await self._taken
            hidden = envelope.flags & EnvelopeFlag.ENCRYPTED  # then a session uses its connection again
            if not hidden and (len(payload) < wire.HEADER.size or not payload[8] & _KEEP):
                self.transport.close()
        except (Malformed, Silence):
            self.transport.close()
        except Exception:
            log.exception("a connection failed")
            self.transport.abort()
        self._performing = None
        self._begun = False
        self._wait()
        self._go_on()


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

"""Sockets of the resolver: a blocking loop for UDP, asyncio for TCP.

UDP has a thread of its own because one system call in and one out is most of its cost; an event loop would add two.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import structlog

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import MAX_PACKET, EnvelopeFlag, OpFlag
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.resolver.answers import Answerer, Later, Peer, Silence, waits
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark

log = structlog.get_logger("resolver")

IDLE_SECONDS = 60.0
"""A TCP connection with nothing to say is closed after this."""
MESSAGE_SECONDS = 10.0
"""A message that began must be complete, and its answer taken, within this."""
_DRAIN_SECONDS = 5.0  # less than the supervisor waits before it kills
MAX_CONNECTIONS = 1_000
"""TCP connections of one worker; a further one is closed at once."""
_WAKE = struct.pack("@ll", 0, 200_000)  # how often the UDP thread looks whether it should end
_THREADS = 64  # requests over TCP that are performed at once
_SLOW = 256  # requests over UDP that wait to be performed
_LAST = 10_000  # datagrams still answered while it ends


def bind(
    host: str, port: int, kind: socket.SocketKind, *, shared: bool = False, setting: str = "GONGFU_HANDLE_PORT"
) -> socket.socket:
    """A bound UDP or TCP socket; several processes may bind it if ``shared``. Raises :class:`Conflict` when taken."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise Conflict(
            mark("Port {port} on {host} cannot be used: {reason}."),
            remedy=mark("Stop the program that holds it, or set {setting} to another port."),
            port=port,
            host=host,
            reason=error.strerror,
            setting=setting,
        ) from error
    return sock


@contextlib.contextmanager
def serve_udp(sock: socket.socket, answerer: Answerer) -> Iterator[None]:
    """Answer datagrams on ``sock`` in a thread while the block runs, then those that wait already."""
    stopping = threading.Event()
    sock.setblocking(True)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _WAKE)
    thread = threading.Thread(target=_udp_loop, args=(sock, answerer, stopping), name="resolver-udp", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _udp_loop(sock: socket.socket, answerer: Answerer, stopping: threading.Event) -> None:
    slow = _Slow()
    try:
        while not stopping.is_set():
            _udp_one(sock, answerer, slow)
        sock.setblocking(False)
        for _ in range(_LAST):
            if not _udp_one(sock, answerer, slow):
                return
    finally:
        slow.close()


def _udp_one(sock: socket.socket, answerer: Answerer, slow: _Slow) -> bool:
    """Whether there was a packet."""
    try:
        packet, peer = sock.recvfrom(MAX_PACKET + 1)
    except BlockingIOError:
        return False
    except OSError as error:
        log.warning("receiving failed", reason=error.strerror)
        return False
    answers = answerer.datagram(packet, peer)
    if callable(answers):
        slow.take(answers, sock, peer)
    else:
        _send(sock, answers, peer)
    return True


def _send(sock: socket.socket, answers: list[bytes], peer: Peer) -> None:
    for answer in answers:
        with contextlib.suppress(OSError):  # the asker is gone or its port is 0: nobody to tell
            sock.sendto(answer, peer)


class _Slow:
    """Answers that wait for the disk or cryptography, one after another beside the loop; too many are dropped."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="resolver-slow")
        self._room = threading.Semaphore(_SLOW)

    def take(self, later: Later, sock: socket.socket, peer: Peer) -> None:
        """Answers ``peer`` when its turn comes, or not at all: it asks again."""
        if self._room.acquire(blocking=False):
            self._pool.submit(self._one, later, sock, peer)

    def _one(self, later: Later, sock: socket.socket, peer: Peer) -> None:
        try:
            _send(sock, later(), peer)
        finally:
            self._room.release()

    def close(self) -> None:
        """Lets what was taken end."""
        self._pool.shutdown()


class TcpServer:
    """Messages one after another on a connection, answered in their order.

    A connection stays open while requests ask for it (KC, RFC 3652 §2.2.2.3) and is closed after one that does not.
    """

    def __init__(
        self,
        answerer: Answerer,
        *,
        idle: float = IDLE_SECONDS,
        patience: float = MESSAGE_SECONDS,
        limit: int = MAX_CONNECTIONS,
    ) -> None:
        self._answerer = answerer
        self._idle = idle
        self._patience = patience
        self._limit = limit
        self._waiting: dict[asyncio.StreamWriter, bool] = {}
        self._stopping = False
        self._last_gone = asyncio.Event()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver-tcp")

    @contextlib.asynccontextmanager
    async def serving(self, sock: socket.socket) -> AsyncIterator[None]:
        """Serve ``sock`` while the block runs; then let begun messages end and close the rest."""
        server = await asyncio.start_server(self._connection, sock=sock, backlog=512)
        try:
            yield
        finally:
            self._stopping = True
            server.close()
            for writer, waiting in list(self._waiting.items()):
                if waiting:
                    writer.close()
            if self._waiting:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._last_gone.wait(), _DRAIN_SECONDS)
            for writer in list(self._waiting):
                writer.transport.abort()
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._waiting) >= self._limit or self._stopping:
            writer.transport.abort()
            return
        self._waiting[writer] = True
        try:
            while await self._exchange(reader, writer) and not self._stopping:
                self._waiting[writer] = True
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError, Malformed, Silence):
            pass  # gone, too slow or not speaking this protocol: nothing that could be answered
        except Exception:
            log.exception("a connection failed")
        finally:
            del self._waiting[writer]
            if self._stopping and not self._waiting:
                self._last_gone.set()
            with contextlib.suppress(OSError, TimeoutError):
                writer.close()
                async with asyncio.timeout(self._patience):
                    await writer.wait_closed()

    async def _beside(self, answers: Iterator[bytes]) -> bytes | None:
        """The next answer, made in a thread: as many wait for the same commit as there are threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, next, answers, None)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One message and its answer; whether the connection stays."""
        async with asyncio.timeout(self._idle):
            first = await reader.readexactly(1)
        self._waiting[writer] = False
        async with asyncio.timeout(self._patience):
            envelope = wire.decode_envelope(first + await reader.readexactly(wire.ENVELOPE.size - 1))
            if envelope.flags & EnvelopeFlag.TRUNCATED or envelope.sequence:
                raise Silence
            payload = await reader.readexactly(envelope.length)
        answers, slow = self._answerer.message(envelope, payload), waits(envelope, payload)
        while (answer := await self._beside(answers) if slow else next(answers, None)) is not None:
            writer.write(answer)
            async with asyncio.timeout(self._patience):
                await writer.drain()
        if envelope.flags & EnvelopeFlag.ENCRYPTED:  # the flag cannot be seen; a session uses its connection again
            return True
        return len(payload) >= wire.HEADER.size and bool(wire.HEADER.unpack_from(payload)[2] & OpFlag.KEEP_CONNECTION)

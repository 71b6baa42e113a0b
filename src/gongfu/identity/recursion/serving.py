"""Sockets of the recursive role: cached answers leave from the thread that reads UDP, others from the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterator

import structlog

from gongfu.identity.handle import fragments, wire
from gongfu.identity.handle.codes import EnvelopeFlag, OpFlag
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.recursion.answers import NoAnswer, RecursiveAnswerer
from gongfu.identity.resolver.datagrams import Datagrams as Rounds
from gongfu.identity.resolver.datagrams import Peer, datagrams
from gongfu.identity.resolver.limiting import RateLimiter, Verdict, cut, free
from gongfu.identity.resolver.quick import Quick

log = structlog.get_logger("recursion")

MAX_PENDING = 2_000
"""Questions over UDP that wait for others; a further one is dropped, and comes again."""
MAX_CONNECTIONS = 1_000
IDLE_SECONDS = 60.0
MESSAGE_SECONDS = 10.0
_WAKE = struct.pack("@ll", 0, 200_000)  # how often the UDP thread looks whether it should end


class Datagrams:
    """Answers packets; what the cache does not have is handed to the event loop."""

    def __init__(self, answerer: RecursiveAnswerer, sock: socket.socket, rate: int = 0) -> None:
        """``rate`` answers a second to one network, any number if 0."""
        self._answerer = answerer
        self._quick = Quick(fragments.PIECE, flags=wire.NO_FLAG)
        self._limiter = RateLimiter(rate)
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.dropped = 0

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve while the block runs."""
        stopping = threading.Event()
        self._sock.setblocking(True)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _WAKE)
        thread = threading.Thread(target=self._read, args=(stopping,), name="recursion-udp", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()
            for task in self._tasks:
                task.cancel()

    def _read(self, stopping: threading.Event) -> None:
        rounds = datagrams(self._sock)
        while not stopping.is_set():
            try:
                self._round(rounds)
            except OSError as error:
                log.warning("receiving failed", reason=error.strerror)
            except Exception:
                log.exception("packets could not be answered")

    def _round(self, rounds: Rounds) -> None:
        """Answers what the cache has of one round of packets, then hands the others on."""
        count = rounds.receive()
        if not count:
            return
        quick, public, limiter = self._quick, self._answerer.recursor.cache.public, self._limiter
        quick.at(time.time())
        limiter.tick(time.monotonic())
        limited = limiter.rate > 0
        others: list[tuple[bytes, Peer]] = []
        for number in range(count):
            packet = rounds.packet(number)
            if limited and not free(network := rounds.network(number)):
                verdict = limiter.judge(network)
                if verdict is not Verdict.ANSWER:
                    self.dropped += 1
                    for short in cut(packet) if verdict is Verdict.CUT else ():
                        rounds.answer(number, short)
                    continue
            answer = quick.answer(packet, public)
            if answer is None:
                others.append((packet, rounds.peer(number)))
            else:
                rounds.answer(number, answer)
        rounds.flush()
        for packet, peer in others:
            if len(self._tasks) < MAX_PENDING:
                self._loop.call_soon_threadsafe(self._begin, packet, peer)
            else:
                self.dropped += 1

    def _begin(self, packet: bytes, peer: Peer) -> None:
        task = self._loop.create_task(self._answer(packet, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, packet: bytes, peer: Peer) -> None:
        try:
            envelope = wire.decode_envelope(packet)
            if envelope.flags & EnvelopeFlag.TRUNCATED:
                raise NoAnswer  # a question that does not fit a packet has to come over TCP
            answer = await self._answerer.answer(envelope, packet[wire.ENVELOPE.size :], peer[0], stream=False)
            for piece in fragments.split(*answer):
                self._sock.sendto(piece, socket.MSG_DONTWAIT, peer)
        except (NoAnswer, Malformed):
            self.dropped += 1
        except OSError:
            pass  # the asker is gone
        except Exception:
            log.exception("a packet could not be answered")


class Streams:
    """Questions one after another on each connection, until one that does not ask to keep it (RFC 3652 §2.2.2.3)."""

    def __init__(self, answerer: RecursiveAnswerer) -> None:
        self._answerer = answerer
        self._open: set[asyncio.StreamWriter] = set()

    @contextlib.asynccontextmanager
    async def serving(self, sock: socket.socket) -> AsyncIterator[None]:
        """Serve while the block runs; then close all connections."""
        server = await asyncio.start_server(self._connection, sock=sock, backlog=512)
        try:
            yield
        finally:
            server.close()
            for writer in list(self._open):
                writer.transport.abort()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, OSError, Malformed, NoAnswer):
            pass  # gone, too slow, or not speaking this protocol
        except Exception:
            log.exception("a connection failed")
        finally:
            self._open.discard(writer)
            with contextlib.suppress(OSError):
                writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One question and its answer; whether the connection stays."""
        async with asyncio.timeout(IDLE_SECONDS):
            first = await reader.readexactly(1)
        async with asyncio.timeout(MESSAGE_SECONDS):
            envelope = wire.decode_envelope(first + await reader.readexactly(wire.ENVELOPE.size - 1))
            if envelope.flags & EnvelopeFlag.TRUNCATED or envelope.sequence:
                raise NoAnswer
            payload = await reader.readexactly(envelope.length)
        peer = writer.get_extra_info("peername") or ("",)
        answer, octets = await self._answerer.answer(envelope, payload, str(peer[0]), stream=True)
        writer.write(wire.encode_envelope(answer) + octets)
        async with asyncio.timeout(MESSAGE_SECONDS):
            await writer.drain()
        return bool(wire.HEADER.unpack_from(payload)[2] & OpFlag.KEEP_CONNECTION)

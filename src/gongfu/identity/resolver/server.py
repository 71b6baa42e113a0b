"""Sockets of the resolver: a blocking loop for UDP; TCP is in :mod:`streams`.

UDP has a thread of its own because one system call in and one out is most of its cost; an event loop would add two.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from gongfu.identity.handle import fragments
from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.resolver.answers import Answerer, Later, Peer
from gongfu.identity.resolver.counters import Transport
from gongfu.identity.resolver.datagrams import datagrams
from gongfu.identity.resolver.hot import Hot
from gongfu.identity.resolver.limiting import RateLimiter, Verdict, cut
from gongfu.identity.resolver.quick import Quick
from gongfu.identity.resolver.streams import TcpServer as TcpServer
from gongfu.kernel.errors import Conflict, Unavailable
from gongfu.kernel.i18n import mark

log = structlog.get_logger("resolver")

_WAKE = struct.pack("@ll", 0, 200_000)  # how often the UDP thread looks whether it should end
_SLOW = 256  # requests over UDP that wait to be performed
_PERFORMERS = 16  # threads that perform them: those that wait for the disk share a transaction
MANY = 30_000
"""Datagrams a second from which on rounds are gathered; a client that waits for each answer gets half as many."""
GATHER_SECONDS = 0.00005
"""The system adds about as much."""
_WINDOW_SECONDS = 0.005
_FEW = 16  # datagrams; a round of more is worth its calls
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


@dataclass(frozen=True, slots=True)
class Restraint:
    """What anybody who writes a false sender can have sent to it."""

    rate: int = 0
    """Answers a second to one network (IPv4 /24, IPv6 /56) over UDP; 0: any number. Loopback is not counted."""
    amplification: int = 0
    """An answer over UDP is at most so many times as long as what asked for it; 0: as long as it needs to be."""


NO_RESTRAINT = Restraint()


@contextlib.contextmanager
def serve_udp(
    sock: socket.socket, answerer: Answerer, restraint: Restraint = NO_RESTRAINT, *, memory: int = 0
) -> Iterator[None]:
    """Answer datagrams on ``sock`` in a thread while the block runs, then those that wait already.

    ``memory`` octets are for values asked for again and again.
    """
    stopping = threading.Event()
    sock.setblocking(True)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _WAKE)
    server = _UdpServer(sock, answerer, restraint, memory)
    thread = threading.Thread(target=server.run, args=(stopping,), name="resolver-udp", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


class Gathering:
    """Whether the next round should wait a little, so that it answers several. Pure.

    When questions come faster than rounds end, most rounds hold one or two, and their cost (two system calls, a
    transaction) keeps a processor busy that others need. One who asks again when answered never comes so often.
    """

    def __init__(self) -> None:
        self._since = 0.0
        self._came = 0
        self._many = False

    def pays(self, count: int, now: float) -> bool:
        """After a round of ``count`` datagrams at ``now``, monotonic seconds."""
        self._came += count
        if (elapsed := now - self._since) >= _WINDOW_SECONDS:
            self._many = self._came >= MANY * elapsed
            self._since, self._came = now, 0
        return self._many and 0 < count < _FEW


class _UdpServer:
    """Answers rounds of datagrams: first the usual questions in one transaction, then the others one by one."""

    def __init__(self, sock: socket.socket, answerer: Answerer, restraint: Restraint, memory: int) -> None:
        self._sock = sock
        self._answerer = answerer
        self._counters = answerer.counters
        self._datagrams = datagrams(sock)
        self._quick = Quick(fragments.PIECE, answerer.counters.prefix)
        self._limiter = RateLimiter(restraint.rate)
        self._most = restraint.amplification
        self._hot = Hot(memory)
        self._slow = _Slow()

    def run(self, stopping: threading.Event) -> None:
        """Until ``stopping``, and then what waits already."""
        gathering = Gathering()
        try:
            while not stopping.is_set():
                if gathering.pays(self._round(), time.monotonic()):
                    time.sleep(GATHER_SECONDS)
            self._sock.setblocking(False)
            for _ in range(_LAST):
                if not self._round():
                    return
        finally:
            self._slow.close()

    def _round(self) -> int:
        """How many datagrams there were."""
        try:
            count = self._datagrams.receive()
        except OSError as error:
            log.warning("receiving failed", reason=error.strerror)
            return 0
        if not count:
            return 0
        self._limiter.tick(time.monotonic())
        self._quick.at(time.time())
        try:
            others = self._answer_usual(count)
        except Unavailable as error:
            log.error("the store cannot be read", error=str(error))
            others = [(number, Verdict.ANSWER) for number in range(count)]
        self._datagrams.flush()
        for number, verdict in others:
            self._answer_other(number, verdict)
        return count

    def _answer_usual(self, count: int) -> list[tuple[int, Verdict]]:
        """Prepares the answers to the usual questions of a round; the numbers of the others."""
        incoming, quick, limiter = self._datagrams, self._quick, self._limiter
        limited = limiter.rate > 0
        others: list[tuple[int, Verdict]] = []
        with self._answerer.store.view() as view:
            public = self._hot.over(view)
            for number in range(count):
                if limited and not incoming.local(number):
                    verdict = limiter.judge(incoming.network(number))
                    if verdict is not Verdict.ANSWER:
                        others.append((number, verdict))
                        continue
                packet = incoming.packet(number)
                answer = quick.answer(packet, public)
                if answer is None or len(answer) > len(packet) * (self._most or len(answer)):
                    others.append((number, Verdict.ANSWER))
                else:
                    incoming.answer(number, answer)
        self._counters.answered(Transport.UDP, ResponseCode.SUCCESS, count - len(others))
        return others

    def _answer_other(self, number: int, verdict: Verdict) -> None:
        packet, peer = self._datagrams.packet(number), self._datagrams.peer(number)
        if verdict is Verdict.DROP:
            self._counters.limited(Transport.UDP)
            return
        if verdict is Verdict.CUT:
            self._cut(packet, peer)
            return
        answers = self._answerer.datagram(packet, peer)

        def send(ready: list[bytes]) -> None:
            if self._most and sum(map(len, ready)) > len(packet) * self._most:
                self._cut(packet, peer)
                return
            self._send(ready, peer)

        if not callable(answers):
            send(answers)
        elif not self._slow.take(answers, send):
            self._counters.limited(Transport.UDP)

    def _cut(self, packet: bytes, peer: Peer) -> None:
        self._counters.cut(Transport.UDP)
        self._send(cut(packet), peer)

    def _send(self, answers: list[bytes], peer: Peer) -> None:
        for answer in answers:
            with contextlib.suppress(OSError):  # the asker is gone or its port is 0: nobody to tell
                self._sock.sendto(answer, peer)


class _Slow:
    """Answers that wait for the disk or cryptography, beside the loop; too many are dropped."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_PERFORMERS, thread_name_prefix="resolver-slow")
        self._room = threading.Semaphore(_SLOW)

    def take(self, later: Later, send: Callable[[list[bytes]], None]) -> bool:
        """Sends what ``later`` makes when its turn comes; False when there is no room: whoever asked asks again."""
        if not self._room.acquire(blocking=False):
            return False
        self._pool.submit(self._one, later, send)
        return True

    def _one(self, later: Later, send: Callable[[list[bytes]], None]) -> None:
        try:
            send(later())
        finally:
            self._room.release()

    def close(self) -> None:
        """Lets what was taken end."""
        self._pool.shutdown()

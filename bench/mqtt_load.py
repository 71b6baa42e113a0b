"""A load generator that is not the bottleneck: MQTT 3.1.1 over raw sockets, packets made before the clock starts.

    from bench.mqtt_load import publish_qos1
    result = publish_qos1(100_000, 8, port=1883, user="acme", password=…, topic="gongfu/acme/press/{connection}")

One thread, one ``selectors`` loop; each connection keeps at most ``window`` messages unacknowledged.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PUBACK = 0x40


@dataclass(frozen=True)
class LoadResult:
    """``acked`` messages were acknowledged by the broker within ``seconds``; ``failed`` connections broke."""

    acked: int
    seconds: float
    failed: int
    acked_by_connection: list[int]

    @property
    def per_s(self) -> float:
        """Acknowledged messages a second."""
        return self.acked / self.seconds if self.seconds else 0.0


def connect_packet(client: str, user: str, password: str, *, keep_alive: int = 60) -> bytes:
    """CONNECT with a clean session (MQTT 3.1.1 §3.1)."""
    body = (
        _string("MQTT")
        + bytes([4, 0b1100_0010])
        + struct.pack(">H", keep_alive)
        + _string(client)
        + _string(user)
        + _string(password)
    )
    return b"\x10" + length(len(body)) + body


def publish_packet(topic: str, payload: bytes, identifier: int = 0) -> bytes:
    """PUBLISH with QoS 1, or QoS 0 when ``identifier`` is 0 (§3.3)."""
    body = _string(topic) + (struct.pack(">H", identifier) if identifier else b"") + payload
    return (b"\x32" if identifier else b"\x30") + length(len(body)) + body


def length(size: int) -> bytes:
    """Remaining length (§2.2.3)."""
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (0x80 if size else 0))
        if not size:
            return bytes(out)


def open_session(host: str, port: int, client: str, user: str, password: str) -> socket.socket:
    """A connected, accepted session; raises ConnectionError when refused."""
    sock = socket.create_connection((host, port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(connect_packet(client, user, password))
    answer = sock.recv(4)
    if len(answer) < 4 or answer[3] != 0:
        sock.close()
        raise ConnectionError(f"CONNECT refused: {answer.hex()}")
    return sock


@dataclass
class _Session:
    sock: socket.socket
    packets: list[bytes]
    window: int
    sent: int = 0
    acked: int = 0
    rest: bytes = b""
    pending: memoryview = field(default_factory=lambda: memoryview(b""))

    def fill(self) -> None:
        """Next packets the window allows, as one buffer."""
        if not self.pending:
            until = min(len(self.packets), self.acked + self.window)
            if until > self.sent:
                self.pending = memoryview(b"".join(self.packets[self.sent : until]))
                self.sent = until

    def push(self) -> None:
        self.fill()
        while self.pending:
            try:
                done = self.sock.send(self.pending)
            except BlockingIOError:
                return
            self.pending = self.pending[done:]

    def pull(self) -> None:
        data = self.rest + self.sock.recv(65536)
        if len(data) == len(self.rest):
            raise ConnectionError("closed by the broker")
        whole = len(data) // 4
        if any(data[index * 4] != PUBACK for index in range(whole)):
            raise ConnectionError(f"unexpected packet: {data[:8].hex()}")
        self.acked += whole
        self.rest = data[whole * 4 :]


def publish_qos1(
    n: int,
    connections: int,
    *,
    port: int,
    user: str,
    password: str,
    topic: str,
    payload: Callable[[int, int], bytes] | None = None,
    host: str = "127.0.0.1",
    window: int = 200,
    give_up: float = 60.0,
    progress: Callable[[int], None] = lambda acknowledged: None,
) -> LoadResult:
    """Publish ``n`` single-reading messages over ``connections`` sessions; returns when all are acknowledged.

    ``topic`` may hold ``{connection}``; ``payload(connection, number)`` defaults to ``{"v": number, "t": µs}``
    with distinct times. After ``give_up`` seconds, or when every connection broke, it returns what it has.
    ``progress`` is told now and then how many are acknowledged.
    """
    make = payload or _default_payload()
    sessions: list[_Session] = []
    for connection in range(connections):
        count = n // connections + (connection < n % connections)
        name = topic.format(connection=connection)
        packets = [publish_packet(name, make(connection, i), i % 65535 + 1) for i in range(count)]
        sock = open_session(host, port, f"load-{connection}-{time.monotonic_ns()}", user, password)
        sock.setblocking(False)
        sessions.append(_Session(sock, packets, window))
    selector = selectors.DefaultSelector()
    for session in sessions:
        selector.register(session.sock, selectors.EVENT_READ, session)
    begin = time.monotonic()
    failed = 0
    for session in sessions:
        session.push()
    open_sessions = {id(session) for session in sessions if session.packets}
    while open_sessions and time.monotonic() - begin < give_up:
        for key, _ in selector.select(0.05):
            session = key.data
            try:
                session.pull()
                session.push()
            except OSError:
                failed += 1
                selector.unregister(session.sock)
                open_sessions.discard(id(session))
                continue
            if session.acked >= len(session.packets):
                open_sessions.discard(id(session))
        progress(sum(session.acked for session in sessions))
        for session in sessions:
            if session.pending and id(session) in open_sessions:
                session.push()
    took = time.monotonic() - begin
    for session in sessions:
        session.sock.close()
    selector.close()
    return LoadResult(sum(s.acked for s in sessions), took, failed, [s.acked for s in sessions])


def _default_payload() -> Callable[[int, int], bytes]:
    start = time.time_ns() // 1000
    return lambda connection, number: b'{"v":%d.5,"t":%d}' % (number % 1000, start + number)


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw

"""Keep-alive load on the resolver's HTTP door: one process, many connections, one request on the way on each."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence


def http_per_s(port: int, handles: Sequence[str], *, seconds: float = 5.0, connections: int = 16) -> float:
    """Successful ``GET /api/handles/…`` a second on 127.0.0.1:``port``, going round ``handles``.

    Raises RuntimeError for an answer that is no success: a rate of refusals is no rate.
    """
    requests = [f"GET /api/handles/{handle} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for handle in handles]
    selector = selectors.DefaultSelector()
    waiting: dict[socket.socket, bytearray] = {}
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
        waiting[sock] = bytearray()
    done, sent = 0, 0
    began = time.perf_counter()
    for sock in waiting:
        sock.sendall(requests[sent % len(requests)])
        sent += 1
    while time.perf_counter() - began < seconds:
        for key, _ in selector.select(1):
            sock = key.fileobj  # type: ignore[assignment]
            buffer = waiting[sock]
            buffer += sock.recv(65_536)
            if not _whole(buffer):
                continue
            buffer.clear()
            done += 1
            sock.sendall(requests[sent % len(requests)])
            sent += 1
    took = time.perf_counter() - began
    for sock in waiting:
        sock.close()
    selector.close()
    return done / took


def _whole(buffer: bytearray) -> bool:
    head = buffer.find(b"\r\n\r\n")
    if head < 0:
        return False
    if not buffer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(bytes(buffer[:200]))
    start = buffer.find(b"Content-Length: ") + 16
    return len(buffer) >= head + 4 + int(buffer[start : buffer.find(b"\r\n", start)])

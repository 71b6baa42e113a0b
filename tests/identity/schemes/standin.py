"""Stand-ins for the authorities that this machine cannot reach: an HTTP server and a DNS server on loopback."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def http(answer: Callable[[str, dict[str, str]], Reply]) -> Iterator[str]:
    """Serve GET with ``answer(path, headers)``; yields the base address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answer(self.path, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def name(text: str) -> bytes:
    """A name as RFC 1035 §3.1 writes it."""
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def record(kind: int, data: bytes) -> bytes:
    """An answer whose owner is a pointer to the question's name (RFC 1035 §4.1.4)."""
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def naptr(service: str, expression: str) -> bytes:
    """A NAPTR record (RFC 3403 §4.1)."""
    texts = b"".join(bytes([len(text)]) + text.encode() for text in ("u", service, expression))
    return record(35, struct.pack(">HH", 100, 10) + texts + b"\0")


def _both() -> tuple[socket.socket, socket.socket, int]:
    """A UDP and a TCP socket on one port that is free for both."""
    for _ in range(50):
        tcp = socket.create_server(("127.0.0.1", 0))
        port = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(("127.0.0.1", port))
        except OSError:
            udp.close()
            tcp.close()
            continue
        return udp, tcp, port
    raise AssertionError("no port is free for both")


@contextmanager
def dns(zone: dict[tuple[str, int], list[bytes]], *, truncate: bool = False) -> Iterator[str]:
    """Answer from ``zone`` over UDP and TCP: (name, type) → records; a name that is in none is RCODE 3."""
    udp, tcp, port = _both()
    udp.settimeout(0.05)
    tcp.settimeout(0.05)
    stop = threading.Event()

    def reply(packet: bytes, flags: int = 0) -> bytes:
        place, labels = 12, []
        while packet[place]:
            labels.append(packet[place + 1 : place + 1 + packet[place]].decode())
            place += 1 + packet[place]
        asked, kind = ".".join(labels), struct.unpack_from(">H", packet, place + 1)[0]
        records = [] if flags else zone.get((asked, kind), [])
        code = 0 if any(asked == owner for owner, _ in zone) else 3
        head = packet[:2] + struct.pack(">HHHHH", 0x8180 | flags | code, 1, len(records), 0, 0)
        return head + packet[12 : place + 5] + b"".join(records)

    def over_udp() -> None:
        while not stop.is_set():
            try:
                packet, peer = udp.recvfrom(4096)
            except TimeoutError:
                continue
            udp.sendto(b"\0\0rubbish of somebody else", peer)
            udp.sendto(reply(packet, 0x0200 if truncate else 0), peer)

    def over_tcp() -> None:
        while not stop.is_set():
            try:
                connection, _ = tcp.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(2)
                size = struct.unpack(">H", connection.recv(2))[0]
                whole = reply(connection.recv(size))
                connection.sendall(struct.pack(">H", len(whole)) + whole)

    threads = [threading.Thread(target=over_udp, daemon=True), threading.Thread(target=over_tcp, daemon=True)]
    for thread in threads:
        thread.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        udp.close()
        tcp.close()

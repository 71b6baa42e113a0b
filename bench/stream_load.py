"""A TCP load generator: a few connections, many questions under way on each, answers counted by their lengths.

python bench/stream_load.py --port 2641 --packets FILE --seconds 3

``FILE`` as :mod:`packet_load` writes it; the requests must ask to keep the connection. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

CONNECTIONS = 4
_TOGETHER = 64
_UNDER_WAY = 512


class _Connection:
    def __init__(self, port: int, batches: list[bytes], first: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._batches = batches
        self._next = first
        self._rest = b""
        self._under_way = 0
        self.right = self.wrong = 0

    def fill(self) -> None:
        """Sends until enough is under way."""
        while self._under_way <= _UNDER_WAY - _TOGETHER:
            self.sock.sendall(self._batches[self._next % len(self._batches)])
            self._next += 1
            self._under_way += _TOGETHER

    def take(self) -> None:
        """Counts what came."""
        octets = self._rest + self.sock.recv(2**18)
        at, size, count = 0, len(octets), 0
        while size - at >= 28:
            end = at + 20 + int.from_bytes(octets[at + 16 : at + 20])
            if end > size:
                break
            count += 1
            self.right += octets[at + 27] == 1
            at = end
        self._rest = octets[at:]
        self._under_way -= count
        self.wrong = 0


def measure(port: int, packets: Path, seconds: float) -> float:
    """Right answers a second, seen by a generator in a process of its own."""
    command = [sys.executable, __file__, "--port", str(port), "--packets", str(packets), "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["per_s"])


def _run(port: int, packets: Path, seconds: float) -> None:
    octets = packets.read_bytes()
    found, at = [], 0
    while at < len(octets):
        size = int.from_bytes(octets[at : at + 2])
        found.append(octets[at + 2 : at + 2 + size])
        at += 2 + size
    batches = [b"".join(found[start : start + _TOGETHER]) for start in range(0, len(found), _TOGETHER)]
    connections = [_Connection(port, batches, number * 97) for number in range(CONNECTIONS)]
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.sock, selectors.EVENT_READ, connection)
            connection.fill()
        began = time.perf_counter()
        while time.perf_counter() < began + seconds:
            for key, _ in selector.select(0.1):
                key.data.take()
                key.data.fill()
        took = time.perf_counter() - began
    for connection in connections:
        connection.sock.close()
    print(json.dumps({"per_s": sum(connection.right for connection in connections) / took}))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--packets", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    _run(given.port, given.packets, given.seconds)


if __name__ == "__main__":
    main()

"""How many answers a second a recursive node gives from its cache; part of ``gongfu bench resolve``."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import harness
import packet_load

_RECURSIVE = 0x1000_0000
_WARM_SECONDS = 60.0
_TOGETHER = 32


def measure(root: int, names: Sequence[str], question: Callable[[str, int, int], bytes], seconds: float) -> float:
    """Cached answers a second over UDP for ``names``, all of which the resolver on port ``root`` has."""
    health, port, http, recursive = harness.free_ports(4)
    environment = {
        "GONGFU_ROLES": "recursive",
        "GONGFU_ROOTS": f"127.0.0.1:{root}",
        "GONGFU_HANDLE_PORT": str(port),
        "GONGFU_HANDLE_HTTP_PORT": str(http),
        "GONGFU_RECURSIVE_PORT": str(recursive),
        "GONGFU_RESOLVER_PORT": str(health),
    }
    packets = [question(name, number, _RECURSIVE) for number, name in enumerate(names)]
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as folder:
        home = Path(folder)
        file = home / "recursive.packets"
        packet_load.write(file, packets)
        with harness.Node(home, **environment) as node:
            node.start("resolver", health)
            _warm(recursive, packets)
            return packet_load.measure(recursive, file, seconds).per_s


def _warm(port: int, packets: Sequence[bytes]) -> None:
    """Ask each question until it is answered, a few at a time."""
    until = time.monotonic() + _WARM_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(1.0)
        waiting = dict(enumerate(packets))
        while waiting:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(waiting)} identifiers were not resolved through the recursive node")
            some = list(waiting)[:_TOGETHER]
            for number in some:
                sock.send(waiting[number])
            for _ in some:
                try:
                    answer = sock.recv(1024)
                except TimeoutError:
                    break
                if answer[24:28] == b"\0\0\0\1":
                    waiting.pop(int.from_bytes(answer[8:12]), None)

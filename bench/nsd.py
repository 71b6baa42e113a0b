"""NSD beside us: the same number of names, the same generator, if ``nsd`` is on PATH (Debian: apt install nsd)."""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import packet_load

QUESTIONS = 2**17
_TEXT = "v=" + "0123456789abcdef" * 15  # about as many octets as five values


@dataclass(frozen=True)
class Running:
    """An NSD that answers."""

    port: int
    packets: Path


@contextlib.contextmanager
def serving(folder: Path, count: int) -> Iterator[Running | str]:
    """NSD with ``count`` names; or why there is none."""
    program = shutil.which("nsd") or shutil.which("nsd", path="/usr/sbin")
    if program is None:
        yield "nsd is not installed"
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    zone, config, packets = folder / "zone", folder / "nsd.conf", folder / "dns.packets"
    with zone.open("w") as out:
        out.write("$ORIGIN bench.test.\n$TTL 60\n@ SOA ns hostmaster 1 1 1 1 1\n@ NS ns\nns A 127.0.0.1\n")
        out.writelines(f'n{number:08} TXT "{_TEXT}"\n' for number in range(count))
    config.write_text(
        f'server:\n  ip-address: 127.0.0.1@{port}\n  server-count: 1\n  username: ""\n  zonesdir: "{folder}"\n'
        f'  pidfile: "{folder}/nsd.pid"\n  xfrdfile: "{folder}/xfrd"\n  zonelistfile: "{folder}/zones"\n'
        f'  database: ""\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n'
        f'zone:\n  name: bench.test\n  zonefile: "{zone}"\n'
    )
    picked = random.Random(7).choices(range(count), k=QUESTIONS)
    packet_load.write(packets, (_query(number, order & 0xFFFF) for order, number in enumerate(picked)))
    child = subprocess.Popen([program, "-d", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        if not _answers(port, child):
            child.kill()
            _, said = child.communicate()
            yield f"nsd does not start: {said.decode(errors='replace')[-300:]}"
            return
        yield Running(port, packets)
    finally:
        child.terminate()
        child.wait()
        if child.stderr is not None:
            child.stderr.close()


def _query(number: int, order: int) -> bytes:
    name = b"".join(bytes((len(part),)) + part for part in (b"n%08d" % number, b"bench", b"test")) + b"\0"
    return struct.pack(">HHHHHH", order, 0, 1, 0, 0, 0) + name + struct.pack(">HH", 16, 1)


def _answers(port: int, child: subprocess.Popen[bytes]) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        sock.connect(("127.0.0.1", port))
        until = time.monotonic() + 60
        while time.monotonic() < until and child.poll() is None:
            try:
                sock.send(_query(0, 1))
                if sock.recv(2048)[3] & 0x0F == 0:
                    return True
            except OSError:
                time.sleep(0.1)
    return False

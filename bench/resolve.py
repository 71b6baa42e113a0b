"""How many questions a second ``gongfu resolver`` answers, beside a bare echo and NSD.

    gongfu bench resolve [--quick]

A real resolver process over a million identifiers of five values (200,000 with ``--quick``), asked for a random
131,072 of them by a generator in another process, both on this machine. That the generator is not the bottleneck shows
in ``udp_echo_per_s``: the same generator against an echo that only makes the two system calls is faster; and in
``generator_busy``. ``udp_ratio_to_echo`` is the quotient of the two; the echo answers with the request's 90 octets, the
resolver with about 370. ``udp_ratio_to_nsd`` appears when ``nsd`` is on PATH. Loopback is never rate-limited
(GONGFU_RESOLVER_RATE_LIMIT), whatever the setting.
"""

from __future__ import annotations

import random
import struct
import tempfile
import time
from pathlib import Path

import harness
import http_load
import identifiers
import nsd
import packet_load
import recursive
import stream_load

from gongfu.identity.registry.store import FOLDER

QUESTIONS = 2**17
CACHED = 2**13
"""Identifiers in the cache of the recursive node."""
_KEEP = 0x0200_0000


def run(quick: bool) -> harness.Result:
    """Measure; takes 45 s, or less with ``quick``."""
    started = time.perf_counter()
    seconds, count = (2.0, 200_000) if quick else (5.0, 1_000_000)
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as folder:
        home = Path(folder)
        identifiers.load(home / FOLDER, count)
        metrics, baselines = measure(home, count, seconds)
        found = nsd.measure(home, count, seconds)
        if isinstance(found, str):
            missing = {"udp_ratio_to_nsd": found}
        else:
            baselines["nsd_udp_per_s"] = found
            metrics["udp_ratio_to_nsd"] = round(metrics["udp_per_s"] / found, 3)
            missing = {}
    return harness.result("resolve", metrics, baselines, started, missing)


def measure(home: Path, count: int, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """Metrics and baselines of a resolver over the store in ``home``."""
    udp, tcp = home / "udp.packets", home / "tcp.packets"
    names = [identifiers.of(place, count) for place in random.Random(7).choices(range(count), k=QUESTIONS)]
    packet_load.write(udp, (question(name, number) for number, name in enumerate(names)))
    packet_load.write(tcp, (question(name, number, _KEEP) for number, name in enumerate(names)))
    with packet_load.echo() as port:
        bare = packet_load.measure(port, udp, seconds, check="none")
    handle_port, http_port, health = harness.free_ports(3)
    environment = {
        "GONGFU_HANDLE_PORT": str(handle_port),
        "GONGFU_HANDLE_HTTP_PORT": str(http_port),
        "GONGFU_RESOLVER_PORT": str(health),
    }
    with harness.Node(home, **environment) as node:
        node.start("resolver", health)
        full = packet_load.measure(handle_port, udp, seconds)
        half = packet_load.measure(handle_port, udp, seconds, rate=full.per_s / 2)
        streams = stream_load.measure(handle_port, tcp, seconds)
        web = http_load.http_per_s(http_port, names, seconds=seconds)
        memory = node.resident_mb()["resolver"]
        cached = recursive.measure(handle_port, list(dict.fromkeys(names))[:CACHED], question, seconds)
    metrics = {
        "udp_per_s": round(full.per_s),
        "udp_p99_ms_at_half": round(half.p99_ms, 3),
        "udp_ratio_to_echo": round(full.per_s / bare.per_s, 3),
        "tcp_per_s": round(streams),
        "http_per_s": round(web),
        "recursive_hit_per_s": round(cached),
    }
    baselines = {
        "udp_echo_per_s": round(bare.per_s),
        "generator_busy": round(full.busy, 2),
        "udp_p50_ms_at_half": round(half.p50_ms, 3),
        "answered_at_half": round(half.right / max(1, half.sent), 4),
        "wrong": full.wrong + half.wrong,
        "resident_mb": memory,
    }
    return metrics, baselines


def question(handle: str, number: int, flags: int = 0) -> bytes:
    """A request for all values (RFC 3652 §2.2, §3.2.1), laid out by hand."""
    name = handle.encode()
    body = struct.pack(">I", len(name)) + name + bytes(8)
    payload = struct.pack(">IIIHBBII", 1, 0, flags, 0, 0, 0, 0, len(body)) + body + bytes(4)
    return struct.pack(">BBBBIIII", 2, 11, 2, 11, 0, number, 0, len(payload)) + payload

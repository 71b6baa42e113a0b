"""How many questions a second ``gongfu resolver`` answers, beside a bare echo and NSD.

    gongfu bench resolve [--quick]

A real resolver process over a million identifiers of five values (200,000 with ``--quick``), asked for a random
131,072 of them by a generator in another process, both on this machine. Echo, resolver and NSD take turns of a second
or so; of each the best turn counts, for other work on the machine only ever takes away.

``udp_per_s`` is what a resolver does whose memory holds the values asked for (``resolver_memory``, as delivered);
``udp_from_store_per_s`` what one without that memory does, which looks up every question in the store.

That the generator is not the bottleneck shows in ``udp_echo_per_s``: the same generator against an echo that only makes
the two system calls is faster; and in ``generator_busy``, its share of a processor while it asked the resolver.
``udp_ratio_to_echo`` is the quotient; the echo answers with the request's 90 octets, the resolver with about 370.
``udp_p99_ms_at_half`` is at half of the 130,000/s that the resolver has to sustain; echo and NSD are asked at the same
rate, for what the machine itself makes late is late for them too. ``udp_p99_ms_at_half_of_best`` is at half of what the
resolver reached.
``udp_ratio_to_nsd`` appears when ``nsd`` is on PATH. Loopback is never rate-limited, whatever
GONGFU_RESOLVER_RATE_LIMIT says.
"""

from __future__ import annotations

import contextlib
import random
import struct
import tempfile
import time
from collections.abc import Iterator
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
HALF = 65_000
"""Questions a second, half of what has to be sustained."""
CACHED = 2**13
"""Identifiers in the cache of the recursive node."""
_KEEP = 0x0200_0000


def run(quick: bool) -> harness.Result:
    """Measure; takes about a minute, with ``quick`` half of it."""
    started = time.perf_counter()
    turns, seconds, count = (2, 0.7, 200_000) if quick else (5, 2.0, 1_000_000)
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as folder, contextlib.ExitStack() as stack:
        home = Path(folder)
        identifiers.load(home / FOLDER, count)
        udp, tcp = questions(home, count)
        echo_port = stack.enter_context(packet_load.echo())
        port, http_port, node = stack.enter_context(serving(home))
        store_port, *_ = stack.enter_context(serving(home, GONGFU_RESOLVER_MEMORY="0"))
        found = stack.enter_context(nsd.serving(home, count))
        full, store, echo, other = [], [], [], []
        for _ in range(turns):
            echo.append(packet_load.measure(echo_port, udp, seconds, check="none"))
            full.append(packet_load.measure(port, udp, seconds))
            store.append(packet_load.measure(store_port, udp, seconds))
            if isinstance(found, nsd.Running):
                other.append(packet_load.measure(found.port, found.packets, seconds, check="dns"))
        best = max(full, key=lambda load: load.per_s)
        bare = max(load.per_s for load in echo)
        half, own_half, echo_half, other_half = [], [], [], []
        for _ in range(turns):
            half.append(packet_load.measure(port, udp, seconds, rate=HALF))
            own_half.append(packet_load.measure(port, udp, seconds, rate=best.per_s / 2))
            echo_half.append(packet_load.measure(echo_port, udp, seconds, rate=HALF, check="echo"))
            if isinstance(found, nsd.Running):
                other_half.append(packet_load.measure(found.port, found.packets, seconds, rate=HALF, check="dns"))
        from_store = max(load.per_s for load in store)
        calm = min(half, key=lambda load: load.p99_ms)
        streams = stream_load.measure(port, tcp, seconds)
        names = [identifiers.of(place, count) for place in random.Random(8).choices(range(count), k=10_000)]
        web = http_load.http_per_s(http_port, names, seconds=seconds)
        cached = recursive.measure(port, list(dict.fromkeys(names))[:CACHED], question, seconds)
        memory = node.resident_mb()["resolver"]
    metrics = {
        "udp_per_s": round(best.per_s),
        "udp_from_store_per_s": round(from_store),
        "udp_p99_ms_at_half": round(calm.p99_ms, 3),
        "udp_ratio_to_echo": round(best.per_s / bare, 3),
        "tcp_per_s": round(streams),
        "http_per_s": round(web),
        "recursive_hit_per_s": round(cached),
    }
    baselines = {
        "udp_echo_per_s": round(bare),
        "udp_worst_turn_per_s": round(min(load.per_s for load in full)),
        "generator_busy": round(best.busy, 2),
        "udp_p50_ms_at_half": round(calm.p50_ms, 3),
        "udp_p99_ms_at_half_of_best": round(min(load.p99_ms for load in own_half), 3),
        "udp_worst_turn_p99_ms_at_half": round(max(load.p99_ms for load in half), 3),
        "udp_echo_p99_ms_at_half": round(min(load.p99_ms for load in echo_half), 3),
        "answered_at_half": round(calm.right / max(1, calm.sent), 4),
        "wrong": sum(load.wrong for load in full + half),
        "resident_mb": memory,
    }
    if isinstance(found, nsd.Running):
        baselines["nsd_udp_per_s"] = round(max(load.per_s for load in other))
        baselines["nsd_p99_ms_at_half"] = round(min(load.p99_ms for load in other_half), 3)
        metrics["udp_ratio_to_nsd"] = round(best.per_s / baselines["nsd_udp_per_s"], 3)
        metrics["udp_from_store_ratio_to_nsd"] = round(from_store / baselines["nsd_udp_per_s"], 3)
    else:
        missing["udp_ratio_to_nsd"] = missing["udp_from_store_ratio_to_nsd"] = found
    return harness.result("resolve", metrics, baselines, started, missing)


def questions(folder: Path, count: int, number: int = QUESTIONS) -> tuple[Path, Path]:
    """Files with questions for random identifiers of ``count``, for UDP and for TCP."""
    udp, tcp = folder / f"udp-{count}.packets", folder / f"tcp-{count}.packets"
    names = [identifiers.of(place, count) for place in random.Random(7).choices(range(count), k=number)]
    packet_load.write(udp, (question(name, number) for number, name in enumerate(names)))
    packet_load.write(tcp, (question(name, number, _KEEP) for number, name in enumerate(names[:QUESTIONS])))
    return udp, tcp


@contextlib.contextmanager
def serving(home: Path, **settings: str) -> Iterator[tuple[int, int, harness.Node]]:
    """Handle and HTTP port of a resolver process over the store in ``home``."""
    port, http_port, health = harness.free_ports(3)
    environment = {
        "GONGFU_HANDLE_PORT": str(port),
        "GONGFU_HANDLE_HTTP_PORT": str(http_port),
        "GONGFU_RESOLVER_PORT": str(health),
        **settings,
    }
    with harness.Node(home, **environment) as node:
        node.start("resolver", health)
        yield port, http_port, node


def question(handle: str, number: int, flags: int = 0) -> bytes:
    """A request for all values (RFC 3652 §2.2, §3.2.1), laid out by hand."""
    name = handle.encode()
    body = struct.pack(">I", len(name)) + name + bytes(8)
    payload = struct.pack(">IIIHBBII", 1, 0, flags, 0, 0, 0, 0, len(body)) + body + bytes(4)
    return struct.pack(">BBBBIIII", 2, 11, 2, 11, 0, number, 0, len(payload)) + payload

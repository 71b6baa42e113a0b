"""What a store of 1, 10, 125 million identifiers costs and how fast it answers.

    gongfu bench scale [--quick]
    GONGFU_BENCH_SIZES=1000000,125000000 GONGFU_BENCH_FOLDER=/data/bench gongfu bench scale --json

Identifiers arrive as they would: 2,000 enterprises, batches of 1,000 in turn, each on disk before the next. A resolver
process runs over each store; they take turns of some seconds at a million random questions (131,072 with ``--quick``),
and the best turn of each counts. With a folder the stores stay there and are not loaded again. ``--quick`` compares
300,000 identifiers with 100,000, under the same names. 125 million take about 12 GB of disk and half an hour.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

import harness
import identifiers
import packet_load
import resolve

from gongfu.identity.registry.store import FOLDER

_SIZES = "1000000,10000000"


def run(quick: bool) -> harness.Result:
    """Load what is missing, then measure all sizes in turns."""
    started = time.perf_counter()
    sizes = (
        [100_000, 300_000] if quick else [int(size) for size in os.environ.get("GONGFU_BENCH_SIZES", _SIZES).split(",")]
    )
    turns, seconds, asked = (2, 1.5, 2**17) if quick else (5, 4.0, 2**20)
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as temporary, contextlib.ExitStack() as stack:
        folder = Path(os.environ.get("GONGFU_BENCH_FOLDER") or temporary)
        loaded = {size: identifiers.load(folder / str(size) / FOLDER, size) for size in sizes}
        packets = {size: resolve.questions(Path(temporary), size, asked)[0] for size in sizes}
        ports = {size: stack.enter_context(resolve.serving(folder / str(size)))[0] for size in sizes}
        for size in sizes:
            packet_load.measure(ports[size], packets[size], seconds)  # what is asked for comes into memory
        full: dict[int, list[packet_load.Load]] = {size: [] for size in sizes}
        for _ in range(turns):
            for size in sizes:
                full[size].append(packet_load.measure(ports[size], packets[size], seconds))
        best = {size: max(load.per_s for load in full[size]) for size in sizes}
        half = {
            size: min(
                (packet_load.measure(ports[size], packets[size], seconds, rate=best[size] / 2) for _ in range(turns)),
                key=lambda load: load.p99_ms,
            )
            for size in sizes
        }
        wrong = sum(load.wrong for loads in full.values() for load in loads)
    metrics: dict[str, float] = {
        "bytes_per_id": loaded[sizes[-1]].bytes_per_id,
        "resolve_ratio_to_1m": round(best[sizes[-1]] / best[sizes[0]], 3),
        "resolve_p99_ms_at_half": round(half[sizes[-1]].p99_ms, 3),
    }
    baselines: dict[str, float] = {"wrong": wrong}
    missing = {}
    for size in sizes:
        baselines |= {
            f"bytes_per_id_{size}": loaded[size].bytes_per_id,
            f"udp_per_s_{size}": round(best[size]),
            f"p99_ms_at_half_{size}": round(half[size].p99_ms, 3),
        }
        if not loaded[size].per_s:
            missing[f"load_per_s_{size}"] = "the store was there already"
            continue
        baselines |= {
            f"load_per_s_{size}": loaded[size].per_s,
            f"load_last_tenth_per_s_{size}": loaded[size].last_per_s,
            f"load_seconds_{size}": loaded[size].wall_s,
        }
    return harness.result("scale", metrics, baselines, started, missing)

"""From the bus to a row that a query finds, beside a bare insertion of the same batches.

    gongfu bench ingest --json [--quick]

The bus is filled while the recorder is down. Then the recorder starts, and the clock runs from its readiness until a
query counts every reading: once alone (``ratio_to_bare_insert``, against one process that only inserts the same
batches as Arrow; ``ratio_to_bare_native`` against the engine's own format) and once while four dashboards refresh
through the store's HTTP interface (``readings_per_s``). ``visible_p99_ms``: from the bus's acknowledgement of one
reading until a query returns it, under a steady load and the same dashboards; roll-ups are computed all the while.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import readings as made
from harness import Node, Result, result, until

from gongfu.data.telemetry import services
from gongfu.kernel import bus
from gongfu.kernel.readings import encode
from gongfu.kernel.store import StoreClient

DEVICES = 10
TAGS = 1000
MESSAGE_ROWS = 10_000
DASHBOARDS = 4
PANELS = 6
REFRESH = 1.0
"""Seconds between two refreshes of a dashboard."""
STEADY = 100_000
"""Readings a second behind ``visible_p99_ms``."""


def run(quick: bool) -> Result:
    """Measure; ``quick`` moves a fifth of the readings."""
    started = time.perf_counter()
    rows = 2_000_000 if quick else 10_000_000
    probes = 20 if quick else 120
    folder = Path(tempfile.mkdtemp(prefix="gongfu-bench-"))
    try:
        with Node(folder / "home") as node:
            node.start_bus()
            alone, _ = _drain(node, rows, 0)
        with Node(folder / "second") as node:
            node.start_bus()
            busy, store = _drain(node, rows, DASHBOARDS)
            with _dashboards(store, DASHBOARDS) as refreshed:
                delays = asyncio.run(_visible(node, probes))
            refreshes = refreshed[0]
            resident = node.resident_mb()["recorder"]
            store.close()
        bare = _child(folder / "bare", rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    metrics = {
        "ratio_to_bare_insert": round(rows / alone / bare["arrow"], 3),
        "ratio_to_bare_native": round(rows / alone / bare["native"], 3),
        "readings_per_s": round(rows / busy),
        "readings_per_s_alone": round(rows / alone),
        "visible_p50_ms": round(float(np.percentile(delays, 50)) * 1000),
        "visible_p99_ms": round(float(np.percentile(delays, 99)) * 1000),
        "dashboard_refreshes": float(refreshes),
        "recorder_busy_mb": resident,
    }
    baselines = {"bare_arrow_per_s": round(bare["arrow"]), "bare_native_per_s": round(bare["native"])}
    return result("ingest", metrics, baselines, started)


def _drain(node: Node, rows: int, dashboards: int) -> tuple[float, StoreClient]:
    """Seconds from the recorder's readiness until every reading is counted."""
    start = int(time.time() - rows / DEVICES / TAGS / 100 - 60) * 1_000_000
    asyncio.run(_fill(node, rows, start))
    store = StoreClient(node.settings)
    node.start("recorder", node.settings.store_port)
    began = time.perf_counter()
    with _dashboards(store, dashboards):
        until(lambda: int(store.command("SELECT count() FROM readings")) >= rows, "storing", 300, 0.1)
        took = time.perf_counter() - began
    return took, store


async def _fill(node: Node, rows: int, start: int) -> None:
    client = await bus.connect(node.settings, "bench")
    js = await bus.ensure(node.settings, client)
    waiting: set[asyncio.Task[object]] = set()
    for batch in made.batches(DEVICES, TAGS, rows, MESSAGE_ROWS, start):
        waiting.add(asyncio.create_task(js.publish(bus.readings_subject(batch.org, batch.device), encode(batch))))  # type: ignore[arg-type]
        if len(waiting) > 32:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if waiting:
        await asyncio.wait(waiting)
    await client.close()


@contextlib.contextmanager
def _dashboards(store: StoreClient, count: int) -> Iterator[list[int]]:
    """People looking: each dashboard asks for its charts and last values again and again."""
    stop = threading.Event()
    refreshed = [0]

    def look(first: int) -> None:
        while not stop.is_set():
            began = time.monotonic()
            end = datetime.now(UTC)
            for panel in range(PANELS):
                services.history([made.ORG], [first + panel], end - timedelta(hours=1), end, 1000, store=store)
            services.last_values([made.ORG], range(first, first + 100), store=store)
            refreshed[0] += 1
            stop.wait(max(0.0, REFRESH - (time.monotonic() - began)))

    threads = [threading.Thread(target=look, args=(1 + 500 * number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield refreshed
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


async def _visible(node: Node, probes: int) -> list[float]:
    """Seconds until a reading is found, for each probe."""
    client = await bus.connect(node.settings, "bench")
    js = await bus.ensure(node.settings, client)
    store = StoreClient(node.settings)
    stop = asyncio.Event()

    async def load() -> None:
        pace = MESSAGE_ROWS / STEADY
        source = made.batches(DEVICES, TAGS, 1 << 40, MESSAGE_ROWS, time.time_ns() // 1000)
        due = time.monotonic()
        while not stop.is_set():
            batch = next(source)
            await js.publish(bus.readings_subject(batch.org, batch.device), encode(batch))
            due += pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    loading = asyncio.create_task(load())
    delays = []
    for number in range(probes):
        now = time.time_ns() // 1000
        batch = next(made.batches(1, 1, 1, 1, now))
        series = 1_000_000 + number
        batch = type(batch)(
            org=made.ORG, device=99, arrived=now, series=np.array([series], np.uint32), times=np.array([now]),
            values=np.array([1.0]), qualities=np.zeros(1, np.uint8), texts=[],
        )  # fmt: skip
        await js.publish(bus.readings_subject(made.ORG, 99), encode(batch))
        began = time.perf_counter()
        question = f"SELECT count() AS n FROM readings WHERE org = {made.ORG} AND series = {series}"
        while (await store.aquery_arrow(question, orgs=[made.ORG])).column("n")[0].as_py() == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        delays.append(time.perf_counter() - began)
        await asyncio.sleep(0.13)  # not in step with the recorder's batches
    stop.set()
    await loading
    await client.close()
    store.close()
    return delays


def _child(*words: object) -> dict[str, float]:
    """The bare insertions, in a process of their own: an engine per process, and nothing else in it."""
    command = [sys.executable, __file__, *map(str, words)]
    found: dict[str, float] = json.loads(
        subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300).stdout
    )
    return found


if __name__ == "__main__":
    total = int(sys.argv[2])
    print(json.dumps(made.bare(Path(sys.argv[1]), list(made.batches(DEVICES, TAGS, total, MESSAGE_ROWS, 10**15)))))

"""A whole node with its demonstration plant: how soon it answers, what it uses idle, how soon a killed process is back.

    gongfu bench node --json

``console_s``: from ``gongfu up`` to a sign-in page. ``fresh_s``: until every demonstration device has readings
younger than 5 s in the store. ``resident_mb`` and ``cores``: all processes, idle, over the last seconds.
``slowest_restart_s``: from ``kill -9`` of one process to all being ready again, the slowest of them.
Baseline: how long Python needs to import the console's framework, which no start can undercut.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import Result, result

from tests.node.running import Node

FRESH_S = 5
IDLE_S = 20.0


def run(quick: bool) -> Result:
    """Measure; ``quick`` observes idling for a shorter time and kills fewer processes."""
    started = time.perf_counter()
    baseline = _import_time()
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as folder:
        node = Node(Path(folder), {"GONGFU_DEMONSTRATION": "true"})
        began = time.perf_counter()
        with node:
            console = _until(lambda: _answers(node), began)
            fresh = _until(lambda: _silent_devices(node) == 0, began)
            time.sleep(5 if quick else 30)  # start-up work has ended
            resident, cores = _usage(node, 8 if quick else IDLE_S)
            restarts = _restarts(node, ("gateway", "web") if quick else tuple(node.processes()))
    metrics: dict[str, float] = {
        "console_s": console,
        "console_ratio_to_import": console / baseline,
        "fresh_s": fresh,
        "resident_mb": resident,
        "cores": cores,
        "slowest_restart_s": max(restarts.values()),
    }
    metrics |= {f"restart_{name}_s": took for name, took in restarts.items()}
    return result("node", metrics, {"import_s": baseline}, started)


def _import_time() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import django, pydantic, numpy, pyarrow, nats, uvicorn"], check=True)
    return time.perf_counter() - start


def _until(reached: Any, began: float, limit: float = 120) -> float:
    while time.perf_counter() - began < limit:
        try:
            if reached():
                return time.perf_counter() - began
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"not reached within {limit} s")


def _answers(node: Node) -> bool:
    return b"csrfmiddlewaretoken" in node.get("web", "/sign-in/")


def _silent_devices(node: Node) -> int:
    """Devices in service of which no tag is fresh."""
    code = (
        "from gongfu.platform.devices.models import Tag\n"
        "print(' '.join(f'{t}:{d}' for t, d in Tag.objects.values_list('pk', 'device')))"
    )
    device_of = dict(pair.split(":") for pair in node.django(code).split())
    rows = node.store().query(
        "SELECT series FROM latest FINAL WHERE dateDiff('millisecond', ts, now64(6)) < {limit:Int64}",
        parameters={"limit": FRESH_S * 1000},
    )
    fresh = {device_of[str(series)] for (series,) in rows.result_rows}
    return len(set(device_of.values()) - fresh)


def _usage(node: Node, seconds: float) -> tuple[float, float]:
    assert node.up is not None
    parent = psutil.Process(node.up.pid)
    everyone = [parent, *parent.children(recursive=True)]
    before = sum(sum(process.cpu_times()[:2]) for process in everyone)
    start = time.perf_counter()
    time.sleep(seconds)
    used = sum(sum(process.cpu_times()[:2]) for process in everyone) - before
    resident = sum(process.memory_info().rss for process in everyone) / 1e6
    return resident, used / (time.perf_counter() - start)


def _restarts(node: Node, names: tuple[str, ...]) -> dict[str, float]:
    took = {}
    for name in names:
        start = time.perf_counter()
        before = node.kill(name)
        while int(node.processes()[name]["pid"] or 0) in (0, before):
            time.sleep(0.05)
        node.wait_ready(60)
        took[name] = time.perf_counter() - start
        time.sleep(2)
    return took

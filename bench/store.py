"""Octets a reading on disk, after the engine has merged its parts.

    GONGFU_BENCH_SKAB=/data/SKAB/data gongfu bench store --json [--quick]

``bytes_demo``: every numeric signal of the demonstration plant's kinds of machine, one reading a second as its physics
gives it, rounded as its instruments do, arriving with a jitter of milliseconds. ``bytes_skab``: the CSV files of SKAB
(https://github.com/waico/SKAB) as they are, one series a sensor. ``*_rollups``: what the roll-ups of a
minute, an hour and a day take beside them, also as octets a reading.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import harness
import msgspec
import numpy as np

from gongfu.data.telemetry import native
from gongfu.data.telemetry.dirt import Dirt, group, ranges
from gongfu.data.telemetry.roller import Roller
from gongfu.data.telemetry.schema import READINGS, migrate
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.simulators.machines.catalogue import MACHINES

ORG = 1
BEGIN = 1_772_323_200_000_000
DECIMALS = 3
"""Of a signal of the simulation, which has no instrument of its own."""


def run(quick: bool) -> harness.Result:
    """Measure; ``quick`` lets machines run 20 minutes instead of 3 hours."""
    started = time.perf_counter()
    seconds = 1200 if quick else 10_800
    metrics: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, given in (("demo", str(seconds)), ("skab", os.environ.get("GONGFU_BENCH_SKAB", ""))):
        if name == "skab" and not list(Path(given or "/nowhere").rglob("*.csv")):
            missing |= dict.fromkeys(
                ("bytes_skab", "bytes_skab_rollups"), "GONGFU_BENCH_SKAB names no folder with SKAB's CSV files"
            )
            continue
        folder = Path(tempfile.mkdtemp(prefix="gongfu-bench-"))
        try:
            # A process may open one store only.
            command = [sys.executable, __file__, name, given, str(folder)]
            answer = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            metrics |= msgspec.json.decode(answer, type=dict[str, float])
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return harness.result("store", metrics, {}, started, missing)


def _measured(name: str, columns: dict[int, tuple[np.ndarray, np.ndarray]], folder: Path) -> dict[str, float]:  # type: ignore[type-arg]
    """Store series → (times, values) and weigh the tables."""
    engine = EmbeddedEngine(folder)
    migrate(engine)
    series = np.concatenate([np.full(len(times), one, np.uint32) for one, (times, _) in columns.items()])
    times = np.concatenate([times for times, _ in columns.values()])
    values = np.concatenate([values for _, values in columns.values()])
    order = np.argsort(times, kind="stable")  # as they arrive
    series, times, values = series[order], times[order], values[order]
    org = np.full(len(times), ORG, np.uint32)
    dirt = Dirt(engine)
    for first in range(0, len(times), 400_000):
        part = slice(first, first + 400_000)
        block = [org[part], series[part], times[part], values[part], np.zeros(len(org[part]), np.uint8),
                 ((times[part] + 300_000) // 1_000_000).astype(np.uint32)]  # fmt: skip
        engine.insert(READINGS, native.block(native.typed(READINGS, block)))
        dirt.tell([ranges(group(org[part], series[part], times[part]), times[part])])
    Roller(engine, dirt).roll(int(times[-1] // 1_000_000) + 3600)
    sizes = {}
    for table in ("readings", "rollups"):
        engine.execute(f"OPTIMIZE TABLE {table} FINAL")
        sizes[table] = int(
            engine.scalar(
                "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
                f" AND table = '{table}'"
            )
        )
    rows = int(engine.scalar("SELECT count() FROM readings"))
    engine.close()
    return {
        f"bytes_{name}": round(sizes["readings"] / rows, 3),
        f"bytes_{name}_rollups": round(sizes["rollups"] / rows, 3),
        f"readings_{name}": float(rows),
    }


def _demonstration(seconds: int) -> dict[int, tuple[np.ndarray, np.ndarray]]:  # type: ignore[type-arg]
    jitter = random.Random(5)
    columns: dict[int, tuple[list[int], list[float]]] = {}
    machines = [kind(seed) for seed, kind in enumerate(MACHINES, start=1)]
    for second in range(seconds):
        for number, machine in enumerate(machines, start=1):
            machine.step(1.0)
            moment = BEGIN + second * 1_000_000 + jitter.randrange(20_000)
            for place, value in enumerate(machine.values().values()):
                if isinstance(value, str):
                    continue
                times, values = columns.setdefault(number * 100 + place, ([], []))
                times.append(moment)
                values.append(round(float(value), DECIMALS))
    return {one: (np.array(times, np.int64), np.array(values)) for one, (times, values) in columns.items()}


def _skab(folder: Path) -> dict[int, tuple[np.ndarray, np.ndarray]]:  # type: ignore[type-arg]
    """The eight sensors of the one test bench, through all experiments; what follows in the files are labels."""
    rows: list[list[str]] = []
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8") as file:
            rows += list(csv.reader(file, delimiter=";"))[1:]
    times = np.array([_moment(row[0]) for row in rows], np.int64)
    return {place: (times, np.array([float(row[place]) for row in rows])) for place in range(1, 9)}


def _moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


if __name__ == "__main__":
    what, given, where = sys.argv[1:]
    found = _demonstration(int(given)) if what == "demo" else _skab(Path(given))
    print(msgspec.json.encode(_measured(what, found, Path(where))).decode())

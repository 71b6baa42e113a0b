"""Questions to a full store, through the recorder's HTTP interface and the official client, as the console asks them.

    GONGFU_BENCH_READINGS=1000000000 GONGFU_BENCH_FOLDER=/data/bench gongfu bench query --json [--quick]

10,000 series: half of the readings spread evenly over the year before, the other half one every ten seconds up to
now. With ``GONGFU_BENCH_FOLDER`` the store stays there and is filled once. ``tag_day_p95_ms``: one tag, the last 24
hours, to 1,000 points. ``tag_year_p95_ms``: one tag, a year, to 1,000 points. ``last_values_ms``: the newest value of
all 10,000. ``oee_month_ms``: OEE of a fleet of 100 machines and of all together over 30 days, three shifts a day
with breaks of half an hour: state, count and energy of each, as the page of performance asks it. Those two are medians
of 20, with the 95th percentile beside.
``rolled_per_s``: readings a second that roll-ups are computed from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import harness
import msgspec
import numpy as np

from gongfu.data.performance import measuring, rules
from gongfu.data.performance.calendars import Calendar, Shift, breaks
from gongfu.data.performance.measuring import Machine, Plan
from gongfu.data.telemetry import services
from gongfu.data.telemetry.dirt import Dirt
from gongfu.data.telemetry.roller import Roller
from gongfu.data.telemetry.schema import migrate
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.kernel.store import StoreClient

ORG = 1
SERIES = 10_000
NEAR = 10
"""Seconds between two readings of the recent half."""
_DAY = 86_400


def run(quick: bool) -> harness.Result:
    """Measure; ``quick`` takes one million readings and few questions."""
    started = time.perf_counter()
    readings = int(os.environ.get("GONGFU_BENCH_READINGS") or (1_000_000 if quick else 200_000_000))
    asked = 20 if quick else 200
    kept = os.environ.get("GONGFU_BENCH_FOLDER")
    folder = Path(kept or tempfile.mkdtemp(prefix="gongfu-bench-"))
    try:
        home = folder / f"query-{readings}"
        filled: dict[str, float] = {}
        if not (home / "filled").exists():
            command = [sys.executable, __file__, str(home), str(readings)]
            filled = msgspec.json.decode(
                subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, type=dict[str, float]
            )
            (home / "filled").write_text(str(int(time.time())), encoding="utf-8")
        now = datetime.fromtimestamp(int((home / "filled").read_text(encoding="utf-8")), UTC)
        with harness.Node(home) as node:
            node.start_bus()
            node.start("recorder", node.settings.store_port)
            store = StoreClient(node.settings)
            metrics = _questions(store, now, asked) | {"readings": float(readings)} | filled
            store.close()
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
    return harness.result("query", metrics, {}, started)


def _questions(store: StoreClient, now: datetime, asked: int) -> dict[str, float]:
    chance = np.random.default_rng(3)

    def tag(span: timedelta) -> Callable[[], None]:
        def ask() -> None:
            one = int(chance.integers(1, SERIES + 1))
            (found,) = services.history([ORG], [one], now - span, now, 1000, store=store)
            if not found.points:
                raise RuntimeError(f"series {one} has no points")

        return ask

    def last() -> None:
        if len(services.last_values([ORG], range(1, SERIES + 1), store=store)) != SERIES:
            raise RuntimeError("last values are missing")

    fleet = [_machine(series) for series in range(100, SERIES + 1, 100)]

    def month() -> None:
        end = int(now.timestamp())
        cells = measuring.measure(store, [ORG], fleet, end - 30 * _DAY, end, "Asia/Shanghai")
        found = rules.together(rules.judge(measuring.add_up(cells[one.device])) for one in fleet)
        if not found.sums.states or found.sums.energy is None:
            raise RuntimeError("no states or no counts")

    metrics = {}
    for name, ask, count in (
        ("tag_day", tag(timedelta(days=1)), asked),
        ("tag_year", tag(timedelta(days=365)), asked),
        ("last_values", last, max(5, asked // 10)),
        ("oee_month", month, max(5, asked // 10)),
    ):
        ask()  # the first question of a kind is parsed and checked once
        spent = []
        for _ in range(count):
            began = time.perf_counter()
            ask()
            spent.append((time.perf_counter() - began) * 1000)
        half = f"{name}_p50_ms" if name.startswith("tag") else f"{name}_ms"
        metrics[half] = round(float(np.percentile(spent, 50)), 1)
        metrics[f"{name}_p95_ms"] = round(float(np.percentile(spent, 95)), 1)
    return metrics


_SHIFTS = (
    Shift(1, clock(0), clock(8), breaks("03:30-04:00")),
    Shift(2, clock(8), clock(16), breaks("12:00-12:30")),
    Shift(3, clock(16), clock(0), breaks("19:30-20:00")),
)
_PLAN = Plan(Calendar("Asia/Shanghai", _SHIFTS, holidays=True))


def _machine(series: int) -> Machine:
    """A machine whose state is ``series`` and whose counters are the two before it."""
    return Machine(
        device=series,
        plan=_PLAN,
        state=series,
        codes={"0": "idle", "1": "running", "2": "fault"},
        count=series - 1,
        energy=series - 2,
        cycle=60.0,
    )


def _fill(home: Path, readings: int) -> dict[str, float]:
    engine = EmbeddedEngine(home / "telemetry")
    migrate(engine)
    now = int(time.time()) // 60 * 60
    each = readings // SERIES // 2
    far = max(1, (365 * _DAY - each * NEAR) // each)
    engine.execute(
        "INSERT INTO series (org, series, kind, hold, interval, at) SELECT 1, number + 1,"
        f" if((number + 1) % 100 = 0, 'state', 'number'), {5 * NEAR}, {NEAR}, now64() FROM numbers({SERIES})"
    )
    filling = 0.0
    # Series by series, as a store lies on disk after its merges; the order of arrival is what `bench ingest` measures.
    together = max(1, 4_000_000 // each)
    for first, step in ((now - each * NEAR - each * far, far), (now - each * NEAR, NEAR)):
        for begin in range(0, SERIES, together):
            count = min(together, SERIES - begin)
            began = time.perf_counter()
            engine.execute(
                "INSERT INTO readings SELECT 1, s, toDateTime64(t, 6, 'UTC') + toIntervalMicrosecond(rand() % 20000),"
                " if(s % 100 = 0, intDiv(t, 900) * s % 3,"
                " round(50 + 10 * sin(t / 5000 + s) + (rand(1) % 100) / 500, 2)),"
                f" 0, t FROM (SELECT {begin} + intDiv(number, {each}) + 1 AS s,"
                f" {first} + number % {each} * {step} AS t FROM numbers({count * each}))"
            )
            filling += time.perf_counter() - began
    engine.execute(
        "INSERT INTO latest SELECT org, series, max(ts), argMax(value, ts), '', 0, 0 FROM readings GROUP BY org, series"
    )
    dirt = Dirt(engine)
    engine.execute(
        f"INSERT INTO dirty SELECT {dirt.generation}, 1, number + 1, 0, {now - each * NEAR - each * far}, {now}"
        f" FROM numbers({SERIES})"
    )
    began = time.perf_counter()
    Roller(engine, dirt, at_once=2).roll(now)
    rolling = time.perf_counter() - began
    sizes = engine.scalar(
        "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
        " AND table = 'readings'"
    )
    engine.close()
    total = each * SERIES * 2
    return {
        "filled_per_s": round(total / filling),
        "rolled_per_s": round(total / rolling),
        "bytes_a_reading": round(int(sizes) / total, 2),
    }


if __name__ == "__main__":
    print(msgspec.json.encode(_fill(Path(sys.argv[1]), int(sys.argv[2]))).decode())

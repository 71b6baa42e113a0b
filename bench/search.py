"""Search over identifiers: what the page asks of the engine, at a million identifiers (``--quick``: 200,000).

    gongfu bench search --json
    GONGFU_BENCH_SIZES=1000000,10000000 gongfu bench search --json

The table is made by the engine itself: 2,000 enterprises, 34 words an identifier (of values, type, template, day of
change, a number), asked over HTTP as the recorder serves it, by the client the console uses, on behalf of the operator
(all organisations), of one enterprise, and of one that was granted a look at another's. Each question is asked as the
page does: count and facets, then the first 50. Metrics: ``*_ms`` the middle of ``ROUNDS`` calls in milliseconds, of the
largest size; ``worst_ms`` of all of them, ``worst_ratio`` to the smallest size. Baselines: the same of every size.
10 million take about 1.3 GB of disk and three minutes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import harness

from gongfu.identity.search import numbers, queries, table
from gongfu.identity.search.table import IDENTIFIERS
from gongfu.kernel.settings import load
from gongfu.kernel.store import StoreClient, Value

ROUNDS = 7
ENTERPRISES = 2_000
_STEP = 100_000  # rows made at once; the embedded engine has 900 MB
_SIZES = "1000000"
_FIRST, _SPAN = 1_700_000_000, 90_000_000
_ENGINE = """
import asyncio, os, socket, sys, uvloop
from gongfu.data.telemetry.schema import migrate
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.data.telemetry.store.http import StoreApp
from gongfu.kernel import ops
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import load

async def main():
    settings = load(os.environ)
    engine = EmbeddedEngine(settings.path("telemetry"))
    migrate(engine)
    sock = socket.create_server(("127.0.0.1", 0))
    store = StoreApp(engine, secret(settings.home, "store-internal"))
    async with ops.serve(ops.app(ops.Health("store"), store.app()), sock):
        print(sock.getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
    engine.close()

uvloop.run(main())
"""
# The day and the pieces of the number as gongfu.identity.search.words and .numbers write them.
_PIECES = ", ".join(
    f"concat('@n:rated_power|kW:{bits}:', toString(bitShiftRight(code, {64 - bits})))" for bits in numbers.BITS
)
_FILL = f"""
INSERT INTO identifiers ({", ".join(column.name for column in IDENTIFIERS.columns)})
WITH toUInt64(number * 7919 % {_SPAN}) + {_FIRST} AS changed, reinterpretAsUInt64(toFloat64(intHash32(number) % 100000
  / 10 + 0.1)) + 9223372036854775808 AS code
SELECT 0, number % {ENTERPRISES} + 1 AS org, concat('88.118.', toString(org)) AS prefix,
  concat('SN', leftPad(toString(number), 9, '0')) AS suffix, sipHash64(prefix, suffix),
  concat(if(number % 100003 = 0, 'rare', ['pump', 'press', 'robot', 'valve'][number % 4 + 1]) AS kind, '\\n',
  ['', 'operator/machinery@1', 'operator/component@2'][number % 3 + 1] AS template,
  '\\nMANUFACTURER\\nMODEL\\nNAME\\nSERIAL_NUMBER\\nTYPE\\nrated_power'),
  [suffix, concat('NAME=一号循环泵 ', toString(number)), '一号', '号循',
   '循环', '环泵', toString(number), concat('MODEL=XK-', toString(number % 50000)), 'XK', toString(number % 50000),
   '南方', 'PUMP', concat('LOT', toString(intHash64(number) % 1000)), concat('@k:', kind), '@h:MANUFACTURER',
   '@h:MODEL', '@h:NAME', '@h:SERIAL_NUMBER', '@h:TYPE', '@h:rated_power', concat('@t:', template), concat('@t:',
   splitByChar('@', template)[1]), concat('@d:', toString(intDiv(changed, 86400))),
   concat('@m:', toString(intDiv(changed, 2764800))), {_PIECES}],
  toUInt32(changed), toUInt32(changed), 0, number
FROM numbers({{first:UInt64}}, {{count:UInt64}})
"""
_ALL: dict[str, list[str]] = {
    "one": ["SN000123456"],
    "absent": ["NOTHING"],
    "model": ["MODEL=XK-777"],
    "lot": ["LOT77"],
    "common_word": ["循环"],
    "two_words": ["循环", "12345"],
    "kind": ["@k:press"],
    "rare_kind": ["@k:rare"],
    "template": ["@t:operator/machinery"],
    "kind_and_lot": ["@k:press", "LOT77"],
    "everything": [],
}
_WEEK = 1_750_000_000


def _questions() -> dict[str, dict[str, Value]]:
    days = [f"@d:{day}" for day in range(_WEEK // 86_400, _WEEK // 86_400 + 8)]
    tight, wide = numbers.between("rated_power|kW", 4711, 4712), numbers.between("rated_power|kW", 100, 5000)
    asked: dict[str, dict[str, Value]] = {name: {"all": words} if words else {} for name, words in _ALL.items()}
    asked["week"] = {"any0": days, "start": _WEEK, "end": _WEEK + 7 * 86_400}
    asked["hour"] = {"any0": days[:1], "start": _WEEK, "end": _WEEK + 3_600}
    asked["since"] = {"start": _FIRST + _SPAN - 3_600}
    asked["week_and_lot"] = {"all": ["LOT77"]} | asked["week"]
    asked["number_tight"] = {"any0": tight}
    asked["number_wide"] = {"any0": wide}
    asked["number_and_lot"] = {"all": ["LOT77"], "any0": wide}
    asked["industry"] = {"prefixes": [f"88.118.{number}" for number in range(1, ENTERPRISES, 20)]}
    asked["industry_and_lot"] = {"all": ["LOT77"]} | asked["industry"]
    return asked


def run(quick: bool) -> harness.Result:
    """Measure; see the module."""
    started = time.perf_counter()
    sizes = [200_000] if quick else [int(size) for size in os.environ.get("GONGFU_BENCH_SIZES", _SIZES).split(",")]
    found = {size: _measure(size) for size in sizes}
    last = found[sizes[-1]]
    metrics = {**last, "worst_ratio": round(last["worst_ms"] / found[sizes[0]]["worst_ms"], 2)}
    baselines = {f"{name}_{size}": value for size in sizes[:-1] for name, value in found[size].items()}
    return harness.result("search", metrics, baselines, started)


def _measure(rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as folder:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GONGFU_")} | {"GONGFU_HOME": folder}
        with subprocess.Popen(
            [sys.executable, "-c", _ENGINE], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as engine:
            assert engine.stdout is not None
            port = engine.stdout.readline().strip()
            client = StoreClient(load({"GONGFU_HOME": folder, "GONGFU_STORE_PORT": port}))
            metrics = _fill(client, rows)
            worst = ""
            for name, values in _questions().items():
                for who in ("operator", "enterprise", "partner"):
                    took = _asked(client, values, who)
                    metrics[f"{name}_{who}_ms"] = took
                    worst = f"{name}_{who}_ms" if not worst or took > metrics[worst] else worst
            metrics["engine_mb"] = _resident(engine.pid)
            client.close()
    return metrics | {"worst_ms": metrics[worst]}


def _fill(client: StoreClient, rows: int) -> dict[str, float]:
    began = time.perf_counter()
    for first in range(0, rows, _STEP):
        client.command(_FILL, {"first": first, "count": _STEP})
    took = time.perf_counter() - began
    settled = time.monotonic() + 120
    while int(client.command("SELECT count() FROM system.merges")) and time.monotonic() < settled:
        time.sleep(0.5)
    size, parts = (
        int(client.command(f"SELECT {what} FROM system.parts WHERE active AND table = 'identifiers'"))
        for what in ("sum(bytes_on_disk)", "count()")
    )
    return {
        "rows": rows,
        "fill_rows_per_s": round(rows / took),
        "bytes_per_row": round(size / rows, 1),
        "parts": parts,
    }


def _asked(client: StoreClient, values: Mapping[str, Value], who: str) -> float:
    orgs = range(1, ENTERPRISES + 1) if who == "operator" else (457, 458)
    scope: dict[str, Value] = {"own": table.OWNER}
    if who != "operator":  # as the console does for a reader of few prefixes
        scope["prefixes"] = ["88.118.457", "88.118.458"] if who == "partner" else ["88.118.457"]
    if who == "partner":
        scope = {"both": 1, "orgs": [457], "granted": ["88.118.458"], "prefixes": scope["prefixes"]}
    asked = dict(values) | scope
    names = [name for name in asked if name not in ("orgs", "granted")]
    if not any(name.startswith(("all", "any")) for name in names):
        names.append("standing")
    unlisted = [name for name in names if name != "prefixes"]
    bound = {name: value for name, value in asked.items() if name not in ("own", "both")}

    def page() -> None:
        [counted] = client.query_arrow(queries.summary(names, 51), bound, orgs=orgs).to_pylist()
        if counted["n"] > queries.CAP:
            client.query_arrow(queries.in_order(names), {**bound, "limit": 51}, orgs=orgs)
        elif latest := [tuple(one.values()) for one in counted["latest"]]:
            narrow: dict[str, Value] = {"prefixes": sorted({prefix for *_, prefix in latest})}
            narrow["places"] = [2**64 - 1 - place for _, place, _ in latest]
            client.query_arrow(queries.these([*unlisted, "prefixes"]), bound | narrow, orgs=orgs)

    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        page()
        took.append(1000 * (time.perf_counter() - began))
    return round(statistics.median(took), 1)


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(peak.split()[1]) / 1024, 1)

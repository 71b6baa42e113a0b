"""Search over identifiers: what the page asks of the engine, at 10 million identifiers (``--quick``: 1 million).

``gongfu bench search --json``. The table is made by the engine itself; 2,000 enterprises, 12 words an identifier, asked
over HTTP by the client the console uses, on behalf of the operator (all organisations) and of one enterprise.
Metrics: milliseconds, the middle of ``ROUNDS`` calls: ``page_*`` the first 50, ``all_*`` with count and three facets,
which is what the console's page asks.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import harness

from gongfu.identity.search import queries
from gongfu.identity.search.table import IDENTIFIERS
from gongfu.kernel.settings import load
from gongfu.kernel.store import StoreClient, Value

ROUNDS = 7
ENTERPRISES = 2_000
_ENGINE = """
import asyncio, os, socket, sys
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

asyncio.run(main())
"""
_FILL = f"""
INSERT INTO identifiers ({", ".join(column.name for column in IDENTIFIERS.columns)})
SELECT number % {ENTERPRISES} + 1, concat('88.118.', toString(number % {ENTERPRISES} + 1)) AS prefix,
  concat(prefix, '/SN', leftPad(toString(number), 9, '0')), ['pump', 'press', 'robot', 'valve'][number % 4 + 1],
  ['NAME', 'TYPE', 'MODEL', 'MANUFACTURER', 'SERIAL_NUMBER'],
  [concat('SN', leftPad(toString(number), 9, '0')), concat('NAME=一号循环泵 ', toString(number)), '一号', '号循',
   '循环', '环泵', toString(number), concat('MODEL=XK-', toString(number % 50000)), 'XK', toString(number % 50000),
   '南方', 'PUMP'],
  '', '', toUInt32(1700000000 + number % 90000000), toUInt32(1700000000 + (number * 7919) % 90000000), 0, number
FROM numbers({{first:UInt64}}, {{count:UInt64}})
"""
_QUESTIONS: dict[str, dict[str, Value]] = {
    "one": {"tokens": ["SN000123456"]},
    "model": {"tokens": ["MODEL=XK-777"]},
    "common_word": {"tokens": ["循环"]},
    "two_words": {"tokens": ["循环", "12345"]},
    "kind": {"kind": "press"},
    "everything": {},
    "week": {"start": 1_750_000_000, "end": 1_750_604_800},
}


def run(quick: bool) -> harness.Result:
    """Measure; see the module."""
    started = time.perf_counter()
    rows = 1_000_000 if quick else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GONGFU_")} | {"GONGFU_HOME": folder}
        with subprocess.Popen(
            [sys.executable, "-c", _ENGINE], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as engine:
            assert engine.stdout is not None
            port = engine.stdout.readline().strip()
            client = StoreClient(load({"GONGFU_HOME": folder, "GONGFU_STORE_PORT": port}))
            metrics = _fill(client, rows, Path(folder))
            for name, values in _QUESTIONS.items():
                for who, orgs in (("operator", range(1, ENTERPRISES + 1)), ("enterprise", range(457, 458))):
                    page, whole = _asked(client, values, list(orgs))
                    metrics[f"page_{name}_{who}_ms"] = page
                    metrics[f"all_{name}_{who}_ms"] = whole
            client.close()
    worst = max(value for name, value in metrics.items() if name.startswith("all_"))
    return harness.result("search", metrics | {"worst_ms": worst}, {}, started)


def _fill(client: StoreClient, rows: int, folder: Path) -> dict[str, float]:
    began = time.perf_counter()
    step = 100_000  # the embedded engine has 900 MB
    for first in range(0, rows, step):
        client.command(_FILL, {"first": first, "count": step})
    took = time.perf_counter() - began
    size = int(client.command("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'identifiers'"))
    return {"rows": rows, "fill_rows_per_s": rows / took, "bytes_per_row": size / rows}


def _asked(client: StoreClient, values: dict[str, Value], orgs: list[int]) -> tuple[float, float]:
    if len(orgs) == 1:  # as the console does for a reader of few prefixes
        values = values | {"prefixes": [f"88.118.{orgs[0]}"]}
    names = list(values)

    def summary() -> int:
        return int(client.query_arrow(queries.summary(names), values, orgs=orgs).column("n")[0].as_py())

    many = summary() > queries.CAP

    def page() -> None:
        sql = queries.in_order(names) if many else queries.latest(names)
        client.query_arrow(sql, {**values, "limit": 51}, orgs=orgs)

    def whole() -> None:
        summary()
        page()

    return _middle(page), _middle(whole)


def _middle(work: Callable[[], None]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - began))
    return round(statistics.median(took), 1)

"""How many rows of a file a second become identifiers, each batch on disk and its position recorded before the next.

    gongfu bench imports --json

A file of 300,000 rows (``--quick``: 50,000) with a suffix and five values each, as CSV and as Parquet, goes through the
doors the console uses: it is taken, read through and proposed a plan (``*_upload_per_s``), then imported as the worker
does (``*_per_s``). Baseline ``put_many_per_s``: the same records, already made, in batches of 1,000 through the bare
store on the same disk; ``*_ratio`` is the import beside it. The stores take turns, and the best of two turns counts.
``*_per_cpu_s`` and ``*_cpu_ratio`` are the same by this process's processor time, which other work on the machine does
not change much.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import harness
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, QUICK = 300_000, 50_000
TURNS = 2
_BATCH = 1_000
_HEADER = ("标识", "名称", "制造商", "型号", "出厂编号", "批次")
_PIECE = 1 << 20


def run(quick: bool) -> harness.Result:
    """Measure; takes a minute, or 20 s with ``quick``."""
    started = time.perf_counter()
    rows = QUICK if quick else ROWS
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as temporary:
        home = Path(temporary)
        _django(home)
        best: dict[str, float] = {}
        for turn in range(TURNS):
            _write(home, rows, turn)
            found = _bare(home / f"bare-{turn}", rows, turn)
            for name in ("csv", "parquet"):
                found |= _import(home / f"rows.{name}", name, turn)
            best |= {name: max(value, best.get(name, 0)) for name, value in found.items()}
    bare = {name: best.pop(name) for name in ("put_many_per_s", "put_many_per_cpu_s")}
    ratios = {}
    for name in ("csv", "parquet"):
        ratios[f"{name}_ratio"] = round(best[f"{name}_per_s"] / bare["put_many_per_s"], 3)
        ratios[f"{name}_cpu_ratio"] = round(best[f"{name}_per_cpu_s"] / bare["put_many_per_cpu_s"], 3)
    metrics = {name: round(value) for name, value in best.items()} | ratios | {"rows": rows}
    return harness.result("imports", metrics, {name: round(value) for name, value in bare.items()}, started)


def _django(home: Path) -> None:
    import django

    from gongfu.kernel.settings import settings as node_settings

    own = {"GONGFU_HOME": str(home), "GONGFU_LOG_LEVEL": "warning", "GONGFU_IDENTIFIER_PREFIX": "88.118"}
    os.environ |= own | {"DJANGO_SETTINGS_MODULE": "gongfu.console.django_settings"}
    node_settings.cache_clear()  # the command line has read those of another home
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _cells(number: int, turn: int) -> tuple[str, ...]:
    suffix = f"T{turn}-SN{number:08}"
    model = ("A6150", "B850", "C6")[number // 250 % 3]
    return (suffix, f"立式加工中心 {model}", "上海恒锐精密机械有限公司", model, suffix, f"{number * 7919 % 2**32:010X}")


def _write(home: Path, rows: int, turn: int) -> None:
    with (home / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        writer.writerows(_cells(number, turn) for number in range(rows))
    columns = list(zip(*(_cells(number, turn) for number in range(rows)), strict=True))
    pq.write_table(pa.table(dict(zip(_HEADER, map(pa.array, columns), strict=True))), home / "rows.parquet")


def _import(path: Path, name: str, turn: int) -> dict[str, float]:
    from gongfu.identity.bulk import running, services
    from gongfu.identity.bulk.models import Import
    from gongfu.identity.bulk.rules import Operation
    from gongfu.identity.registry import services as registry
    from gongfu.kernel.accounts import services as accounts
    from gongfu.kernel.accounts.models import Organisation
    from gongfu.kernel.accounts.rules import Role

    code = f"{name}-{turn}"
    if not turn and name == "csv":
        accounts.create_organisation("operator", "平台运营方", kind=Organisation.Kind.OPERATOR)
    plant = accounts.create_organisation(code, code)
    user = accounts.create_user(code, "correct-horse-9", roles={plant: Role.ENGINEER})
    prefix = registry.allot_prefix("bench", plant).name
    began = time.perf_counter()
    made = services.upload(user, prefix, Operation.REGISTER, path.name, _pieces(path))
    uploaded = time.perf_counter()
    Import.objects.filter(pk=made.pk).update(moment=int(time.time()))  # as starting it does
    spent = time.process_time()
    running.run(made.pk, lambda *_: None)
    ended, spent = time.perf_counter(), time.process_time() - spent
    made.refresh_from_db()
    if made.accepted != made.rows or registry.count(prefix) != made.rows:
        raise RuntimeError(f"{made.accepted} of {made.rows} rows were imported")
    return {
        f"{name}_per_s": made.rows / (ended - uploaded),
        f"{name}_per_cpu_s": made.rows / spent,
        f"{name}_upload_per_s": made.rows / (uploaded - began),
        f"{name}_whole_per_s": made.rows / (ended - began),
    }


def _bare(folder: Path, rows: int, turn: int) -> dict[str, float]:
    from gongfu.identity.bulk.rules import Builder, Operation, Plan, Problem
    from gongfu.identity.bulk.services import propose
    from gongfu.identity.registry.records import Record
    from gongfu.identity.registry.store import IdentifierStore

    plan = propose(Plan("88.118.1", Operation.REGISTER), _HEADER)
    builder = Builder(plan, _HEADER, now=1_767_225_600)
    store = IdentifierStore(folder)
    store.home("88.118.1")
    spent = processor = 0.0
    for first in range(0, rows, _BATCH):
        batch = []
        for number in range(first, first + _BATCH):
            cells = list(_cells(number, turn))
            handle, values = builder.handle(number + 2, cells), builder.values(number + 2, cells)
            if isinstance(handle, Problem) or isinstance(values, Problem):
                raise RuntimeError(f"row {number} does not fit")
            batch.append(Record(handle, tuple(values), 1_767_225_600, 1_767_225_600))
        began, used = time.perf_counter(), time.process_time()
        store.put_many(batch, replace=False)
        spent += time.perf_counter() - began
        processor += time.process_time() - used
    store.close()
    return {"put_many_per_s": rows / spent, "put_many_per_cpu_s": rows / processor}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece

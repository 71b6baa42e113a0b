"""How fast a node is backed up, beside a plain copy of the same files.

    gongfu bench backup --json [--quick]

A stopped node in a temporary home with a telemetry store of random-walk readings, identifiers, a database and
incompressible uploads. ``full_mb_s``: the first backup into a folder on the same disk, octets of all files by seconds;
``ratio_to_copy``: that beside ``cp``-like copying of the same files with ``fsync``; ``increment_s``: a second backup
with nothing changed; ``restore_mb_s``: back into a new home, store built and bus started.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

from harness import Result, free_ports, result

from gongfu.data.backup import work
from gongfu.data.telemetry.schema import migrate
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.kernel.settings import Settings

MB = 1_000_000


def run(quick: bool) -> Result:
    """Measure; ``quick`` with a fifth of the octets."""
    started = time.perf_counter()
    base = Path(tempfile.mkdtemp(prefix="gongfu-bench-", dir=os.environ.get("GONGFU_BENCH_FOLDER") or None))
    try:
        settings = _node(base / "home", uploads=200 if quick else 1000, rows=4_000_000 if quick else 20_000_000)
        text = work.begin(settings, str(base / "backups"))
        seconds: dict[str, float] = {}
        seconds["copy"] = _copy(settings.home, base / "plain")
        shutil.rmtree(base / "plain")
        began = time.perf_counter()
        made = work.back_up(settings, str(base / "backups"), _quiet)
        seconds["full"] = time.perf_counter() - began
        time.sleep(6)  # files younger than that at the moment of the first one are read once more
        work.back_up(settings, str(base / "backups"), _quiet)
        began = time.perf_counter()
        again = work.back_up(settings, str(base / "backups"), _quiet)
        seconds["increment"] = time.perf_counter() - began
        began = time.perf_counter()
        work.restore(settings, str(base / "backups"), text, 0, base / "new", _quiet)
        seconds["restore"] = time.perf_counter() - began
        stored = sum(path.stat().st_size for path in (base / "backups").rglob("*") if path.is_file())
    finally:
        shutil.rmtree(base, ignore_errors=True)
    speed = made.octets / MB / seconds["full"]
    plain = made.octets / MB / seconds["copy"]
    metrics = {
        "full_mb_s": round(speed, 1),
        "ratio_to_copy": round(speed / plain, 3),
        "increment_s": round(seconds["increment"], 2),
        "increment_mb": round(again.added / MB, 3),
        "restore_mb_s": round(made.octets / MB / seconds["restore"], 1),
        "home_mb": round(made.octets / MB, 1),
        "stored_mb": round(stored / MB, 1),
    }
    return result("backup", metrics, {"copy_mb_s": round(plain, 1)}, started)


def _node(home: Path, *, uploads: int, rows: int) -> Settings:
    home.mkdir()
    ports = free_ports(3)
    settings = Settings(home=home, supervisor_port=ports[0], store_port=ports[1], bus_port=ports[2])
    engine = EmbeddedEngine(home / "telemetry")
    migrate(engine)
    for start in range(0, rows, 1_000_000):
        engine.execute(
            "INSERT INTO readings (org, series, ts, value, quality, arrived) SELECT 1, number % 100,"
            f" toDateTime64('2026-03-01 00:00:00', 6, 'UTC') + intDiv(number + {start}, 100) + rand() % 1000 / 1e6,"
            f" round(sin(number / 60000) * 40 + rand() % 100 / 100, 2), 0, now() FROM numbers({1_000_000})"
        )
    engine.close()
    database = sqlite3.connect(home / "db.sqlite3")
    database.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT)")
    database.execute("CREATE TABLE audit (id INTEGER PRIMARY KEY, text TEXT)")
    database.executemany("INSERT INTO audit (text) VALUES (?)", ((f"entry {n} " * 8,) for n in range(200_000)))
    database.commit()
    database.close()
    (home / "files").mkdir()
    for n in range(uploads // 20):
        (home / "files" / f"{n}.bin").write_bytes(secrets.token_bytes(20 * MB))
    return settings


def _copy(source: Path, target: Path) -> float:
    began = time.perf_counter()
    for path in source.rglob("*"):
        if path.is_file() and not path.is_symlink():
            copied = target / path.relative_to(source)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copied)
            with copied.open("rb") as file:
                os.fsync(file.fileno())
    return time.perf_counter() - began


def _quiet(*_: object) -> None:
    """Told of progress."""

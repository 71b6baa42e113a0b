"""Checks of ``gongfu doctor`` that need more than the kernel."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from gongfu.cli import database
from gongfu.kernel.doctor import Check, Finding, Level
from gongfu.kernel.i18n import PACKAGE, mark, translate
from gongfu.kernel.settings import Settings

VENDOR = PACKAGE / "console" / "static" / "vendor"
_SHOWN = ("gongfu", "django", "nats-py", "chdb", "clickhouse-connect", "lmdb", "asyncua", "pymodbus")


def libraries(_: Settings) -> Finding:
    """Versions worth naming when somebody asks for help."""
    name = mark("Libraries")
    versions, missing = [], []
    for package in _SHOWN:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        return Finding(
            name,
            Level.FAIL,
            ", ".join(missing),
            mark("The installation is not complete."),
            mark("Install the package again, or run make set-up in a checkout."),
        )
    return Finding(name, Level.OK, ", ".join(versions))


def front_end(_: Settings, folder: Path = VENDOR) -> Finding:
    """Style sheets and charts that the build fetched."""
    name = mark("Front end")
    if not any(folder.glob("*.css")) or not any(folder.glob("*.js")):
        return Finding(
            name,
            Level.FAIL,
            str(folder),
            mark("The console appears without style and charts."),
            mark(
                "Install the package again where the npm registry can be reached: uv sync --reinstall-package gongfu."
            ),
        )
    return Finding(name, Level.OK, str(folder))


def records(settings: Settings) -> Finding:
    """The database can be reached and is up to date."""
    name = mark("Database")
    shown = settings.database_url.rpartition("@")[2] or str(settings.home / "db.sqlite3")
    if not settings.database_url and not (settings.home / "db.sqlite3").exists():
        return Finding(name, Level.OK, translate(mark("not created yet")))
    try:
        pending = database.pending_migrations()
    except Exception as error:
        return Finding(
            name,
            Level.FAIL,
            f"{shown}: {type(error).__name__}",
            mark("The console cannot work."),
            mark("Correct GONGFU_DATABASE_URL, or start the database."),
        )
    if pending:
        return Finding(
            name,
            Level.WARN,
            f"{shown}: {', '.join(pending[:5])}",
            mark("The database is older than the program."),
            mark("Run gongfu migrate; gongfu up does it by itself."),
        )
    return Finding(name, Level.OK, shown)


CHECKS: tuple[Check, ...] = (libraries, front_end, records)

"""What lies in GONGFU_HOME as plain files: settings, secrets, uploads, and what each daemon noted for itself."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from gongfu.data.backup.collecting import PAGES, Collector
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark

PREFIX: Final = "files/"
NOTED: Final = ("gateway", "opcua", "simulator", "streams", "edge")
"""Folders in which daemons note what they have passed on: copied before whoever it was passed to."""
LEFT_OUT: Final = frozenset(
    {
        # other parts of the snapshot
        *("telemetry", "identity", "bus/jetstream", "db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm"),
        # made anew by the node, of no use elsewhere, or a node of its own
        *("log", "run", "static", "hierarchy", "up.out"),
    }
)
_SQLITE: Final = b"SQLite format 3\x00"


def noted(home: Path, outside: set[Path]) -> list[Path]:
    """Files of daemons, as above."""
    return [path for path in walk(home, outside) if path.relative_to(home).parts[0] in NOTED]


def others(home: Path, outside: set[Path]) -> list[Path]:
    """The rest."""
    return [path for path in walk(home, outside) if path.relative_to(home).parts[0] not in NOTED]


def walk(home: Path, outside: set[Path]) -> Iterator[Path]:
    """Every file but :data:`LEFT_OUT`, test databases and what is in ``outside``."""
    for folder, folders, files in os.walk(home):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if _counts(home, here / name, outside))
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*files, *links]):
            if _counts(home, here / name, outside):
                yield here / name


def copy(collector: Collector, home: Path, paths: list[Path], staging: Path) -> None:
    """Add ``paths``; a SQLite database among them as one moment of it."""
    for path in paths:
        name = PREFIX + path.relative_to(home).as_posix()
        if path.name.endswith(("-wal", "-shm", "-journal")) and _is_sqlite(
            path.with_name(path.name.rpartition("-")[0])
        ):
            continue
        if _is_sqlite(path):
            with closing(_connect(path)) as source:
                copy_sqlite(source, staging / "copy.sqlite3")
            collector.add(staging / "copy.sqlite3", name, piece=PAGES)
            (staging / "copy.sqlite3").unlink(missing_ok=True)
        else:
            collector.add(path, name)


def copy_sqlite(source: sqlite3.Connection, target: Path) -> None:
    """A whole copy of what ``source`` sees, by SQLite's own online backup; raises :class:`Unavailable`."""
    target.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(target)) as copied:
            source.backup(copied, pages=4096)
            copied.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise Unavailable(
            mark("The database cannot be copied: {reason}."),
            remedy=mark("Check that the disk has room for a second copy of it."),
            reason=error,
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=20, isolation_level=None)


def _is_sqlite(path: Path) -> bool:
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _counts(home: Path, path: Path, outside: set[Path]) -> bool:
    name = path.relative_to(home).as_posix()
    return name not in LEFT_OUT and not name.startswith((".doctor.", "test.sqlite3")) and path not in outside

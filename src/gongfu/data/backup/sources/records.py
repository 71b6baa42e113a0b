"""People's records in SQLite: one moment of it, held while the rest of the moment is fixed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gongfu.data.backup.collecting import PAGES, Collector
from gongfu.data.backup.sources.files import copy_sqlite
from gongfu.data.backup.wire import RecordsCopy
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark

NAME: Final = "records/db.sqlite3"
_PATIENCE: Final = 30.0


class Records:
    """A database of which one moment is seen until :meth:`close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = self._lock = None
        if path.exists():
            self._reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._reader.execute("PRAGMA busy_timeout = 30000")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The moment is fixed, and nobody writes while the block runs. Raises :class:`Unavailable`."""
        if self._reader is None:
            yield
            return
        lock = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
        try:
            lock.execute("BEGIN IMMEDIATE")
            self._reader.execute("BEGIN")
            self._reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield
        except sqlite3.Error as error:
            raise Unavailable(
                mark("The database is busy: {reason}."),
                remedy=mark("Back up again when less is going on."),
                reason=error,
            ) from error
        finally:
            lock.close()  # nothing was written: this only lets others go on

    def copy(self, collector: Collector, staging: Path) -> RecordsCopy | None:
        """Add it."""
        if self._reader is None:
            return None
        collector.expect("records", self._path.stat().st_size)
        copy_sqlite(self._reader, staging / "db.sqlite3")
        collector.add(staging / "db.sqlite3", NAME, piece=PAGES)
        (staging / "db.sqlite3").unlink()
        try:
            migrations = self._reader.execute("SELECT app, name FROM django_migrations ORDER BY id").fetchall()
        except sqlite3.Error:
            migrations = []
        return RecordsCopy("sqlite", migrations)

    def close(self) -> None:
        """Let go of the moment."""
        if self._reader is not None:
            self._reader.close()


def check(path: Path) -> None:
    """Raise :class:`Unavailable` unless the restored database is whole."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            answer = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        answer = str(error)
    if answer != "ok":
        raise Unavailable(
            mark("The restored database is not whole: {reason}."),
            remedy=mark("Restore another snapshot."),
            reason=answer,
        )

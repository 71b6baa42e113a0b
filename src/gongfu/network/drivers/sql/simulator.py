"""A database of another system, in small: a SQLite file with a table that grows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class SqlSimulator:
    """``with SqlSimulator(path, "readings", "id INTEGER, t TEXT, v REAL") as table: table.add([(1, "…", 2.5)])``."""

    def __init__(self, path: Path, table: str, columns: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        self._table = table

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        """More rows, in one transaction."""
        rows = list(rows)
        places = ", ".join("?" * len(rows[0]))
        self._connection.execute("BEGIN")
        self._connection.executemany(f"INSERT INTO {self._table} VALUES ({places})", rows)  # noqa: S608
        self._connection.execute("COMMIT")

    def run(self, statement: str) -> None:
        """Anything else, such as another column."""
        self._connection.execute(statement)

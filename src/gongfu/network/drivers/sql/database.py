"""The other system's database, read in a thread. Methods block and may raise ``SQLAlchemyError`` or ``OSError``."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import time
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from gongfu.network.drivers.contract import Point
from gongfu.network.drivers.rows import Cell
from gongfu.network.drivers.sql.options import Options
from gongfu.network.drivers.sql.progress import Key

LEAST_CONNECTING = 2.0
"""Seconds that libpq takes at least before it gives a connection up."""
_NO_FILE = f"{os.devnull}/none"
"""A file that cannot be: libpq would look for a password in the home of whoever runs the gateway."""
_MOST = 2000
"""Tables or columns that are shown."""


class Rows(msgspec.Struct, frozen=True):
    """Names of the columns, and the rows."""

    columns: list[str]
    rows: list[Sequence[Cell]]


class Database:
    """One connection, opened when it is needed, in transactions that can only read."""

    def __init__(self, options: Options, url: URL, file: Path | None) -> None:
        self._options = options
        self._engine = _engine(options, url, file)
        self._connection: Connection | None = None
        self._deadline = 0.0

    def rows(self, begin: Key | None, limit: int, *, newest: bool = False) -> Rows:
        """At most ``limit`` rows, from ``begin`` of the growing column on, in its order; ``newest``: the last ones."""
        found = self._execute(self._statement(begin, limit, newest))
        return Rows(found.columns, found.rows[::-1]) if newest and self._options.after else found

    def last(self) -> Key | None:
        """The greatest value of the growing column; None in an empty table."""
        source = self._source()
        statement = sa.select(sa.func.max(source.c[self._options.after])).select_from(source)
        ((value,),) = self._execute(statement).rows
        return value  # type: ignore[return-value]

    def about(self) -> tuple[str, str, str]:
        """Name of the product, its version, name of the database."""
        connection = self._open()
        version = getattr(connection.dialect, "server_version_info", None) or ()
        if connection.dialect.name == "sqlite":
            version = sqlite3.sqlite_version_info
        connection.rollback()
        return connection.dialect.name, ".".join(map(str, version)), str(self._engine.url.database or "")

    def browse(self, parent: str) -> list[Point]:
        """The tables and views; in one of them, its columns."""
        connection = self._open()
        try:
            inspector = sa.inspect(connection)
            if not parent:
                names = [*inspector.get_table_names(), *inspector.get_view_names()]
                return [Point(address=name, name=name, folder=True) for name in sorted(names)[:_MOST]]
            schema, _, name = parent.rpartition(".")
            if not inspector.has_table(name, schema or None):
                return []
            return [
                Point(
                    address=str(column["name"]),
                    name=str(column["name"]),
                    kind=_kind(column["type"]),
                    detail=" ".join(filter(None, (str(column["type"]), column.get("comment")))),
                )
                for column in inspector.get_columns(name, schema or None)[:_MOST]
            ]
        finally:
            connection.rollback()

    def close(self) -> None:
        """Close; the next question opens again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(SQLAlchemyError, OSError):
                connection.close()

    def abort(self) -> None:
        """From another thread: end what hangs, by cutting the line under it."""
        connection = self._connection
        with contextlib.suppress(SQLAlchemyError, OSError, AttributeError, ValueError, sqlite3.Error):
            raw = connection.connection.dbapi_connection if connection is not None else None
            if isinstance(raw, sqlite3.Connection):
                raw.interrupt()
            elif raw is not None:
                line = raw.fileno() if hasattr(raw, "fileno") else raw._sock.fileno()
                with socket.socket(fileno=os.dup(line)) as copy:
                    copy.shutdown(socket.SHUT_RDWR)

    def _execute(self, statement: sa.Select[tuple[Cell, ...]]) -> Rows:
        connection = self._open()
        try:
            result = connection.execute(statement)
            rows: list[Sequence[Cell]] = [tuple(row) for row in result.fetchall()]  # type: ignore[arg-type]
            return Rows([str(name) for name in result.keys()], rows)  # noqa: SIM118 - no dictionary
        finally:
            connection.rollback()

    def _open(self) -> Connection:
        self._deadline = time.monotonic() + self._options.timeout
        if self._connection is not None and not self._connection.invalidated:
            return self._connection
        self.close()
        connection = self._engine.connect()
        raw = connection.connection.dbapi_connection
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
            connection.commit()
        elif isinstance(raw, sqlite3.Connection):
            raw.execute("PRAGMA query_only = ON")
            raw.set_authorizer(_may)
            raw.set_progress_handler(lambda: time.monotonic() > self._deadline, 10_000)
        self._connection = connection
        return connection

    def _statement(self, begin: Key | None, limit: int, newest: bool) -> sa.Select[tuple[Cell, ...]]:
        source = self._source()
        statement: sa.Select[tuple[Cell, ...]] = sa.select(sa.literal_column("*")).select_from(source)
        if self._options.after:
            column = source.c[self._options.after]
            statement = statement.where(column.is_not(None)).order_by(column.desc() if newest else column)
            if begin is not None:
                statement = statement.where(column >= sa.bindparam("begin", begin, type_=_type(begin)))
        return statement.limit(limit)

    def _source(self) -> sa.FromClause:
        options = self._options
        after: list[sa.ColumnClause[Cell]] = [sa.column(options.after)] if options.after else []
        if options.table:
            schema, _, name = options.table.rpartition(".")
            return sa.table(name, *after, schema=schema or None)
        # A colon would begin a parameter.
        return sa.text(options.query.replace(":", r"\:")).columns(*after).subquery("gongfu_rows")


def _engine(options: Options, url: URL, file: Path | None) -> Engine:
    seconds = options.timeout
    if file is not None:
        place = f"file:{quote(str(file))}?mode=ro"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(place, uri=True, timeout=seconds, check_same_thread=False)

        return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)
    if url.drivername.startswith("postgresql"):
        milliseconds = round(seconds * 1000)
        arguments: dict[str, object] = {
            "connect_timeout": max(round(LEAST_CONNECTING), round(seconds)),
            "options": f"-c default_transaction_read_only=on -c statement_timeout={milliseconds}",
            "sslmode": {"off": "disable"}.get(options.tls, options.tls),
            "tcp_user_timeout": milliseconds,
            "passfile": _NO_FILE,
            "application_name": "gongfu",
        }
    else:
        arguments = {"connect_timeout": max(1, round(seconds)), "read_timeout": seconds, "write_timeout": seconds}
        if options.tls == "require":
            arguments["ssl"] = {"check_hostname": False}
        elif options.tls == "off":
            arguments["ssl_disabled"] = True
    return sa.create_engine(url, connect_args=arguments, poolclass=NullPool)


_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_LOOKS = {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}


def _may(action: int, first: str | None, *_: str | None) -> int:
    """SQLite asks for each thing that a statement does: no other file may be attached, nothing changed."""
    fine = action in _READS or action == sqlite3.SQLITE_TRANSACTION
    fine = fine or (action == sqlite3.SQLITE_PRAGMA and first in _LOOKS)
    return sqlite3.SQLITE_OK if fine else sqlite3.SQLITE_DENY


def _type(key: Key) -> sa.types.TypeEngine[object]:
    found: object
    match key:
        case int():
            found = sa.BigInteger()
        case float():
            found = sa.Double()
        case Decimal():
            found = sa.Numeric()
        case datetime():
            found = sa.DateTime(timezone=key.tzinfo is not None)
        case date():
            found = sa.Date()
        case _:
            found = sa.String()
    return found  # type: ignore[return-value]


def _kind(kind: sa.types.TypeEngine[object]) -> str:
    try:
        python = kind.python_type
    except NotImplementedError:
        return "text"
    if python is bool:
        return "boolean"
    return "number" if issubclass(python, int | float | Decimal) else "text"

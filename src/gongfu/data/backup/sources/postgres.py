"""People's records in PostgreSQL: one REPEATABLE READ moment of every table, and back into an empty database.

Each table is one file: a line of JSON (its columns), then PostgreSQL's own text form of COPY, in the order of its
primary key, so that what did not change is the same octets again. Generated columns are left out.
Source: https://www.postgresql.org/docs/current/sql-copy.html
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from gongfu.data.backup.collecting import PAGES, Collector
from gongfu.data.backup.wire import RecordsCopy
from gongfu.kernel.errors import Conflict, Unavailable
from gongfu.kernel.i18n import mark

ENGINE: Final = "postgresql"
PREFIX: Final = "records/postgresql/"
_PATIENCE_MS: Final = 30_000
_ATTEMPTS: Final = 3
_MIGRATE: Final = "from gongfu.data.backup.sources.migrating import main; main()"
_TABLES: Final = (
    "SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace"
    " AND c.relkind = 'r' ORDER BY c.relname"
)
_COLUMNS: Final = (
    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    " AND attgenerated = '' ORDER BY attnum"
)
_KEY: Final = (
    "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
    " WHERE i.indrelid = %s::regclass AND i.indisprimary ORDER BY array_position(i.indkey::int[], a.attnum::int)"
)
_SEQUENCES: Final = (
    "SELECT sequencename, coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = current_schema()"
    " ORDER BY sequencename"
)


class PostgresRecords:
    """A database of which one moment is seen until :meth:`close`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._reader: psycopg.Connection | None = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The moment is fixed, and nobody writes while the block runs. Raises :class:`Unavailable`."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with contextlib.ExitStack() as stack:
                    lock = stack.enter_context(psycopg.connect(self._url))
                    lock.execute(sql.SQL("SET lock_timeout = {}").format(_PATIENCE_MS))
                    if names := _names(lock):
                        lock.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(_listed(names)))
                    self._reader = psycopg.connect(self._url)
                    self._reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                    self._reader.read_only = True
                    self._reader.execute("SELECT count(*) FROM pg_class")  # the snapshot begins with the first question
                    yield
                    lock.rollback()
                return
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                self.close()
                if attempt == _ATTEMPTS:
                    raise _busy(error) from error
            except psycopg.Error as error:
                raise _busy(error) from error

    def copy(self, collector: Collector, staging: Path) -> RecordsCopy | None:
        """Add every table."""
        del staging
        if self._reader is None:
            return None
        try:
            sizes = self._reader.execute(
                "SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class"
                " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
            ).fetchone()
            collector.expect("records", int(sizes[0]) if sizes else 0)
            names = _names(self._reader)
            for name in names:
                collector.add_pieces(_pieces(self._reader, name), f"{PREFIX}{name}")
            # Sequences are of no moment: read last, each is at least where the rows of the moment need it.
            sequences = [(str(name), int(last)) for name, last in self._reader.execute(_SEQUENCES).fetchall()]
            migrations: list[tuple[str, str]] = []
            if "django_migrations" in names:
                found = self._reader.execute("SELECT app, name FROM django_migrations ORDER BY id").fetchall()
                migrations = [(str(app), str(name)) for app, name in found]
        except psycopg.Error as error:
            raise _busy(error) from error
        return RecordsCopy(ENGINE, migrations, names, sequences)

    def close(self) -> None:
        """Let go of the moment."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def restore(url: str, copied: RecordsCopy, folder: Path, home: Path, environment: dict[str, str]) -> list[str]:
    """Fill the empty database at ``url`` from the files in ``folder``; ``home`` is where the node is being restored.

    Returns the tables that were left out: those that the program does not make, somebody else's. All rows come in one
    transaction; interrupted, it begins anew when called again for the same ``home``. Raises :class:`Conflict` for a
    database in which something stands, :class:`Unavailable`.
    """
    begun = home / ".database"
    try:
        with psycopg.connect(url) as database:
            identity = _identity(database)
            ours = begun.exists() and begun.read_text() == identity
            there = _names(database)
            if there and not ours:
                raise Conflict(
                    mark("The database {name} is not empty: the records of this snapshot need an empty one."),
                    remedy=mark("Make a new database and name it: GONGFU_DATABASE_URL=postgresql://…"),
                    name=database.info.dbname,
                )
            begun.write_text(identity)
            for name in there:  # what an attempt before left, in a database that was empty then
                database.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(name)))
            database.execute("DROP FUNCTION IF EXISTS audit_refuse() CASCADE")
        _migrate(copied, environment)
        with psycopg.connect(url) as database:
            return _fill(database, copied, folder)
    except psycopg.Error as error:
        raise Unavailable(
            mark("The records cannot be restored into the database: {reason}."),
            remedy=mark("Correct that and restore again: it goes on where it was."),
            reason=str(error).strip()[:300],
        ) from error


def finish(home: Path) -> None:
    """The note of an attempt is no longer needed."""
    (home / ".database").unlink(missing_ok=True)


def _migrate(copied: RecordsCopy, environment: dict[str, str]) -> None:
    """Make the tables as they were: every app at the migration that the snapshot names."""
    done = subprocess.run(
        [sys.executable, "-c", _MIGRATE],
        input=msgspec.json.encode(copied.migrations),
        env=environment,
        capture_output=True,
        check=False,
        timeout=900,
    )
    if done.returncode != 0:
        raise Unavailable(
            mark("The tables of the records cannot be made: {reason}."),
            remedy=mark("Use the version of the program that took the snapshot, or a newer one."),
            reason=done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:300],
        )


def _fill(database: psycopg.Connection, copied: RecordsCopy, folder: Path) -> list[str]:
    database.execute("SET CONSTRAINTS ALL DEFERRED")
    made = set(_names(database))
    tables = [name for name in copied.tables if name in made]
    for name in tables:
        if database.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(name))).fetchone():
            database.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(name)))  # what migrations put in
    for name in tables:
        with (folder / name).open("rb") as file:
            columns = msgspec.json.decode(file.readline(), type=list[str])
            target = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(name), _listed(columns))
            with database.cursor().copy(target) as copying:
                while piece := file.read(PAGES):
                    copying.write(piece)
    numbered = {str(row[0]) for row in database.execute(_SEQUENCES).fetchall()}
    for name, last in copied.sequences:
        if last and name in numbered:
            database.execute("SELECT setval(%s::regclass, %s)", (sql.Identifier(name).as_string(), last))
    return [name for name in copied.tables if name not in made]


def _pieces(database: psycopg.Connection, name: str) -> Iterator[bytes]:
    quoted = sql.Identifier(name)
    regclass = (quoted.as_string(),)
    columns = [str(row[0]) for row in database.execute(_COLUMNS, regclass).fetchall()]
    key = [str(row[0]) for row in database.execute(_KEY, regclass).fetchall()]
    ordered = sql.SQL(" ORDER BY {}").format(_listed(key)) if key else sql.SQL("")
    chosen = sql.SQL("COPY (SELECT {} FROM {}{}) TO STDOUT").format(_listed(columns), quoted, ordered)
    gathered = bytearray(msgspec.json.encode(columns) + b"\n")
    with database.cursor().copy(chosen) as copying:
        for part in copying:
            gathered += part
            while len(gathered) >= PAGES:
                yield bytes(gathered[:PAGES])
                del gathered[:PAGES]
    if gathered:
        yield bytes(gathered)


def _names(database: psycopg.Connection) -> list[str]:
    return [str(row[0]) for row in database.execute(_TABLES).fetchall()]


def _identity(database: psycopg.Connection) -> str:
    row = database.execute(
        "SELECT concat_ws(' ', oid::text, datname, current_schema()) FROM pg_database"
        " WHERE datname = current_database()"
    ).fetchone()
    return str(row[0]) if row else ""


def _listed(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _busy(error: psycopg.Error) -> Unavailable:
    return Unavailable(
        mark("The database cannot be copied now: {reason}."),
        remedy=mark("See that it runs and answers, and back up again when less is going on."),
        reason=str(error).strip()[:300],
    )

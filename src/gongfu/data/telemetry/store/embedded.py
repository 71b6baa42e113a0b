"""The embedded engine: ClickHouse inside this process (chDB), one process per database."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import chdb

from gongfu.data.telemetry.schema import DATABASE, Table
from gongfu.data.telemetry.store.engine import StoreFailure
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark

_CODE = re.compile(r"Code: (\d+)\.")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_IDENTITY = re.compile(r"[A-Za-z0-9-]{1,80}\Z")

_OPEN: Final[Callable[[str], Any]] = chdb.connect

# Started with: what the whole process may hold. Caches and pools of a server are too large for a laptop.
_OPTIONS: Final = {
    "max_server_memory_usage": 900_000_000,
    "mark_cache_size": 64_000_000,
    "uncompressed_cache_size": 0,
    "background_pool_size": 2,
    "background_schedule_pool_size": 4,
    "background_move_pool_size": 1,
    "background_fetches_pool_size": 1,
    "background_common_pool_size": 2,
    "background_buffer_flush_schedule_pool_size": 1,
    "background_distributed_schedule_pool_size": 1,
    "background_message_broker_schedule_pool_size": 1,
    "max_thread_pool_free_size": 8,
}
# Of the connection that writes. Bad clocks spread one batch over many months: any number of partitions is accepted.
_WRITER: Final[dict[str, str | int]] = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 0,
    "date_time_input_format": "best_effort",
}
# Of work that may wait: it takes one thread of those that readers have.
BACKGROUND: Final[dict[str, str | int]] = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_memory_usage": 500_000_000,
    "max_bytes_before_external_group_by": 250_000_000,
    "max_bytes_before_external_sort": 250_000_000,
    "max_partitions_per_insert_block": 0,
    "do_not_merge_across_partitions_select_final": 1,
    "function_range_max_elements_in_block": 1_000_000_000,
    "mutations_sync": 2,
}


def _marked(identity: str) -> str:
    if not _IDENTITY.match(identity):
        raise StoreFailure(mark("{name} cannot name a query."), number=36, name=identity[:100])
    return f"/* gongfu:{identity} */"


def literal(value: str) -> str:
    """``value`` as a quoted SQL string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def failure(error: Exception) -> StoreFailure:
    """The engine's ``error`` with its number."""
    text = str(error)
    found = _CODE.search(text)
    return StoreFailure(
        mark("The telemetry store failed: {reason}"),
        remedy=mark("See the log of the recorder; free disk space if it is full."),
        number=int(found[1]) if found else 0,
        reason=text,
    )


class EmbeddedEngine:
    """One database directory. Writes share one connection; every other call has its own, so no setting outlives it."""

    def __init__(self, folder: Path) -> None:
        """Open ``folder``, made if absent; raises :class:`Conflict` when another process has it open."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _lock(folder)
        self.path = folder / "engine"
        """Where the engine keeps its files."""
        options = "&".join(f"{name}={value}" for name, value in _OPTIONS.items())
        self._address = f"{folder}/engine?{options}"
        self._writing = threading.Lock()
        try:
            self._writer = _connect(self._address)
            _query(self._writer, f"CREATE DATABASE IF NOT EXISTS `{DATABASE}`")
            _query(self._writer, f"USE `{DATABASE}`")
            _query(self._writer, _set(_WRITER))
        except StoreFailure:
            os.close(self._lock)
            raise

    def insert(self, table: Table, block: bytes) -> None:
        """See :class:`Engine`."""
        columns = ", ".join(f"`{column.name}`" for column in table.columns)
        self.insert_raw(f"INSERT INTO `{table.name}` ({columns})", "Native", block)

    def insert_raw(self, statement: str, data_format: str, data: bytes) -> None:
        """Insert ``data`` in any input format; ``statement`` is the INSERT without FORMAT."""
        # chDB's send_insert reports success when the disk is full (4.4.0); INSERT FROM INFILE raises, as it should.
        with self._writing, _readable(data) as path:
            _query(self._writer, f"{statement} FROM INFILE {literal(path)} FORMAT {data_format}")

    def execute(self, sql: str) -> None:
        """See :class:`Engine`."""
        with self._writing:
            _query(self._writer, sql)

    def together(self, statements: Iterable[str]) -> None:
        """Run ``statements`` with no insert between them."""
        with self._writing:
            for sql in statements:
                _query(self._writer, sql)

    def scalar(self, sql: str) -> str:
        """See :class:`Engine`."""
        with self._writing:
            return _query(self._writer, sql).decode().split("\n", 1)[0].split("\t", 1)[0]

    def partition_state(self, table: Table, partition: str) -> str:
        """What changes with every insertion into ``partition`` and every mutation of it; merges leave it."""
        return self.query(_state(table, partition), "TSVRaw").decode().strip()

    def drop_partition(self, table: Table, partition: str, state: str) -> bool:
        """Drop ``partition`` unless it has changed since its ``state`` was asked; whether it was dropped."""
        with self._writing:
            if _query(self._writer, _state(table, partition)).decode().strip() != state:
                return False
            _query(self._writer, f"ALTER TABLE `{table.name}` DROP PARTITION {literal(partition)}")
            return True

    def background(self, sql: str) -> str:
        """See :class:`Engine`."""
        return self.query(sql, "TSVRaw", settings=BACKGROUND).decode().split("\n", 1)[0].split("\t", 1)[0]

    def query(
        self,
        sql: str,
        output_format: str,
        *,
        database: str = DATABASE,
        settings: Mapping[str, str | int] | None = None,
        parameters: Mapping[str, str] | None = None,
        identity: str = "",
    ) -> bytes:
        """Run ``sql`` on a connection of its own under ``settings``; the whole result in ``output_format``.

        ``readonly`` is applied last, so that nothing in ``sql`` can undo the other settings. ``identity`` (letters,
        digits, dashes) names the run for :meth:`cancel`.
        """
        if identity:
            sql = f"{_marked(identity)} {sql}"
        connection = _connect(self._address)
        try:
            _query(connection, f"USE `{database.replace('`', '')}`")
            if settings:
                _query(connection, _set(settings))
            return _query(connection, sql, output_format, dict(parameters or {}))
        finally:
            connection.close()

    def cancel(self, identity: str) -> None:
        """Stop the query that runs under ``identity``, if one does."""
        self.query(f"KILL QUERY WHERE startsWith(query, {literal(_marked(identity))}) ASYNC", "Null")

    def close(self) -> None:
        """See :class:`Engine`."""
        with self._writing:
            self._writer.close()
            os.close(self._lock)


def _state(table: Table, partition: str) -> str:
    return (
        "SELECT max(max_block_number), max(data_version) FROM system.parts WHERE active"  # noqa: S608 - names of ours
        f" AND database = currentDatabase() AND table = {literal(table.name)} AND partition = {literal(partition)}"
    )


def _connect(address: str) -> Any:
    try:
        return _OPEN(address)
    except (chdb.ChdbError, RuntimeError) as error:
        raise failure(error) from error


@contextlib.contextmanager
def _readable(data: bytes) -> Iterator[str]:
    """A path under which the engine reads ``data``: memory where the system has files in memory."""
    if sys.platform != "linux":
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            yield file.name
        return
    handle = os.memfd_create("insert")
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _set(settings: Mapping[str, str | int]) -> str:
    for name in settings:
        if not _NAME.match(name):
            raise StoreFailure(mark("{name} is not the name of a setting."), number=115, name=name)
    ordered = sorted(settings.items(), key=lambda item: item[0] == "readonly")
    return "SET " + ", ".join(f"{name} = {literal(str(value))}" for name, value in ordered)


def _query(connection: Any, sql: str, output_format: str = "TSV", parameters: dict[str, str] | None = None) -> bytes:
    try:
        result = connection.query(sql, output_format, params=parameters or {})
        return bytes(result.bytes() or b"")
    except (chdb.ChdbError, RuntimeError) as error:
        raise failure(error) from error


def _lock(folder: Path) -> int:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(handle, 20).decode(errors="replace").strip()
        os.close(handle)
        raise Conflict(
            mark("The telemetry store in {folder} is open in process {holder}."),
            remedy=mark("Stop that process, or use another GONGFU_HOME."),
            folder=folder,
            holder=holder or "?",
        ) from error
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle

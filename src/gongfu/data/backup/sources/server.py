"""A telemetry store on a ClickHouse server: each month of each table asked for as Parquet, and inserted again.

A server has no hard links for us, so it is asked: one question for each partition of a table, in the order of its key.
Partitions whose parts are those of the snapshot before are not asked again. What is asked at different times fits
together because every row names an observation: what roll-ups lack is computed again after a restoration.
"""
# ruff: noqa: S608 - the parts put together here are names of ours and numbers

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, cast
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from gongfu.data.backup.collecting import Collector
from gongfu.data.backup.wire import LARGEST, TableCopy
from gongfu.data.telemetry import schema
from gongfu.data.telemetry.schema import DATABASE
from gongfu.data.telemetry.store import freezing
from gongfu.data.telemetry.store.embedded import EmbeddedEngine, literal
from gongfu.data.telemetry.store.remote import RemoteEngine
from gongfu.kernel.errors import Conflict, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.tables import Table

PREFIX: Final = "server/"
_LAST: Final = ("dirty", "latest")
"""Tables that are asked last: what they say of others must not be older than those."""
_LEFT_OUT: Final = ("identifiers", "readings_cold", "texts_cold", "arrays_cold")
"""An index that is made anew from the identifiers, and what is always empty on a server."""
_SLACK_S: Final = 600
_SETTINGS: Final = {"output_format_parquet_row_group_size": 100_000, "max_execution_time": 3600}


def tables() -> list[Table]:
    """Every table of rows, roll-ups before what they are made of."""
    found = [table for table in schema.TABLES if table.name not in _LEFT_OUT]
    order = {"rollups": 0, "durations": 0}
    return sorted(found, key=lambda table: 2 if table.name in _LAST else order.get(table.name, 1))


def copy(url: str, collector: Collector) -> list[TableCopy]:
    """Add what the server at ``url`` holds; raises :class:`Unavailable`."""
    with _connected(url) as server:
        return [_copy_table(server, collector, table) for table in tables()]


def _copy_table(server: Client, collector: Collector, table: Table) -> TableCopy:
    columns = ", ".join(f"`{column.name}`" for column in table.columns)
    states = _states(server, table)
    collector.expect("store", sum(size for size, _ in states.values()))
    kept: list[str] = []
    for partition, (size, state) in states.items():
        name = f"{PREFIX}{table.name}/{partition}.parquet"
        kept.append(Path(name).name)
        if collector.keep(name, state, size):
            continue
        question = (
            f"SELECT {columns} FROM `{table.name}` FINAL WHERE _partition_id = {literal(partition)}"
            f" ORDER BY {', '.join(table.key)}"
        )
        collector.add_pieces(_pieces(server, question), name, state=state)
    return TableCopy(table.name, columns, kept)


def _states(server: Client, table: Table) -> dict[str, tuple[int, int]]:
    """Id of a partition → octets and a number that differs when its parts do; 0 for a distributed table's."""
    rows = server.query(
        "SELECT partition_id, sum(bytes_on_disk), toString(groupBitXor(cityHash64(name, rows, hash_of_all_files)))"
        " FROM system.parts WHERE active AND database = currentDatabase()"
        f" AND table = {literal(table.name)} GROUP BY partition_id ORDER BY partition_id"
    ).result_rows
    if rows:
        return {str(partition): (int(size), _number(str(state))) for partition, size, state in rows}
    found = server.query(f"SELECT _partition_id AS p, count() FROM `{table.name}` GROUP BY p ORDER BY p").result_rows
    return {str(partition): (0, 0) for partition, count in found if count}


def _number(state: str) -> int:
    return int.from_bytes(hashlib.sha256(state.encode()).digest()[:7]) | 1


def _pieces(server: Client, question: str) -> Iterator[bytes]:
    gathered = bytearray()
    with _translated(), contextlib.ExitStack() as stack:
        answer = cast("IO[bytes]", server.raw_stream(question, fmt="Parquet", settings=dict(_SETTINGS)))
        stack.callback(answer.close)
        while part := answer.read(1 << 20):
            gathered += part
            while len(gathered) >= LARGEST:
                yield bytes(gathered[:LARGEST])
                del gathered[:LARGEST]
    if gathered:
        yield bytes(gathered)


def restore(url: str, copied: list[TableCopy], folder: Path, home: Path, moment: int) -> None:
    """Insert the files in ``folder`` into the server at ``url``, or without one into the store of ``home``.

    ``moment`` (nanoseconds) is when the snapshot began. Raises :class:`Conflict` for a store with rows in it,
    :class:`Unavailable`. Called again after an interruption, it inserts again: the same row counts once.
    """
    if not url:
        _restore_embedded(copied, folder, home, moment)
        return
    engine = RemoteEngine(url)
    try:
        schema.migrate(engine)
        begun = home / ".server"
        if not begun.exists():
            for one in copied:
                if engine.scalar(f"SELECT count() FROM `{one.name}`") != "0":
                    raise Conflict(
                        mark("The store {name} is not empty: the readings of this snapshot need an empty one."),
                        remedy=mark("Name another database: GONGFU_STORE_URL=http://user:password@host:8123/database"),
                        name=urlsplit(url).path.strip("/") or DATABASE,
                    )
            begun.touch()
        with _connected(url) as server:
            for one, path in _files(copied, folder):
                with _translated(), path.open("rb") as file:
                    names = [name.strip("` ") for name in one.statement.split(",")]
                    server.raw_insert(one.name, names, file, fmt="Parquet")
        for statement in freezing.rolled_again(moment // 1_000_000_000 - _SLACK_S):
            engine.execute(statement)
    finally:
        engine.close()


def finish(home: Path) -> None:
    """The note of an attempt is no longer needed."""
    (home / ".server").unlink(missing_ok=True)


def _restore_embedded(copied: list[TableCopy], folder: Path, home: Path, moment: int) -> None:
    engine = EmbeddedEngine(home / "telemetry")
    try:
        schema.migrate(engine)
        for one, path in _files(copied, folder):
            engine.execute(
                f"INSERT INTO `{one.name}` ({one.statement}) SELECT {one.statement}"
                f" FROM file({literal(str(path))}, 'Parquet')"
            )
        for statement in freezing.rolled_again(moment // 1_000_000_000 - _SLACK_S):
            engine.execute(statement)
    finally:
        engine.close()


def _files(copied: list[TableCopy], folder: Path) -> Iterator[tuple[TableCopy, Path]]:
    for one in copied:
        for part in one.parts:
            path = folder / one.name / part
            if path.stat().st_size:
                yield one, path


@contextlib.contextmanager
def _connected(url: str) -> Iterator[Client]:
    parts = urlsplit(url)
    with _translated():
        server = clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname or "localhost",
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            username=parts.username or "default",
            password=parts.password or "",
            database=parts.path.strip("/") or DATABASE,
            autogenerate_session_id=False,
            send_receive_timeout=3600,
        )
        try:
            yield server
        finally:
            server.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise Unavailable(
            mark("The store at store_url cannot be copied: {reason}."),
            remedy=mark("Check that the server runs and that this user may read and write its database."),
            reason=str(error)[:300],
        ) from error

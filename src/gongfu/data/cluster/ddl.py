"""The telemetry store on a ClickHouse cluster: replicated tables and what distributes over them. Pure.

Made from the statements of :mod:`gongfu.data.telemetry.schema`, so that a table or column added there is here as well.
Each table becomes two: ``<name>_local`` on every server, replicated within its shard, and ``<name>``, which spreads
rows over the shards. All rows of one key fall into one shard, else the later version could not win over the earlier.
Source: https://clickhouse.com/docs/en/engines/table-engines/mergetree-family/replication and …/special/distributed
"""

from __future__ import annotations

import re
from typing import Final

from gongfu.data.telemetry import schema
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.tables import Table

LOCAL: Final = "_local"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_HEAD: Final = re.compile(r"\ACREATE TABLE IF NOT EXISTS `(\w+)` ")
_ENGINE: Final = re.compile(r" ENGINE = ReplacingMergeTree\(([^)]*)\)")
PROFILE: Final = {
    "insert_quorum": "'auto'",
    "distributed_foreground_insert": "1",
    "max_partitions_per_insert_block": "0",
}
"""Of the user who writes: an insert has returned when most replicas of its shard have it on disk."""


def tables() -> list[Table]:
    """Every table that the schema defines, in its order."""
    return [value for value in vars(schema).values() if isinstance(value, Table)]


def statements(cluster: str, database: str = schema.DATABASE) -> list[str]:
    """Everything to run once, on any server of ``cluster``; raises :class:`Invalid` for a name that needs quoting."""
    for name in (cluster, database):
        if not _NAME.fullmatch(name):
            raise Invalid(
                mark("{name} cannot be the name of a cluster or database."),
                remedy=mark("Use letters, digits and underscores."),
                name=repr(name),
            )
    profile = ", ".join(f"{name} = {value}" for name, value in PROFILE.items())
    return [
        f"CREATE DATABASE IF NOT EXISTS `{database}` ON CLUSTER `{cluster}`",
        *(
            sql
            for table in tables()
            for sql in (local(table, cluster, database), distributed(table, cluster, database))
        ),
        f"CREATE SETTINGS PROFILE IF NOT EXISTS gongfu_writer ON CLUSTER `{cluster}` SETTINGS {profile}",
    ]


def local(table: Table, cluster: str, database: str) -> str:
    """The part of ``table`` that lies on one server; ``{shard}`` and ``{replica}`` are macros of each server."""
    named = _HEAD.sub(rf"CREATE TABLE IF NOT EXISTS `{database}`.`\1{LOCAL}` ON CLUSTER `{cluster}` ", table.ddl())

    def engine(found: re.Match[str]) -> str:
        path = f"'/clickhouse/tables/{{shard}}/{database}/{table.name}', '{{replica}}'"
        return f" ENGINE = ReplicatedReplacingMergeTree({', '.join(filter(None, (path, found[1])))})"

    return _ENGINE.sub(engine, named)


def distributed(table: Table, cluster: str, database: str) -> str:
    """The whole of ``table`` as people and programs ask it."""
    return (
        f"CREATE TABLE IF NOT EXISTS `{database}`.`{table.name}` ON CLUSTER `{cluster}`"
        f" AS `{database}`.`{table.name}{LOCAL}`"
        f" ENGINE = Distributed(`{cluster}`, `{database}`, `{table.name}{LOCAL}`, {sharding(table)})"
    )


def sharding(table: Table) -> str:
    """What decides the shard of a row: organisation and series, so that a series is joined where it lies."""
    columns = [name for name in ("org", "series") if name in table.key]
    chosen = columns if len(columns) == 2 else [*table.key[:2]]
    return f"cityHash64({', '.join(f'`{name}`' for name in chosen)})"

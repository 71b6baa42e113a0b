"""Views that people read beside the tables: names beside numbers, and what clients ask of ``system``.

They are made anew whenever the recorder starts, so they follow the tables. Every view of rows shows the column that
names the owner, and stands in :data:`gongfu.kernel.store.TABLES`; the catalogue shows the same to everybody: names,
types and keys of tables, never how many rows or octets all tenants together have.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from gongfu.kernel.tables import OWNED

if TYPE_CHECKING:
    from gongfu.data.telemetry.store.engine import Engine

CATALOGUE: Final = {
    name: f"_{name}" for name in ("tables", "columns", "databases", "parts", "dictionaries", "clusters", "mutations")
}
"""Table of ``system`` → the view that stands for it."""
_SHOWN: Final = {
    "tables": (
        *("database", "name", "uuid", "engine", "is_temporary", "create_table_query", "engine_full", "as_select"),
        *("partition_key", "sorting_key", "primary_key", "sampling_key", "comment", "has_own_data"),
    ),
    "columns": (
        *("database", "table", "name", "type", "position", "default_kind", "default_expression", "comment"),
        *("is_in_partition_key", "is_in_sorting_key", "is_in_primary_key", "is_in_sampling_key", "compression_codec"),
        *("character_octet_length", "numeric_precision", "numeric_precision_radix", "numeric_scale"),
        "datetime_precision",
    ),
    "databases": ("name", "engine", "uuid", "comment"),
}
"""Columns that say what they say in ``system``; every other one is there and empty."""
_KEY: Final = {"tables": "name", "columns": "table"}


def make(engine: Engine, database: str) -> None:
    """Make all views in ``database``, the one the engine works in."""
    open_names = ", ".join(f"'{name}'" for name in OWNED)
    for name, view in CATALOGUE.items():
        condition = "0"
        if name == "databases":
            condition = f"name = '{database}'"
        elif name in _KEY:
            condition = f"database = '{database}' AND {_KEY[name]} IN ({open_names})"
        select = f"SELECT {_shown(engine, name)} FROM system.{name} WHERE {condition}"  # noqa: S608 - names of ours
        engine.execute(f"CREATE OR REPLACE VIEW `{view}` AS {select}")


def _shown(engine: Engine, table: str) -> str:
    # Base64, because a type may hold quotes, which engines write in different ways.
    found = engine.scalar(
        "SELECT base64Encode(arrayStringConcat(groupArray(name || char(1) || type), char(2)))"  # noqa: S608
        f" FROM (SELECT name, type FROM system.columns WHERE database = 'system' AND table = '{table}'"
        " ORDER BY position)"
    )
    parts: list[str] = []
    for column in base64.b64decode(found).decode().split("\2"):
        name, _, kind = column.partition("\1")
        quoted = kind.replace("\\", "\\\\").replace("'", "\\'")
        shown = name in _SHOWN.get(table, ())
        parts.append(f"`{name}`" if shown else f"defaultValueOfTypeName('{quoted}') AS `{name}`")
    return ", ".join(parts)

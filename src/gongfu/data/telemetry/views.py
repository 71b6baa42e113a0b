"""Views that people read beside the tables: names beside numbers, and what clients ask of ``system``.

A *friendly* view joins every reading with the keys of device and tag, name and unit; the names come from ``series``.
They are made anew whenever the recorder starts, so they follow the tables. Every view of rows shows the column that
names the owner, and stands in :data:`gongfu.kernel.tables.OWNED`; the catalogue shows the same to everybody: names,
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
_UNLISTED: Final = frozenset(("dirty", "poison", "readings_cold", "texts_cold", "arrays_cold"))
"""What a person may read but has no use for: inside, friendlier views have it, or its definition names files."""
_NAMES: Final = (
    "s.device_key AS device, s.tag_key AS tag, s.name AS name, s.unit AS unit, s.model AS model, s.owner AS owner"
)
_JOIN: Final = "LEFT ANY JOIN (SELECT * FROM series FINAL) AS s ON r.org = s.org AND r.series = s.series"
_ROLLED: Final = (
    "r.start AS time, r.least AS min, r.greatest AS max, r.total / nullIf(r.good, 0) AS mean, r.first AS first,"
    " r.last AS last, r.area / nullIf(r.held, 0) AS weighted_mean, r.n AS count, r.good AS good, r.worst AS quality"
)


_HOT: Final = "SELECT org, series, ts, value, quality FROM"
_SAID: Final = "SELECT org, series, ts, text, quality FROM"


def _friendly(source: str, columns: str) -> str:
    return f"SELECT r.org AS org, r.series AS series, {_NAMES}, {columns} FROM ({source}) AS r {_JOIN}"  # noqa: S608


def _rolled(step: int) -> str:
    return _friendly(f"SELECT * FROM rollups FINAL WHERE step = {step}", _ROLLED)  # noqa: S608 - constants


FRIENDLY: Final = {
    "points": _friendly(
        f"{_HOT} readings FINAL UNION ALL {_HOT} readings_cold", "r.ts AS time, r.value AS value, r.quality AS quality"
    ),
    "text_points": _friendly(
        f"{_SAID} texts FINAL UNION ALL {_SAID} texts_cold", "r.ts AS time, r.text AS text, r.quality AS quality"
    ),
    "last_points": _friendly(
        "SELECT * FROM latest FINAL", "r.ts AS time, r.value AS value, r.text AS text, r.quality AS quality"
    ),
    "minutes": _rolled(60),
    "hours": _rolled(3600),
    "days": _rolled(86400),
}
"""View → its SELECT; ``time`` in UTC, ``quality`` 0 good, 1 uncertain, 2 bad."""


def make(engine: Engine, database: str) -> None:
    """Make all views in ``database``, the one the engine works in."""
    for name, select in FRIENDLY.items():
        engine.execute(f"CREATE OR REPLACE VIEW `{name}` AS {select}")
    open_names = ", ".join(f"'{name}'" for name in OWNED if name not in _UNLISTED)
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

"""The tables of the telemetry store, as data: the same definitions make the embedded store and a server's.

Every table can take the same row twice: the sorting key names an observation, and of two rows with one key the later
version stays. A reader that must not see the losers before they are merged away says ``FINAL``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gongfu.identity.search.table import IDENTIFIERS
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.kernel.tables import Column as Column
from gongfu.kernel.tables import Table as Table

if TYPE_CHECKING:
    from gongfu.data.telemetry.store.engine import Engine

DATABASE = "gongfu"
"""Database of the embedded store, and of a server whose address names none."""

VERSION = 3
"""Version of the tables below; raised together with a step in :data:`STEPS`."""


_TIME = Column("ts", "DateTime64(6, 'UTC')", "DoubleDelta, ZSTD")
# Whole seconds compress to nothing and are enough: within one second the order on the bus decides, because of two
# rows with equal versions the engine keeps the one inserted later.
_ARRIVED = Column("arrived", "DateTime('UTC')", "DoubleDelta, ZSTD")

READINGS = Table(
    "readings",
    (
        Column("org", "UInt32"),
        Column("series", "UInt32"),
        _TIME,
        Column("value", "Float64", "ZSTD"),
        Column("quality", "UInt8"),
        _ARRIVED,
    ),
    key=("org", "series", "ts"),
    version="arrived",
    partition="toYYYYMM(ts)",
)
TEXTS = Table(
    "texts",
    (
        Column("org", "UInt32"),
        Column("series", "UInt32"),
        _TIME,
        Column("text", "String", "ZSTD"),
        Column("quality", "UInt8"),
        _ARRIVED,
    ),
    key=("org", "series", "ts"),
    version="arrived",
    partition="toYYYYMM(ts)",
)
LATEST = Table(
    "latest",
    (
        Column("org", "UInt32"),
        Column("series", "UInt32"),
        Column("ts", "DateTime64(6, 'UTC')"),
        Column("value", "Float64"),
        Column("text", "String"),
        Column("quality", "UInt8"),
    ),
    key=("org", "series"),
    version="ts",
)
EVENTS = Table(
    "events",
    (
        Column("org", "UInt32"),
        Column("device", "UInt32"),
        _TIME,
        Column("kind", "LowCardinality(String)"),
        Column("detail", "String", "ZSTD"),
        Column("arrived", "DateTime('UTC')"),
    ),
    key=("org", "device", "ts", "kind", "detail"),
    version="arrived",
    partition="toYear(ts)",
)
TABLES = (READINGS, TEXTS, LATEST, EVENTS, IDENTIFIERS)
"""What a tenant may read, each row of which names its owner in ``org``; ``kernel.store.TABLES`` has their names."""

STEPS: tuple[tuple[str, ...], ...] = (
    tuple(table.ddl() for table in (READINGS, TEXTS, LATEST, EVENTS)),
    (IDENTIFIERS.ddl(),),
    # The index is made anew from the identifier store when it is found empty.
    (f"DROP TABLE IF EXISTS `{IDENTIFIERS.name}`", IDENTIFIERS.ddl()),
)
"""Statements that lead from version n to n+1."""


def migrate(engine: Engine) -> None:
    """Bring the store to :data:`VERSION`; raises :class:`Conflict` when it is newer than this program."""
    engine.execute(
        "CREATE TABLE IF NOT EXISTS `schema` (`version` UInt32, `at` DateTime('UTC') DEFAULT now())"
        " ENGINE = MergeTree ORDER BY version"
    )
    found = int(engine.scalar("SELECT max(version) FROM `schema`"))
    if found > VERSION:
        raise Conflict(
            mark("The telemetry store has version {found}, this program knows {known}."),
            remedy=mark("Use the newer program, or another GONGFU_HOME."),
            found=found,
            known=VERSION,
        )
    for version, statements in enumerate(STEPS[found:], start=found + 1):
        for statement in statements:
            engine.execute(statement)
        engine.execute(f"INSERT INTO `schema` (version) VALUES ({version})")  # noqa: S608 - a number of ours

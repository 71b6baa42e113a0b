"""The tables of the telemetry store, as data: the same definitions make the embedded store and a server's.

Every table can take the same row twice: the sorting key names an observation, and of two rows with one key the later
version stays. A reader that must not see the losers before they are merged away says ``FINAL``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark

if TYPE_CHECKING:
    from gongfu.data.telemetry.store.engine import Engine

DATABASE = "gongfu"
"""Database of the embedded store, and of a server whose address names none."""

VERSION = 1
"""Version of the tables below; raised together with a step in :data:`STEPS`."""


@dataclass(frozen=True)
class Column:
    """One column; ``codec`` is empty for the engine's own choice."""

    name: str
    type: str
    codec: str = ""


@dataclass(frozen=True)
class Table:
    """One table. ``version`` is the column that decides which of two rows with one ``key`` stays."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    version: str
    partition: str = ""

    def ddl(self) -> str:
        """The statement that creates it in the current database."""
        columns = ", ".join(f"`{c.name}` {c.type}" + (f" CODEC({c.codec})" if c.codec else "") for c in self.columns)
        partition = f" PARTITION BY {self.partition}" if self.partition else ""
        return (
            f"CREATE TABLE IF NOT EXISTS `{self.name}` ({columns})"
            f" ENGINE = ReplacingMergeTree(`{self.version}`){partition} ORDER BY ({', '.join(self.key)})"
            " SETTINGS fsync_after_insert = 1"
        )


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
TABLES = (READINGS, TEXTS, LATEST, EVENTS)
"""What a tenant may read, each row of which names its owner in ``org``."""

STEPS: tuple[tuple[str, ...], ...] = (tuple(table.ddl() for table in TABLES),)
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

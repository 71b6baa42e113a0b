"""The tables of the telemetry store, as data: the same definitions make the embedded store and a server's.

Every table can take the same row twice: the sorting key names an observation, and of two rows with one key the later
version stays. A reader that must not see the losers before they are merged away says ``FINAL``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gongfu.identity.search.table import IDENTIFIERS
from gongfu.kernel.errors import Conflict, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.tables import Column as Column
from gongfu.kernel.tables import Table as Table

if TYPE_CHECKING:
    from gongfu.data.telemetry.store.engine import Engine

DATABASE = "gongfu"
"""Database of the embedded store, and of a server whose address names none."""

VERSION = 6
"""Version of the tables below; raised together with a step in :data:`STEPS`."""


# Tags of a device share their times: plain differences repeat octet by octet, twofold ones packed in bits do not.
_TIME = Column("ts", "DateTime64(6, 'UTC')", "Delta, ZSTD")
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
        Column("length", "UInt32"),  # of an array; 0 for a number or text
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
ARRAYS = Table(
    "arrays",
    (
        Column("org", "UInt32"),
        Column("series", "UInt32"),
        _TIME,  # of the first element
        Column("values", "Array(Float64)", "ZSTD"),
        Column("rate", "Float64"),  # elements a second; 0: they are no samples in time
        Column("quality", "UInt8"),
        _ARRIVED,
    ),
    key=("org", "series", "ts"),
    version="arrived",
    partition="toYYYYMM(ts)",
)


def cold_of(table: Table) -> Table:
    """Where months of ``table`` are read that :mod:`.cold` took out of it: files, and an empty table on a server."""
    return Table(f"{table.name}_cold", table.columns, table.key, table.version, table.partition)


COLD_READINGS, COLD_TEXTS, COLD_ARRAYS = map(cold_of, (READINGS, TEXTS, ARRAYS))
SERIES = Table(
    "series",
    (
        Column("org", "UInt32"),
        Column("series", "UInt32"),
        Column("device", "UInt32"),
        Column("device_key", "LowCardinality(String)"),
        Column("tag_key", "LowCardinality(String)"),
        Column("name", "String"),
        Column("kind", "LowCardinality(String)"),  # number, boolean, text, state, array
        Column("unit", "LowCardinality(String)"),
        Column("model", "LowCardinality(String)"),  # information model of the device
        Column("role", "LowCardinality(String)"),
        Column("owner", "LowCardinality(String)"),  # code of the organisation
        Column("sensitivity", "LowCardinality(String)"),  # general, important, core
        Column("retention", "LowCardinality(String)"),  # name of the class; the days follow
        Column("keep_raw", "UInt32"),  # days; 0: for ever
        Column("keep_rollups", "UInt32"),
        Column("interval", "Float64"),  # seconds between two readings, as configured
        Column("hold", "Float64"),  # seconds of silence after which a value no longer counts as held
        Column("states", "Map(String, String)"),  # code → key of the state in the model
        Column("gone", "UInt8"),  # the tag was deleted; its readings are still there
        Column("at", "DateTime64(3, 'UTC')"),
    ),
    key=("org", "series"),
    version="at",
)
_STEP = Column("step", "UInt32")  # seconds: 1, 60, 600, 3600, 86400
_START = Column("start", "DateTime('UTC')", "DoubleDelta, ZSTD")
# Of two rows with one key the one inserted later stays: what is computed later knows more, whatever a clock says.
_BY_STEP = "(step, if(step < 3600, toYYYYMM(start), toYear(start)))"
# A chart or a month of a machine takes some hundred rows of a series: what is read with them should be no thousands.
_SMALLER = ("index_granularity = 2048", "min_compress_block_size = 16384")
ROLLUPS = Table(
    "rollups",
    (
        Column("org", "UInt32"),
        Column("series", "UInt32"),
        _STEP,
        _START,
        Column("n", "UInt32", "ZSTD"),  # readings
        Column("good", "UInt32", "ZSTD"),  # those with a value to reckon with: finite, not bad
        Column("least", "Float64", "ZSTD"),
        Column("greatest", "Float64", "ZSTD"),
        Column("total", "Float64", "ZSTD"),  # sum of the good ones: total / good is the mean
        Column("first_at", "DateTime64(6, 'UTC')", "DoubleDelta, ZSTD"),
        Column("first", "Float64", "ZSTD"),
        Column("last_at", "DateTime64(6, 'UTC')", "DoubleDelta, ZSTD"),
        Column("last", "Float64", "ZSTD"),
        Column("area", "Float64", "ZSTD"),  # integral of the held value over time, in seconds
        Column("held", "Float64", "ZSTD"),  # seconds with a value: area / held is the time-weighted mean
        Column("worst", "UInt8"),  # quality
    ),
    key=("org", "series", "step", "start"),
    version="",
    partition=_BY_STEP,
    settings=_SMALLER,
)
MERGED = (
    "sum(n), sum(good), if(sum(good) > 0, minIf(least, good > 0), nan), if(sum(good) > 0, maxIf(greatest, good > 0),"
    " nan), sum(total), minIf(first_at, good > 0), if(sum(good) > 0, argMinIf(first, first_at, good > 0), nan),"
    " maxIf(last_at, good > 0), if(sum(good) > 0, argMaxIf(last, last_at, good > 0), nan), sum(area), sum(held),"
    " max(worst)"
)
"""What several roll-ups are together, column by column from ``n`` on."""
DURATIONS = Table(
    "durations",
    (
        Column("org", "UInt32"),
        Column("series", "UInt32"),
        _STEP,
        _START,
        Column("states", "Map(String, Float64)", "ZSTD"),  # code or text → seconds
    ),
    key=("org", "series", "step", "start"),
    version="",
    partition=_BY_STEP,
    settings=_SMALLER,
)
POISON = Table(
    "poison",
    (
        Column("org", "UInt32"),  # as the subject says
        Column("id", "UInt64"),  # hash of stream, subject and data
        Column("stream", "LowCardinality(String)"),
        Column("subject", "String"),
        Column("reason", "LowCardinality(String)"),
        Column("detail", "String"),
        Column("size", "UInt32"),
        Column("data", "String", "ZSTD"),
        Column("state", "LowCardinality(String)"),  # parked, replayed, dropped
        Column("times", "UInt32"),  # how often it was replayed
        Column("first_at", "DateTime('UTC')"),
        Column("at", "DateTime64(3, 'UTC')"),
    ),
    key=("org", "id"),
    version="at",
)
DIRTY = Table(
    "dirty",
    (
        Column("generation", "UInt32"),
        Column("org", "UInt32"),
        Column("series", "UInt32"),
        Column("text", "UInt8"),
        Column("lo", "UInt32"),  # seconds since 1970, whole minutes; readings from lo to before hi
        Column("hi", "UInt32"),
    ),
    key=("org", "series", "text", "lo", "hi"),
    version="",
    partition="generation",
)
"""Where readings arrived that no roll-up knows yet; a generation is dropped once it is rolled up."""
TABLES = (
    READINGS,
    TEXTS,
    LATEST,
    EVENTS,
    IDENTIFIERS,
    ARRAYS,
    SERIES,
    ROLLUPS,
    DURATIONS,
    POISON,
    DIRTY,
    COLD_READINGS,
    COLD_TEXTS,
    COLD_ARRAYS,
)
"""What a tenant may read, each row of which names its owner in ``org``; ``kernel.store.TABLES`` has their names."""

ROLLING = Table(
    "rolling",
    (
        Column("org", "UInt32"),
        Column("series", "UInt32"),
        Column("text", "UInt8"),
        Column("lo", "UInt32"),  # buckets to compute again, whole minutes
        Column("hi", "UInt32"),
        Column("hold", "Int64"),  # microseconds
        Column("states", "UInt8"),  # whether durations of its values are kept
        Column("fine", "UInt8"),  # whether seconds are kept
    ),
    key=("org", "series", "text", "lo", "hi"),
    version="",
)
"""Scratch of the pass at work; emptied when one begins."""
COLD = Table(
    "cold",
    (
        Column("source", "LowCardinality(String)"),  # readings, texts, arrays
        Column("month", "UInt32"),  # 202611
        Column("file", "String"),
        Column("rows", "UInt64"),
        Column("bytes", "UInt64"),
        Column("digest", "String"),  # SHA-256 of the file
        Column("state", "LowCardinality(String)"),  # cold, wanted, thawed, open, torn
        Column("at", "DateTime64(3, 'UTC')"),
    ),
    key=("source", "month"),
    version="at",
)
"""Months that lie in Parquet files. An erasure wants one back, which is then open, not to be moved again, for an hour.
"""
OWN = (ROLLING, COLD)
"""What the recorder keeps for itself; no tenant reads it."""

# Measured in adr/0034: decimal numbers in half the octets, bit by bit the same. Beta in ClickHouse 26.9.
_NUMBERS_CLOSER = "ALTER TABLE readings MODIFY COLUMN `value` Float64 CODEC(ALP, ZSTD(3)) SETTINGS enable_alp_codec = 1"


def _tens(table: str, merged: str) -> str:
    return (
        f"INSERT INTO {table} SELECT org, series, 600,"  # noqa: S608 - constants
        f" toDateTime(intDiv(toUnixTimestamp(start), 600) * 600, 'UTC') AS at, {merged} FROM {table} FINAL"
        " WHERE step = 60 GROUP BY org, series, at SETTINGS max_bytes_before_external_group_by = 250000000"
    )


STEPS: tuple[tuple[str, ...], ...] = (
    tuple(table.ddl() for table in (READINGS, TEXTS, LATEST, EVENTS)),
    (IDENTIFIERS.ddl(),),
    # The index is made anew from the identifier store when it is found empty.
    (f"DROP TABLE IF EXISTS `{IDENTIFIERS.name}`", IDENTIFIERS.ddl()),
    (
        "ALTER TABLE readings MODIFY COLUMN `ts` DateTime64(6, 'UTC') CODEC(Delta, ZSTD)",
        "ALTER TABLE texts MODIFY COLUMN `ts` DateTime64(6, 'UTC') CODEC(Delta, ZSTD)",
        _NUMBERS_CLOSER,
        "ALTER TABLE latest ADD COLUMN IF NOT EXISTS `length` UInt32",
        *(table.ddl() for table in (ARRAYS, SERIES, ROLLUPS, DURATIONS, POISON, DIRTY, COLD_READINGS, *OWN)),
        # What is there already is rolled up in the background, one range for each series.
        "INSERT INTO dirty SELECT 0, org, series, 0, intDiv(toUnixTimestamp(min(ts)), 60) * 60,"
        " toUnixTimestamp(max(ts)) + 1 FROM readings WHERE ts < '2106-01-01' GROUP BY org, series",
        "INSERT INTO dirty SELECT 0, org, series, 1, intDiv(toUnixTimestamp(min(ts)), 60) * 60,"
        " toUnixTimestamp(max(ts)) + 1 FROM texts WHERE ts < '2106-01-01' GROUP BY org, series",
    ),
    tuple(table.ddl() for table in (COLD_TEXTS, COLD_ARRAYS)),
    # Ten minutes from minutes, for the readings themselves may be gone. The same again does no harm.
    (
        *(f"ALTER TABLE {one.name} MODIFY SETTING min_compress_block_size = 16384" for one in (ROLLUPS, DURATIONS)),
        _tens(ROLLUPS.name, MERGED),
        _tens(DURATIONS.name, "sumMap(states)"),
    ),
)
"""Statements that lead from version n to n+1."""

OPTIONAL = frozenset((_NUMBERS_CLOSER,))
"""Statements that an engine may not know: then what they improve stays as it was."""


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
            try:
                engine.execute(statement)
            except Unavailable:
                if statement not in OPTIONAL:
                    raise
        engine.execute(f"INSERT INTO `schema` (version) VALUES ({version})")  # noqa: S608 - a number of ours

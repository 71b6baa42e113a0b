"""What the store is asked, as SQL: durations of states, growth of counters, energy of power, changes. No Django.

Growth of a counter is what it rose within a bucket, plus from the last value before to the first one in it. A fall to
less than half is a counter that began again, a smaller fall a correction: neither makes pieces of nothing.
"""
# ruff: noqa: S608 - the parts put together here are constants

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec
import pyarrow as pa

from gongfu.data.performance.grid import Grid
from gongfu.kernel.store import StoreClient, Value

LIMIT_SECONDS: Final = 20
MANY: Final = 16
"""So many series are asked for in two halves at once: a second thread hardly helps the engine with one question."""
_ROWS: Final = (
    "toUnixTimestamp(start) AS at, intDiv(at - {low:UInt32}, 3600) AS hour,"
    " reinterpretAsUInt16(unhex(substring({hours:String}, hour * 4 + 1, 4))) AS whole,"
    " if(step = 3600, if(whole < 32768, whole, 0), if(whole >= 32768, reinterpretAsUInt16(unhex(substring("
    "{minutes:String}, ((whole - 32768) * 60 + intDiv(at - {low:UInt32}, 60) % 60) * 4 + 1, 4))), 0)) AS label"
)
# Of the sorting key alone, so that it may be asked before rows with one key are made one.
_WHERE: Final = (
    "org IN {orgs:Array(UInt32)} AND series IN {series:Array(UInt32)} AND step IN {steps:Array(UInt32)}"
    " AND start >= {low:UInt32} AND start < {high:UInt32}"
    # Of what is finer only that of hours that are cut: most are not, and nobody asks for theirs.
    " AND (step = 3600 OR intDiv(toUnixTimestamp(start) - {low:UInt32}, 3600) * 2 + (step = 60) IN {cut:Array(UInt32)})"
)
STATES: Final = (
    "SELECT series, label, pair.1 AS state, sum(pair.2) AS seconds FROM ("
    f"SELECT series, label, arrayJoin(states) AS pair FROM (SELECT series, states, {_ROWS} FROM durations FINAL"
    f" PREWHERE {_WHERE}) WHERE label > 1) GROUP BY series, label, state"
)
_IN_BUCKET: Final = (
    "multiIf(least >= first AND greatest <= last, last - first,"
    " least < greatest / 2, greatest - first + last, greatest(0, last - first))"
)
_FROM_BEFORE: Final = (
    f"multiIf(before_at = 0 OR at - before_at > {25 * 3600}, 0, first >= before, first - before,"
    " first < before / 2, first, 0)"
)
GROWTH: Final = (
    f"SELECT series, label, sum(grown) AS grown, sum(reset) AS resets, max(fast) AS fast FROM ("
    f"SELECT series, label, {_IN_BUCKET} + {_FROM_BEFORE} AS grown,"
    " (least < greatest / 2 AND NOT (least >= first AND greatest <= last)) OR (before_at > 0 AND first < before / 2)"
    " AS reset, if(step = 3600 AND least >= first AND greatest <= last, last - first, 0) AS fast FROM ("
    "SELECT series, label, step, at, first, last, least, greatest, lagInFrame(last, 1, toFloat64(0)) OVER w AS before,"
    " lagInFrame(at, 1, toUInt32(0)) OVER w AS before_at FROM ("
    f"SELECT series, step, first, last, least, greatest, {_ROWS} FROM rollups FINAL PREWHERE {_WHERE} WHERE good > 0)"
    " WHERE label > 0 WINDOW w AS (PARTITION BY series ORDER BY at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)))"
    " WHERE label > 1 GROUP BY series, label"
)
AREA: Final = (
    "SELECT series, label, sum(area) AS area, sum(held) AS held FROM ("
    f"SELECT series, area, held, {_ROWS} FROM rollups FINAL PREWHERE {_WHERE} WHERE held > 0)"
    " WHERE label > 1 GROUP BY series, label"
)
BY_STEP: Final = (
    "SELECT series, intDiv(toUnixTimestamp(start), {width:UInt32}) * {width:UInt32} AS at, sum(area) AS area_s,"
    " sum(held) AS held_s FROM rollups FINAL PREWHERE org IN {orgs:Array(UInt32)} AND series IN {series:Array(UInt32)}"
    " AND step = {step:UInt32} AND start >= {low:UInt32} AND start < {high:UInt32} WHERE held > 0"
    " GROUP BY series, at ORDER BY series, at"
)
HOURS: Final = (
    "SELECT series, toUnixTimestamp(start) AS at, states FROM durations FINAL WHERE org IN {orgs:Array(UInt32)}"
    " AND series IN {series:Array(UInt32)} AND step = 3600 AND start >= {low:UInt32} AND start < {high:UInt32}"
    " ORDER BY series, at"
)
_CHANGES: Final = (
    "SELECT series, t, {value} AS state, q, t1 = 0 OR t1 - t > {{hold:Int64}} AS silent FROM ("
    "SELECT series, toUnixTimestamp64Micro(ts) AS t, {column} AS v,"
    " quality AS q, lagInFrame({column}) OVER w AS v0, lagInFrame(quality, 1, toUInt8(9)) OVER w AS q0,"
    " leadInFrame(toUnixTimestamp64Micro(ts), 1, toInt64(0)) OVER w AS t1 FROM {table} FINAL"
    " WHERE org IN {{orgs:Array(UInt32)}} AND series IN {{series:Array(UInt32)}}"
    " AND ts >= fromUnixTimestamp64Micro({{low:Int64}}) AND ts < fromUnixTimestamp64Micro({{high:Int64}})"
    " WINDOW w AS (PARTITION BY series ORDER BY ts ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING))"
    " WHERE q0 = 9 OR v != v0 OR (q < 2) != (q0 < 2) OR silent ORDER BY series, t LIMIT 200000"
)
CHANGES: Final = _CHANGES.format(value="toString(v)", column="value", table="readings")
TEXT_CHANGES: Final = _CHANGES.format(value="v", column="text", table="texts")


class Grown(msgspec.Struct, frozen=True):
    """A counter within one slice; ``fast`` is its best whole hour."""

    amount: float
    resets: int
    fast: float


def states(
    store: StoreClient, orgs: Collection[int], series: Sequence[int], grid: Grid
) -> Iterator[tuple[int, int, str, float]]:
    """Series, number of the slice, state, seconds."""
    yield from _rows(_ask(store, STATES, orgs, series, grid))


def growth(
    store: StoreClient, orgs: Collection[int], series: Sequence[int], grid: Grid
) -> Iterator[tuple[int, int, Grown]]:
    """Series, number of the slice, what the counter did there."""
    for one, label, grown, resets, fast in _rows(_ask(store, GROWTH, orgs, series, grid)):
        yield one, label, Grown(grown, resets, fast)


def area(
    store: StoreClient, orgs: Collection[int], series: Sequence[int], grid: Grid
) -> Iterator[tuple[int, int, float, float]]:
    """Series, number of the slice, integral over time in unit seconds, seconds with a value."""
    yield from _rows(_ask(store, AREA, orgs, series, grid))


def _ask(store: StoreClient, sql: str, orgs: Collection[int], series: Sequence[int], grid: Grid) -> pa.Table | None:
    if not series or not orgs:
        return None
    asked: dict[str, Value] = {
        "orgs": sorted(orgs),
        "steps": grid.steps,
        "low": grid.low,
        "high": grid.high,
        "hours": grid.hours,
        "minutes": grid.minutes,
        "cut": [*(2 * hour for hour in grid.tens), *(2 * hour + 1 for hour in grid.cut)],
    }

    def ask(some: Sequence[int]) -> pa.Table:
        return store.query_arrow(sql, {**asked, "series": some}, orgs=orgs, limit_seconds=LIMIT_SECONDS, threads=1)

    every = sorted(series)
    if len(every) < MANY:
        return ask(every)
    middle = len(every) // 2
    with ThreadPoolExecutor(2, "performance") as pool:
        return pa.concat_tables(pool.map(ask, (every[:middle], every[middle:])), promote_options="permissive")


def _rows(table: pa.Table | None) -> Iterator[tuple]:  # type: ignore[type-arg]
    """Rows as tuples, in the order of the columns."""
    if table is not None:
        yield from zip(*(column.to_pylist() for column in table.columns), strict=True)

"""The questions :mod:`.services` asks, as SQL; every value is bound by the store, none is written into the text."""
# ruff: noqa: S608 - the parts put together here are constants

from __future__ import annotations

from typing import Final

_RANGE: Final = (
    "org IN {orgs:Array(UInt32)} AND series IN {series:Array(UInt32)}"
    " AND ts >= fromUnixTimestamp64Micro({start:Int64}) AND ts < fromUnixTimestamp64Micro({end:Int64})"
)
COUNTS: Final = f"SELECT series, count() AS n FROM readings WHERE {_RANGE} GROUP BY series"
RAW: Final = (
    "SELECT series, toUnixTimestamp64Micro(ts) AS t, value AS x, quality AS q"
    f" FROM readings FINAL WHERE {_RANGE} ORDER BY series, t"
)
# Least and greatest of each bucket, each at its own time: every spike stays visible at any width.
_BUCKETS: Final = (
    "SELECT series, intDiv(toUnixTimestamp64Micro(ts) - {start:Int64}, {width:Int64}) AS bucket, count() AS n,"
    " countIf(isFinite(value)) AS finite, max(quality) AS worst, toUnixTimestamp64Micro(min(ts)) AS first,"
    " argMinIf((toUnixTimestamp64Micro(ts), quality), value, isFinite(value)) AS least_at,"
    " minIf(value, isFinite(value)) AS least,"
    " argMaxIf((toUnixTimestamp64Micro(ts), quality), value, isFinite(value)) AS greatest_at,"
    " maxIf(value, isFinite(value)) AS greatest"
    f" FROM readings FINAL WHERE {_RANGE} GROUP BY series, bucket"
)
DOWN: Final = (
    "SELECT series, point.1 AS t, point.2 AS x, point.3 AS q, n FROM ("
    "SELECT series, n, arrayJoin(multiIf("
    "finite = 0, [(first, nan, worst)],"
    " least_at.1 = greatest_at.1, [(least_at.1, least, least_at.2)],"
    " [(least_at.1, least, least_at.2), (greatest_at.1, greatest, greatest_at.2)])) AS point"
    f" FROM ({_BUCKETS})) ORDER BY series, t"
)
# A short sentence: to read and plan a long one takes the engine longer than to fetch some thousand rows.
ROLLED: Final = (
    "SELECT series, toUnixTimestamp(start) AS at, n, good, least, greatest, worst FROM rollups FINAL"
    " WHERE org IN {orgs:Array(UInt32)} AND series IN {series:Array(UInt32)} AND step = {step:UInt32} AND n > 0"
    " AND start >= fromUnixTimestamp64Micro({start:Int64}) AND start < fromUnixTimestamp64Micro({end:Int64})"
    " ORDER BY series, at"
)
# Since when roll-ups lack something of each series, and which of them have roll-ups of a second.
PENDING: Final = (
    "SELECT series, min(lo) AS since FROM dirty WHERE org IN {orgs:Array(UInt32)} AND series IN {series:Array(UInt32)}"
    " AND text = 0 GROUP BY series"
)
FINE: Final = (
    "SELECT series FROM series FINAL WHERE org IN {orgs:Array(UInt32)} AND series IN {series:Array(UInt32)}"
    " AND interval > 0 AND interval < {fine:Float64} AND gone = 0"
)
ARRAYS: Final = (
    "SELECT series, toUnixTimestamp64Micro(ts) AS t, values, rate, quality AS q FROM arrays FINAL"
    f" WHERE {_RANGE} ORDER BY series, t DESC LIMIT {{points:UInt32}} BY series"
)
COLD: Final = {
    table: f"SELECT count() AS n FROM {table}_cold WHERE {_RANGE}" for table in ("readings", "texts", "arrays")
}
_COLUMNS: Final = {"readings": "value", "texts": "text", "arrays": "values, rate"}


def with_cold(sql: str, table: str = "readings") -> str:
    """``sql`` over a range of ``table``, what lies in files included; of two with one time the later arrival."""
    one = f"SELECT org, series, ts, {_COLUMNS[table]}, quality, arrived FROM"
    both = f"{one} {table} FINAL WHERE {_RANGE} UNION ALL {one} {table}_cold WHERE {_RANGE}"
    source = f"(SELECT * FROM ({both}) ORDER BY series, ts, arrived DESC LIMIT 1 BY org, series, ts)"
    return sql.replace(f"FROM {table} FINAL", f"FROM {source}").replace(f"FROM {table} WHERE", f"FROM {source} WHERE")


STATES: Final = (
    "SELECT series, toUnixTimestamp64Micro(ts) AS t, text AS x, quality AS q"
    f" FROM texts FINAL WHERE {_RANGE} ORDER BY series, t LIMIT {{points:UInt32}} BY series"
)
_LATEST: Final = (
    "SELECT series, toUnixTimestamp64Micro(ts) AS t, value, text, quality, length FROM latest FINAL"
    " WHERE org IN {orgs:Array(UInt32)} AND series"
)
LATEST: Final = _LATEST + " IN {series:Array(UInt32)}"
LATEST_BETWEEN: Final = _LATEST + " BETWEEN {first:UInt32} AND {last:UInt32}"
DURATIONS: Final = (
    "SELECT series, state, sum(seconds) AS seconds FROM ("
    "SELECT series, arrayJoin(states) AS pair, pair.1 AS state, pair.2 AS seconds FROM durations FINAL"
    " WHERE org IN {orgs:Array(UInt32)} AND series IN {series:Array(UInt32)} AND ("
    "step = 86400 AND start >= {day:UInt32} AND start < {day_end:UInt32}"
    " OR step = 3600 AND (start >= {hour:UInt32} AND start < least({day:UInt32}, {hour_end:UInt32})"
    " OR start >= greatest({day_end:UInt32}, {hour:UInt32}) AND start < {hour_end:UInt32})"
    " OR step = 60 AND (start >= {minute:UInt32} AND start < least({hour:UInt32}, {minute_end:UInt32})"
    " OR start >= greatest({hour_end:UInt32}, {minute:UInt32}) AND start < {minute_end:UInt32})))"
    " GROUP BY series, state ORDER BY series, seconds DESC"
)
EVENTS: Final = (
    "SELECT org, device, toUnixTimestamp64Micro(ts) AS t, kind, detail FROM events FINAL"
    " WHERE org IN {orgs:Array(UInt32)} AND device IN {devices:Array(UInt32)}"
    " AND ts >= fromUnixTimestamp64Micro({start:Int64}) ORDER BY t DESC LIMIT {limit:UInt32}"
)
COUNT: Final = f"SELECT count() AS n FROM readings FINAL WHERE {_RANGE}"
RATES: Final = (
    "SELECT series, count() / {seconds:UInt32} AS rate FROM readings WHERE org IN {orgs:Array(UInt32)}"
    " AND series IN {series:Array(UInt32)} AND ts > now64(6) - INTERVAL {seconds:UInt32} SECOND AND ts <= now64(6)"
    " GROUP BY series"
)
EXPORT: Final = (
    "SELECT series, ts, value, quality, arrived FROM readings FINAL"
    f" WHERE {_RANGE} ORDER BY series, ts LIMIT {{limit:UInt32}}"
)

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
STATES: Final = (
    "SELECT series, toUnixTimestamp64Micro(ts) AS t, text AS x, quality AS q"
    f" FROM texts FINAL WHERE {_RANGE} ORDER BY series, t LIMIT {{points:UInt32}} BY series"
)
LATEST: Final = (
    "SELECT series, toUnixTimestamp64Micro(ts) AS t, value, text, quality FROM latest FINAL"
    " WHERE org IN {orgs:Array(UInt32)} AND series IN {series:Array(UInt32)}"
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

"""Numbers over a time: one value of a tag, and its hours, from roll-ups or, if short, from readings. No Django."""
# ruff: noqa: S608 - the parts put together here are constants

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from gongfu.data.dashboards.rules import Measure
from gongfu.kernel.store import StoreClient, Value, client

SHORT: Final = dt.timedelta(hours=9)
"""Up to this the readings themselves are asked: roll-ups may be a minute behind."""
NEAR: Final = dt.timedelta(days=2)
"""Up to this they are asked when there are no roll-ups yet."""
LONG: Final = dt.timedelta(days=60)
"""Beyond this days are added up, not hours."""
_OWN: Final = "org IN {orgs:Array(UInt32)} AND series = {series:UInt32}"
_READINGS: Final = (
    "SELECT toUnixTimestamp(toStartOfMinute(ts)) AS at, countIf(isFinite(value)) AS good, min(value) AS least,"
    " max(value) AS greatest, sum(value) AS total, argMin(value, ts) AS first, argMax(value, ts) AS last"
    f" FROM readings FINAL WHERE {_OWN} AND quality < 2 AND isFinite(value)"
    " AND ts >= fromUnixTimestamp64Micro({start:Int64}) AND ts < fromUnixTimestamp64Micro({end:Int64})"
    " GROUP BY at ORDER BY at"
)
_ROLLED: Final = (
    "SELECT toUnixTimestamp(start) AS at, good, least, greatest, if(held > 0, area / held * good, total) AS total,"
    f" first, last FROM rollups FINAL WHERE {_OWN} AND step = {{step:UInt32}} AND good > 0"
    " AND start >= fromUnixTimestamp64Micro({start:Int64}) AND start < fromUnixTimestamp64Micro({end:Int64})"
    " ORDER BY at"
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A minute, an hour or a day of one tag; ``at`` in seconds since 1970 UTC."""

    at: int
    good: int
    least: float
    greatest: float
    total: float
    first: float
    last: float


def buckets(
    org: int, series: int, start: dt.datetime, end: dt.datetime, *, step: int = 0, store: StoreClient | None = None
) -> list[Bucket]:
    """What is known of ``series`` from ``start`` to before ``end``; ``step`` in seconds, 0 for what suits the time.

    Raises :class:`gongfu.kernel.errors.Unavailable`.
    """
    low, high = (int(moment.timestamp() * 1_000_000) for moment in (start, end))
    asked: dict[str, Value] = {"orgs": [org], "series": series, "start": low, "end": high}
    source = store or client()
    found: list[Bucket] = []
    if step or end - start > SHORT:
        chosen = step or (86_400 if end - start > LONG else 3600 if end - start > NEAR else 60)
        found = _rows(source.query_arrow(_ROLLED, {**asked, "step": chosen}, orgs=[org]))
    if not found and end - start <= NEAR:
        found = _rows(source.query_arrow(_READINGS, asked, orgs=[org]))
    return found


def _rows(table: pa.Table) -> list[Bucket]:
    columns = (table.column(name).to_pylist() for name in Bucket.__slots__)
    return [Bucket(*row) for row in zip(*columns, strict=True)]


def measured(found: Sequence[Bucket], measure: Measure) -> float | None:
    """One number of many; None of nothing. A counter that began anew goes on counting."""
    if not found:
        return None
    match measure:
        case "last":
            return found[-1].last
        case "min":
            return min(one.least for one in found)
        case "max":
            return max(one.greatest for one in found)
        case "sum":
            return sum(one.total for one in found)
        case "mean":
            return sum(one.total for one in found) / sum(one.good for one in found)
        case "change":
            return _change([value for one in found for value in (one.first, one.last)])


def _change(values: Sequence[float]) -> float:
    return sum(after - before if after >= before else max(after, 0.0) for before, after in pairwise(values))


def hours(found: Sequence[Bucket], measure: Measure, zone: ZoneInfo) -> dict[tuple[dt.date, int], float]:
    """The measure of every hour of every day in ``zone``."""
    parts: dict[tuple[dt.date, int], list[Bucket]] = {}
    for one in found:
        moment = dt.datetime.fromtimestamp(one.at, zone)
        parts.setdefault((moment.date(), moment.hour), []).append(one)
    return {key: value for key, part in parts.items() if (value := measured(part, measure)) is not None}

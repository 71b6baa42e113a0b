"""The door to stored telemetry: history, last values, events, counts. No Django; every call blocks.

Every question names the organisations on whose behalf it is asked (``orgs``); the store shows no other rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from math import isfinite
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from gongfu.data.telemetry import charting, queries, rules
from gongfu.data.telemetry.charting import History as History
from gongfu.data.telemetry.charting import Point as Point
from gongfu.kernel.store import StoreClient, Value, client

EXPORT_ROWS: Final = 2_000_000
"""Rows one export may hold."""


class LastValue(msgspec.Struct, frozen=True):
    """Newest reading of a series: microseconds UTC; ``value`` None when it is text or not a number."""

    series: int
    time: int
    value: float | None
    text: str
    quality: int
    length: int = 0
    """Elements of an array; 0 for a number or text."""

    @property
    def point(self) -> Point:
        """As a chart takes it."""
        return Point(self.time // 1000, self.text if self.value is None and self.text else self.value, self.quality)


class StoredEvent(msgspec.Struct, frozen=True):
    """What happened to a device; ``time`` in microseconds UTC, ``kind`` of :class:`gongfu.kernel.events.EventKind`."""

    org: int
    device: int
    time: int
    kind: str
    detail: str


def history(
    orgs: Collection[int],
    series: Sequence[int],
    start: datetime,
    end: datetime,
    points: int = 1000,
    *,
    store: StoreClient | None = None,
) -> list[History]:
    """Readings from ``start`` to before ``end``, at most about ``points`` a series, one entry for each of ``series``.

    What does not fit is down-sampled to the least and the greatest value of equal intervals, taken from roll-ups where
    the intervals are wide enough and the roll-ups are up to date. Silence much longer than usual appears as one point
    without value. Raises :class:`Invalid`, :class:`Unavailable`.
    """
    ids = rules.check_series(series)
    low, high = rules.check_range(start, end)
    rules.check_points(points)
    if not ids or not orgs:
        return [History(one, [], True) for one in ids]
    found = charting.numbers(store or client(), sorted(orgs), ids, low, high, points)
    return [found.get(one, History(one, [], True)) for one in ids]


def states(
    orgs: Collection[int],
    series: Sequence[int],
    start: datetime,
    end: datetime,
    points: int = 1000,
    *,
    store: StoreClient | None = None,
) -> list[History]:
    """The same of text series: the first ``points`` changes of each."""
    ids = rules.check_series(series)
    low, high = rules.check_range(start, end)
    rules.check_points(points)
    found: dict[int, History] = {}
    if ids and orgs:
        asked: dict[str, Value] = {"orgs": sorted(orgs), "series": ids, "start": low, "end": high, "points": points}
        source = store or client()
        sql = charting.warm(source, sorted(orgs), ids, low, high, "texts")(queries.STATES)
        for one, part in charting.by_series(source.query_arrow(sql, asked, orgs=orgs)):
            rows = zip(_column(part, "t"), part.column("x").to_pylist(), _column(part, "q"), strict=True)
            found[one] = History(one, [Point(t // 1000, x, q) for t, x, q in rows], part.num_rows < points)
    return [found.get(one, History(one, [], True)) for one in ids]


class Waveform(msgspec.Struct, frozen=True):
    """One array: ``time`` of its first element (microseconds UTC), elements a second, ``[place, value]`` to draw."""

    series: int
    time: int
    rate: float
    quality: int
    length: int
    points: list[tuple[int, float | None]]
    mean: float | None = None
    """Root mean square of all elements; None when one is no number."""


def arrays(
    orgs: Collection[int],
    series: Sequence[int],
    start: datetime,
    end: datetime,
    points: int = 1000,
    *,
    limit: int = 20,
    store: StoreClient | None = None,
) -> list[Waveform]:
    """The youngest ``limit`` arrays of each of ``series``, each thinned to about ``points`` (least and greatest)."""
    ids = rules.check_series(series)
    low, high = rules.check_range(start, end)
    rules.check_points(points)
    if not ids or not orgs:
        return []
    asked: dict[str, Value] = {
        "orgs": sorted(orgs),
        "series": ids,
        "start": low,
        "end": high,
        "points": max(1, min(limit, 1000)),
    }
    source = store or client()
    sql = charting.warm(source, sorted(orgs), ids, low, high, "arrays")(queries.ARRAYS)
    found = []
    for row in source.query_arrow(sql, asked, orgs=orgs).to_pylist():
        values = np.array(row["values"], np.float64)
        drawn = [
            (place, float(values[place]) if np.isfinite(values[place]) else None)
            for place in charting.thinned(values, points).tolist()
        ]
        mean = charting.root_mean_square(values)
        found.append(Waveform(row["series"], row["t"], row["rate"], row["q"], len(values), drawn, mean))
    return found


def last_values(
    orgs: Collection[int], series: Sequence[int], *, store: StoreClient | None = None
) -> dict[int, LastValue]:
    """The newest reading of each of ``series`` that has one."""
    ids = rules.check_series(series)
    if not ids or not orgs:
        return {}
    asked: dict[str, Value] = {"orgs": sorted(orgs), "series": ids}
    sql = queries.LATEST
    if ids[-1] - ids[0] < 2 * len(ids):  # to read a long list takes the store longer than to answer it
        asked, sql = {"orgs": sorted(orgs), "first": ids[0], "last": ids[-1]}, queries.LATEST_BETWEEN
    table = (store or client()).query_arrow(sql, asked, orgs=orgs)
    wanted = frozenset(ids)
    columns = (table.column(name).to_pylist() for name in ("series", "t", "value", "text", "quality", "length"))
    return {
        one: LastValue(one, time, value if isfinite(value) else None, text, quality, length)
        for one, time, value, text, quality, length in zip(*columns, strict=True)
        if one in wanted
    }


def durations(
    orgs: Collection[int],
    series: Sequence[int],
    start: datetime,
    end: datetime,
    *,
    store: StoreClient | None = None,
) -> dict[int, dict[str, float]]:
    """How many seconds each state lasted: of texts by text, of states and booleans by code (``"1"``), longest first.

    Whole minutes within the range count. Days are taken where whole days fit, then hours, then minutes, so that a
    month of a fleet is a few rows a machine. Time for which nothing was known belongs to no state.
    """
    ids = rules.check_series(series)
    low, high = (moment // 1_000_000 for moment in rules.check_range(start, end))
    if not ids or not orgs:
        return {}
    asked: dict[str, Value] = {"orgs": sorted(orgs), "series": ids}
    for name, step in (("minute", 60), ("hour", 3600), ("day", 86_400)):
        asked[name], asked[f"{name}_end"] = rules.whole(low, high, step)
    found: dict[int, dict[str, float]] = {}
    table = (store or client()).query_arrow(queries.DURATIONS, asked, orgs=orgs)
    for one, state, seconds in zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True):
        found.setdefault(one, {})[state] = seconds
    return found


def events(
    orgs: Collection[int],
    devices: Sequence[int],
    start: datetime,
    limit: int = 100,
    *,
    store: StoreClient | None = None,
) -> list[StoredEvent]:
    """Events of ``devices`` since ``start``, newest first, at most ``limit`` (≤1000)."""
    ids = rules.check_series(devices)
    if not ids or not orgs:
        return []
    asked: dict[str, Value] = {
        "orgs": sorted(orgs),
        "devices": ids,
        "start": rules.microseconds(start),
        "limit": max(1, min(limit, rules.MAX_EVENTS)),
    }
    table = (store or client()).query_arrow(queries.EVENTS, asked, orgs=orgs)
    return msgspec.convert([{**row, "time": row["t"]} for row in table.to_pylist()], list[StoredEvent], strict=False)


def count(
    orgs: Collection[int], series: Sequence[int], start: datetime, end: datetime, *, store: StoreClient | None = None
) -> int:
    """Observations from ``start`` to before ``end``; one stored twice counts once."""
    ids = rules.check_series(series)
    low, high = rules.check_range(start, end)
    if not ids or not orgs:
        return 0
    asked: dict[str, Value] = {"orgs": sorted(orgs), "series": ids, "start": low, "end": high}
    source = store or client()
    sql = charting.warm(source, sorted(orgs), ids, low, high)(queries.COUNT)
    return int(source.query_arrow(sql, asked, orgs=orgs).column("n")[0].as_py())


def rates(
    orgs: Collection[int], series: Sequence[int], seconds: int = 60, *, store: StoreClient | None = None
) -> dict[int, float]:
    """Readings per second of each of ``series`` over the last ``seconds``; silent ones are absent."""
    ids = rules.check_series(series)
    if not ids or not orgs:
        return {}
    asked: dict[str, Value] = {"orgs": sorted(orgs), "series": ids, "seconds": max(1, min(seconds, 86_400))}
    table = (store or client()).query_arrow(queries.RATES, asked, orgs=orgs)
    return dict(zip(_column(table, "series"), table.column("rate").to_pylist(), strict=True))


def export(
    orgs: Collection[int], series: Sequence[int], start: datetime, end: datetime, *, store: StoreClient | None = None
) -> pa.Table:
    """Every reading as it is: series, ts, value, quality, arrived; the first :data:`EXPORT_ROWS`."""
    ids = rules.check_series(series)
    low, high = rules.check_range(start, end)
    asked: dict[str, Value] = {"orgs": sorted(orgs), "series": ids, "start": low, "end": high, "limit": EXPORT_ROWS}
    source = store or client()
    sql = charting.warm(source, sorted(orgs), ids, low, high)(queries.EXPORT)
    return source.query_arrow(sql, asked, orgs=orgs, limit_seconds=30)


def export_texts(
    orgs: Collection[int], series: Sequence[int], start: datetime, end: datetime, *, store: StoreClient | None = None
) -> pa.Table:
    """Every text reading as it is: series, t (µs), x, q; the first :data:`EXPORT_ROWS` of each series."""
    low, high = rules.check_range(start, end)
    ids = rules.check_series(series)
    asked: dict[str, Value] = {"orgs": sorted(orgs), "series": ids, "start": low, "end": high, "points": EXPORT_ROWS}
    source = store or client()
    sql = charting.warm(source, sorted(orgs), ids, low, high, "texts")(queries.STATES)
    return source.query_arrow(sql, asked, orgs=orgs, limit_seconds=30)


def _column(table: pa.Table, name: str) -> list[int]:
    numbers: list[int] = table.column(name).to_pylist()
    return numbers

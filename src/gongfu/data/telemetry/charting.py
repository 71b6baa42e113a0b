"""The points of a chart: from the readings themselves, or from the roll-ups that suit its width."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gongfu.data.telemetry import queries, rules
from gongfu.data.telemetry.rollup_sql import FINE
from gongfu.kernel.store import StoreClient, Value

FEW: Final = 4
"""Up to so many series are asked for with one thread: the pieces of a second one cost more than it brings."""


class Point(msgspec.Struct, frozen=True, array_like=True):
    """One point of a chart: milliseconds since 1970 UTC, value (None: the line is interrupted), quality."""

    time: int
    value: float | str | None
    quality: int


class History(msgspec.Struct, frozen=True):
    """Points of one series in time order; ``complete`` when no reading was left out."""

    series: int
    points: list[Point]
    complete: bool


def numbers(
    source: StoreClient, orgs: Sequence[int], ids: Sequence[int], low: int, high: int, points: int
) -> dict[int, History]:
    """Charts of the numeric series ``ids`` from ``low`` to before ``high`` (microseconds); silent ones are absent."""
    width = rules.bucket_width(low, high, points)
    found: dict[int, History] = {}
    if width >= 1_000_000:
        found = _rolled(source, orgs, ids, low, high, points, width)
    if rest := [one for one in ids if one not in found]:
        found |= _read(source, orgs, rest, low, high, points, width)
    return found


def _rolled(
    source: StoreClient, orgs: Sequence[int], ids: Sequence[int], low: int, high: int, points: int, width: int
) -> dict[int, History]:
    """Charts of those series whose roll-ups are fine enough and hold more than the chart can show."""
    asked: dict[str, Value] = {"orgs": orgs, "series": ids}
    threads = 1 if len(ids) <= FEW else 2
    pending = source.query_arrow(queries.PENDING, asked, orgs=orgs, threads=threads)
    since = dict(zip(_column(pending, "series"), _column(pending, "since"), strict=True))
    fine: set[int] = set()
    if width < 60_000_000:
        fine = set(_column(source.query_arrow(queries.FINE, {**asked, "fine": FINE}, orgs=orgs), "series"))
    now = time.time_ns() // 1000
    jobs: dict[tuple[int, int], list[int]] = {}
    for one in ids:
        step = rules.rollup_step(width, fine=one in fine)
        until = rules.rolled_until(low, high, since.get(one), now)
        # A bucket is drawn from one source: it changes where a bucket begins.
        until = low + (until - low) // width * width
        if step and until > low:
            jobs.setdefault((step, until), []).append(one)
    found: dict[int, History] = {}
    for (step, until), some in jobs.items():
        span: dict[str, Value] = {"orgs": orgs, "series": some, "start": low, "end": until, "width": width}
        rows = source.query_arrow(queries.ROLLED, {**span, "step": step}, orgs=orgs, threads=threads)
        rolled = dict(by_series(rows))
        if many := [one for one, part in rolled.items() if pc.sum(part.column("n")).as_py() > points]:
            newer: dict[int, pa.Table] = {}
            if until < high:
                tail = {**span, "series": many, "start": until, "end": high}
                newer = dict(by_series(source.query_arrow(queries.DOWN, tail, orgs=orgs, threads=threads)))
            for one in many:
                parts = [_extremes(_buckets(rolled[one], low, width, step))]
                if one in newer:
                    parts.append(newer[one].select(["t", "x", "q"]))
                found[one] = _history(one, pa.concat_tables(parts, promote_options="permissive"), width)
    return found


def _buckets(rows: pa.Table, low: int, width: int, step: int) -> dict[str, NDArray[Any]]:
    """Roll-ups of one series by bucket of the chart: least and greatest, each with time (µs) and quality.

    A row belongs to the bucket its beginning lies in, its extremes are drawn in its middle.
    """
    at = rows.column("at").to_numpy().astype(np.int64) * 1_000_000
    good, worst = rows.column("good").to_numpy(), rows.column("worst").to_numpy()
    middle, bucket = at + step * 500_000, (at - low) // width
    heads = np.flatnonzero(np.diff(bucket, prepend=-1))
    part = np.repeat(np.arange(len(heads)), np.diff(heads, append=len(at)))
    found = {
        "finite": np.add.reduceat(good.astype(np.int64), heads),
        "first": middle[heads],
        "worst": np.maximum.reduceat(worst, heads),
    }
    for name, none, extreme in (("least", np.inf, np.minimum), ("greatest", -np.inf, np.maximum)):
        values = np.where(good > 0, rows.column(name).to_numpy(), none)
        best = extreme.reduceat(values, heads)
        equal = np.flatnonzero(values == best[part])
        row = equal[np.unique(part[equal], return_index=True)[1]]
        found |= {f"{name}_x": best, f"{name}_t": middle[row], f"{name}_q": worst[row]}
    return found


def _extremes(buckets: Mapping[str, NDArray[Any]]) -> pa.Table:
    """Least and greatest of each of the :func:`_buckets` as points in time order."""
    empty = buckets["finite"] == 0
    two = ~empty & (buckets["least_x"] != buckets["greatest_x"])
    row = np.repeat(np.arange(len(two)), 1 + two)
    second = np.zeros(len(row), np.bool_)
    second[1:] = row[1:] == row[:-1]
    late = buckets["least_t"] > buckets["greatest_t"]  # the least came after the greatest
    greatest = two[row] & (second != late[row])
    t, x, q = (np.where(greatest, buckets[f"greatest_{k}"][row], buckets[f"least_{k}"][row]) for k in "txq")
    bare = empty[row]
    return pa.table(
        {
            "t": np.where(bare, buckets["first"][row], t),
            "x": np.where(bare, np.nan, x),
            "q": np.where(bare, buckets["worst"][row], q),
        }
    )


def root_mean_square(values: NDArray[np.float64]) -> float | None:
    """What a chart and a live view show of an array; None when it is empty or holds no number."""
    if not len(values) or not np.isfinite(values).all():
        return None
    return float(np.sqrt(np.mean(values * values)))


def thinned(values: NDArray[np.float64], points: int) -> NDArray[np.int64]:
    """Places of at most ``points`` elements of an array, ascending: the least and greatest of equal parts."""
    if len(values) <= points:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), max(1, points // 2) + 1).astype(np.int64)
    kept = {int(a + pick(values[a:b])) for a, b in itertools.pairwise(edges) for pick in (np.argmin, np.argmax)}
    return np.array(sorted(kept), np.int64)


def warm(
    source: StoreClient, orgs: Sequence[int], ids: Sequence[int], low: int, high: int, table: str = "readings"
) -> Callable[[str], str]:
    """What turns a question over ``table`` into one that also finds what lies in files, where there is any."""
    if low >= rules.month_began(time.time_ns() // 1000):
        return str
    asked: dict[str, Value] = {"orgs": orgs, "series": ids, "start": low, "end": high}
    found = _column(source.query_arrow(queries.COLD[table], asked, orgs=orgs), "n")
    return partial(queries.with_cold, table=table) if found and found[0] else str


def _read(
    source: StoreClient, orgs: Sequence[int], ids: Sequence[int], low: int, high: int, points: int, width: int
) -> dict[int, History]:
    """Charts from the readings."""
    asked: dict[str, Value] = {"orgs": orgs, "start": low, "end": high}
    whole = warm(source, orgs, ids, low, high)
    counts = source.query_arrow(whole(queries.COUNTS), {**asked, "series": ids}, orgs=orgs)
    count = dict(zip(_column(counts, "series"), _column(counts, "n"), strict=True))
    found: dict[int, History] = {}
    if small := [one for one in ids if 0 < count.get(one, 0) <= points]:
        table = source.query_arrow(whole(queries.RAW), {**asked, "series": small}, orgs=orgs)
        found |= {one: _history(one, part, 0) for one, part in by_series(table)}
    if large := [one for one in ids if count.get(one, 0) > points]:
        table = source.query_arrow(whole(queries.DOWN), {**asked, "series": large, "width": width}, orgs=orgs)
        found |= {one: _history(one, part, width) for one, part in by_series(table)}
    return found


def _history(series: int, table: pa.Table, width: int) -> History:
    times = table.column("t").to_numpy()
    values = table.column("x").to_numpy()
    qualities = table.column("q").to_numpy()
    spacing = rules.usual_spacing(times)
    interrupted = set(rules.breaks(times, rules.gap_threshold(spacing, width)).tolist())
    points: list[Point] = []
    finite = np.isfinite(values)
    for index, (moment, value, quality) in enumerate(
        zip(times.tolist(), values.tolist(), qualities.tolist(), strict=True)
    ):
        points.append(Point(moment // 1000, value if finite[index] else None, quality))
        if index in interrupted:
            points.append(Point(moment // 1000 + 1, None, 0))
    return History(series, points, width == 0)


def by_series(table: pa.Table) -> list[tuple[int, pa.Table]]:
    """Slices of a table sorted by series."""
    keys = table.column("series").to_numpy()
    starts = np.flatnonzero(np.diff(keys, prepend=-1 if len(keys) else [])).tolist()
    ends = [*starts[1:], len(keys)]
    return [(int(keys[a]), table.slice(a, b - a)) for a, b in zip(starts, ends, strict=True)] if len(keys) else []


def _column(table: pa.Table, name: str) -> list[int]:
    numbers: list[int] = table.column(name).to_pylist()
    return numbers

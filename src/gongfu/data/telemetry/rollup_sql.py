"""How roll-ups follow from readings, as SQL. Every statement computes whole buckets from what is stored below them.

A value counts as held from its reading to the next one, at most for the series' ``hold``; a bad reading holds
nothing. What is held runs on into later buckets, so the bucket before a range is read too, and buckets without a
reading appear where something is still held.

The ranges stand in the table ``rolling``. Buckets of a range that were there and now hold nothing are written as
empty rows: rows can be replaced, not taken back. All numbers written into the text are ours.
"""
# ruff: noqa: S608 - the parts put together here are constants and integers

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gongfu.data.telemetry.schema import DURATIONS, MERGED, ROLLUPS

SECOND: Final = 1
MINUTE: Final = 60
TEN: Final = 600
"""Ten minutes: a chart of a week or a month, and shifts and breaks that begin at ten past, half past or ten to."""
HOUR: Final = 3600
DAY: Final = 86_400
STEPS: Final = (SECOND, MINUTE, TEN, HOUR, DAY)
"""Seconds of a bucket, at each level of the table ``rollups``."""
HOLD: Final = 300
"""Seconds a value counts as held when the series says nothing: five times the usual longest silence."""
FINE: Final = 0.2
"""Series read more often than every so many seconds have roll-ups of one second."""
MOST_STATES: Final = 100
"""States kept for a bucket, the longest; the rest is added up under an empty name."""
SHORT: Final = 600_000_000
"""Holds up to this (microseconds) are computed together; longer ones apart, as they look back further."""
KEY: Final = "bitOr(bitShiftLeft(toUInt64(org), 32), toUInt64(series))"
"""A series as one number, in the order in which tables are sorted: neighbours lie together on disk."""
_MICRO: Final = 1_000_000


@dataclass(frozen=True)
class Window:
    """Work for one statement: buckets from ``start`` to before ``end`` (seconds, whole minutes) of some series."""

    start: int
    end: int
    longest: int
    """Longest hold among them, microseconds: how far back a value may come from."""
    short: bool
    """Only series with a hold up to :data:`SHORT`, or only those with a longer one."""
    first: int = 0
    last: int = (1 << 64) - 1
    """Only series whose :data:`KEY` lies between, both included."""

    def shares(self, other: Window) -> bool:
        """Whether some series may be in both."""
        return self.first <= other.last and other.first <= self.last


def _ranges(window: Window, chosen: str) -> str:
    """The ranges of a window, one for each series, in microseconds."""
    return (
        "SELECT org, series,"
        f" toInt64(greatest(min(lo), {window.start})) * {_MICRO} AS from_us,"
        f" toInt64(least(max(hi), {window.end})) * {_MICRO} AS to_us, max(hold) AS hold_us"
        f" FROM rolling WHERE {overlap(window)} AND {chosen} GROUP BY org, series"
    )


def overlap(window: Window) -> str:
    """The condition on rows of ``rolling`` that the window takes."""
    held = f"hold {'<=' if window.short else '>'} {SHORT}"
    keys = f"{KEY} BETWEEN {window.first} AND {window.last}"
    return f"lo < {window.end} AND hi > {window.start} AND hi > lo AND {held} AND {keys}"


def _raw(window: Window, source: str, columns: str, chosen: str, more: str = "1") -> str:
    """Readings of the ranges and of one hold before each, as ``t`` and ``columns``, with the range they are for."""
    begin = max(0, window.start * _MICRO - window.longest)
    return (
        f"SELECT r.org AS org, r.series AS series, toUnixTimestamp64Micro(r.ts) AS t, {columns},"
        " d.from_us AS from_us, d.to_us AS to_us, d.hold_us AS hold_us"
        f" FROM (SELECT * FROM {source} FINAL WHERE ts >= fromUnixTimestamp64Micro({begin}, 'UTC')"
        f" AND ts < fromUnixTimestamp64Micro({window.end * _MICRO}, 'UTC')"
        f" AND (org, series) IN (SELECT org, series FROM ({_ranges(window, chosen)}))) AS r"
        f" INNER JOIN ({_ranges(window, chosen)}) AS d ON r.org = d.org AND r.series = d.series"
        f" WHERE t >= from_us - hold_us AND t < to_us AND {more}"
    )


def numbers(step: int, window: Window, *, again: bool) -> str:
    """Roll-ups of ``step`` 1 or 60 from the readings themselves; ``again``: some stand there (:func:`standing`)."""
    us = step * _MICRO
    chosen = _numbered(step)
    buckets = (
        f"SELECT org, series, from_us, to_us, hold_us, intDiv(t, {us}) AS b, count() AS n,"
        " countIf(isFinite(x)) AS good, minIf(x, isFinite(x)) AS least_x,"
        " maxIf(x, isFinite(x)) AS greatest_x, sumIf(x, isFinite(x)) AS total_x, minIf(t, isFinite(x)) AS first_t,"
        " argMinIf(x, t, isFinite(x)) AS first_x, maxIf(t, isFinite(x)) AS last_t,"
        " argMaxIf(x, t, isFinite(x)) AS last_x,"
        " max(q) AS worst, arraySort(groupArray((t, x))) AS points FROM ("
        + _raw(window, "readings", "if(r.quality < 2 AND isFinite(r.value), r.value, nan) AS x, r.quality AS q", chosen)
        + ") GROUP BY org, series, from_us, to_us, hold_us, b"
    )
    measured = (
        "SELECT * EXCEPT (points), tupleElement(points[1], 1) AS head_t, tupleElement(points[-1], 1) AS tail_t,"
        " tupleElement(points[-1], 2) AS tail_x,"
        " arrayPopBack(arrayMap(p -> tupleElement(p, 2), points)) AS xs,"
        " arrayMap(g -> least(g, hold_us), arrayPopFront(arrayDifference(arrayMap(p -> tupleElement(p, 1), points))))"
        " AS gaps, arraySum((x, g) -> if(isFinite(x), g, 0), xs, gaps) AS held_in,"
        " arraySum((x, g) -> if(isFinite(x), x * g, 0), xs, gaps) AS area_in"
        f" FROM ({buckets})"
    )
    chained = (
        "SELECT * EXCEPT (xs, gaps), lagInFrame(tail_t, 1, toInt64(0)) OVER w AS before_t,"
        " lagInFrame(tail_x, 1, nan) OVER w AS before_x, leadInFrame(b, 1, toInt64(-1)) OVER w AS next_b"
        f" FROM ({measured}) WINDOW w AS (PARTITION BY org, series ORDER BY b"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    )
    # The bucket itself (k = b) and those after it in which its last value is still held.
    spread = (
        f"SELECT *, if(isFinite(before_x), greatest(0, least(before_t + hold_us, head_t) - b * {us}), 0) AS came_in,"
        f" if(isFinite(tail_x), least((b + 1) * {us}, tail_t + hold_us) - tail_t, 0) AS went_on,"
        f" greatest(b, least(if(next_b < 0, intDiv(to_us, {us}), next_b) - 1, intDiv(to_us, {us}) - 1,"
        f" if(isFinite(tail_x), intDiv(tail_t + hold_us - 1, {us}), b))) AS last_b"
        f" FROM ({chained})"
    )
    fresh = (
        f"SELECT org, series, toDateTime(k * {step}, 'UTC') AS at, 1 AS real, (k = b) AS own,"
        " if(own, n, 0) AS n_, if(own, good, 0) AS good_, own AND good > 0 AS known,"
        " if(known, least_x, nan) AS l, if(known, greatest_x, nan) AS g, if(known, total_x, 0.) AS s,"
        " if(known, first_t, 0) AS ft, if(known, first_x, nan) AS f, if(known, last_t, 0) AS lt,"
        " if(known, last_x, nan) AS la,"
        f" if(own, area_in + if(came_in > 0, before_x * came_in, 0.) + if(went_on > 0, tail_x * went_on, 0.),"
        f" tail_x * (least((k + 1) * {us}, tail_t + hold_us) - k * {us})) / {_MICRO} AS a,"
        f" if(own, held_in + came_in + went_on, least((k + 1) * {us}, tail_t + hold_us) - k * {us}) / {_MICRO} AS h,"
        f" if(own, worst, 0) AS w_ FROM ({spread}) ARRAY JOIN range(b, last_b + 1) AS k"
        f" WHERE k >= intDiv(from_us, {us})"
    )
    row = ("n_", "good_", "l", "g", "s", "ft", "f", "lt", "la", "a", "h", "w_")
    rows = f"SELECT org, series, at, {', '.join(row)} FROM ({fresh})"
    if again:
        gone = (
            "SELECT r.org, r.series, r.start, 0, 0, 0, nan, nan, 0., 0, nan, 0, nan, 0., 0., 0"
            f" FROM ({_there(ROLLUPS.name, step, window, chosen)}) AS r"
        )
        rows = (
            f"SELECT org, series, at, {', '.join(f'tupleElement(row, {i}) AS {name}' for i, name in enumerate(row, 1))}"
            f" FROM (SELECT org, series, at, argMax(({', '.join(row)}), real) AS row"
            f" FROM (SELECT org, series, at, real, {', '.join(row)} FROM ({fresh}) UNION ALL {gone})"
            " GROUP BY org, series, at)"
        )
    return (
        f"INSERT INTO rollups ({_names(ROLLUPS.columns)}) SELECT org, series, {step}, at, n_, good_, l, g, s,"
        " fromUnixTimestamp64Micro(toInt64(ft), 'UTC'), f, fromUnixTimestamp64Micro(toInt64(lt), 'UTC'), la, a, h, w_"
        f" FROM ({rows})"
    )


def coarser(step: int, window: Window) -> str:
    """Roll-ups of ``step`` 600, 3600 or 86400 from those one level below."""
    below = STEPS[STEPS.index(step) - 1]
    return (
        f"INSERT INTO rollups ({_names(ROLLUPS.columns)}) SELECT org, series, {step}, at, {MERGED}"
        f" FROM ({_below(ROLLUPS.name, step, below, window, 'text = 0')}) GROUP BY org, series, at"
    )


def states(window: Window, *, text: bool, again: bool) -> str:
    """How long each state lasted in each minute, from texts, or from the codes of series that are states.

    ``again``: some stand there (:func:`standing_states`).
    """
    us = MINUTE * _MICRO
    chosen = _stated(text)
    columns = (
        "r.text AS state, r.quality < 2 AS known"
        if text
        else "toString(r.value) AS state, r.quality < 2 AND isFinite(r.value) AS known"
    )
    lasting = (
        "SELECT *, least(t + hold_us, leadInFrame(t, 1, toInt64(9000000000000000000)) OVER (PARTITION BY org, series"
        " ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), to_us) AS until_t,"
        " greatest(t, from_us) AS since_t FROM (" + _raw(window, "texts" if text else "readings", columns, chosen) + ")"
    )
    parts = (
        "SELECT org, series, k, state,"
        f" sum(least(until_t, (k + 1) * {us}) - greatest(since_t, k * {us})) / {_MICRO} AS seconds"
        f" FROM ({lasting}) ARRAY JOIN range(intDiv(since_t, {us}), intDiv(until_t - 1, {us}) + 1) AS k"
        " WHERE known AND until_t > since_t GROUP BY org, series, k, state"
    )
    fresh = (
        f"SELECT org, series, toDateTime(k * {MINUTE}, 'UTC') AS at, 1 AS real,"
        f" {_longest('arrayReverseSort(p -> tupleElement(p, 1), groupArray((seconds, state)))')} AS kept"
        f" FROM ({parts}) GROUP BY org, series, k"
    )
    rows = f"SELECT org, series, at, kept FROM ({fresh})"
    if again:
        gone = (
            "SELECT r.org, r.series, r.start, 0, CAST(([], []), 'Map(String, Float64)')"
            f" FROM ({_there(DURATIONS.name, MINUTE, window, chosen)}) AS r"
        )
        rows = (
            f"SELECT org, series, at, argMax(kept, real) AS kept FROM ({fresh} UNION ALL {gone})"
            " GROUP BY org, series, at"
        )
    return f"INSERT INTO durations ({_names(DURATIONS.columns)}) SELECT org, series, {MINUTE}, at, kept FROM ({rows})"


def coarser_states(step: int, window: Window, *, text: bool) -> str:
    """Durations of ``step`` 600, 3600 or 86400 from those one level below."""
    below = STEPS[STEPS.index(step) - 1]
    chosen = _stated(text)
    pairs = "arrayReverseSort(p -> tupleElement(p, 1), arrayZip(mapValues(all_states), mapKeys(all_states)))"
    return (
        f"INSERT INTO durations ({_names(DURATIONS.columns)}) SELECT org, series, {step}, at, {_longest(pairs)} FROM ("
        "SELECT org, series, at, sumMap(states) AS all_states"
        f" FROM ({_below(DURATIONS.name, step, below, window, chosen)}) GROUP BY org, series, at)"
    )


def standing(step: int, window: Window) -> str:
    """How many buckets of :func:`numbers` are there already: most often none, and then nothing is to be replaced."""
    return f"SELECT count() FROM ({_there(ROLLUPS.name, step, window, _numbered(step))})"


def standing_states(window: Window, *, text: bool) -> str:
    """The same for :func:`states`."""
    return f"SELECT count() FROM ({_there(DURATIONS.name, MINUTE, window, _stated(text))})"


def _numbered(step: int) -> str:
    return "text = 0 AND fine = 1" if step == SECOND else "text = 0"


def _stated(text: bool) -> str:
    return "text = 1" if text else "text = 0 AND states = 1"


def _longest(pairs: str) -> str:
    """A map of the longest states in ``pairs`` of (seconds, state), longest first; the others under an empty name."""
    head, rest = f"arraySlice({pairs}, 1, {MOST_STATES})", f"arraySlice({pairs}, {MOST_STATES + 1})"
    # sumMap of two maps, for a state whose name is empty.
    return (
        f"CAST(arrayMap(p -> (tupleElement(p, 2), tupleElement(p, 1)), arrayConcat({head},"
        f" if(empty({rest}), [], [(arraySum(p -> tupleElement(p, 1), {rest}), '')]))), 'Map(String, Float64)')"
    )


def _there(table: str, step: int, window: Window, chosen: str) -> str:
    """Buckets that exist in the ranges."""
    return (
        f"SELECT t.org AS org, t.series AS series, t.start AS start FROM (SELECT org, series, start FROM {table} FINAL"
        f" WHERE step = {step} AND start >= toDateTime({window.start}, 'UTC')"
        f" AND start < toDateTime({window.end}, 'UTC')"
        f" AND (org, series) IN (SELECT org, series FROM ({_ranges(window, chosen)}))) AS t"
        f" INNER JOIN ({_ranges(window, chosen)}) AS d ON t.org = d.org AND t.series = d.series"
        f" WHERE toInt64(toUnixTimestamp(t.start)) * {_MICRO} >= d.from_us"
        f" AND toInt64(toUnixTimestamp(t.start)) * {_MICRO} < d.to_us"
    )


def _below(table: str, step: int, below: int, window: Window, chosen: str) -> str:
    """Rows of the level ``below``, with the bucket of ``step`` each belongs to as ``at``; whole buckets only."""
    start, end = window.start // step * step, -(-window.end // step) * step
    us = step * _MICRO
    return (
        f"SELECT t.*, toDateTime(intDiv(toUnixTimestamp(t.start), {step}) * {step}, 'UTC') AS at"
        f" FROM (SELECT * FROM {table} FINAL WHERE step = {below} AND start >= toDateTime({start}, 'UTC')"
        f" AND start < toDateTime({end}, 'UTC')"
        f" AND (org, series) IN (SELECT org, series FROM ({_ranges(window, chosen)}))) AS t"
        f" INNER JOIN ({_ranges(window, chosen)}) AS d ON t.org = d.org AND t.series = d.series"
        f" WHERE toInt64(toUnixTimestamp(at)) * {_MICRO} >= intDiv(d.from_us, {us}) * {us}"
        f" AND toInt64(toUnixTimestamp(at)) * {_MICRO} < d.to_us"
    )


def _names(columns: tuple[object, ...]) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)  # type: ignore[attr-defined]

"""Readings of tags as tables: thinned for a screen, or every one of them page by page."""

# ruff: noqa: S608 - the parts put together here are constants

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from gongfu.data.access import thinning
from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.store import StoreClient, Value, client

PAGE: Final = 100_000
"""Rows of one page: what an export holds in memory, whatever its length."""
_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
METHODS: Final = ("minmax", "lttb")
_TIME: Final = pa.timestamp("us", "UTC")
_NAME: Final = pa.dictionary(pa.int32(), pa.string())
SCHEMA: Final = pa.schema(
    [
        ("device", _NAME),
        ("tag", _NAME),
        ("unit", _NAME),
        ("time", _TIME),
        ("value", pa.float64()),
        ("text", pa.string()),
        ("quality", pa.uint8()),
    ]
)
"""Columns of every table here; ``value`` is null for text, for what is no number and for a gap."""
_WHERE: Final = (
    "WHERE org IN {orgs:Array(UInt32)} AND series = {series:UInt32}"
    " AND ts >= fromUnixTimestamp64Micro({start:Int64}) AND ts < fromUnixTimestamp64Micro({end:Int64})"
)
_PAGE: Final = " ORDER BY t LIMIT {limit:UInt32}"
_NUMBERS: Final = "SELECT toUnixTimestamp64Micro(ts) AS t, value, '' AS text, quality FROM"
_TEXTS: Final = "SELECT toUnixTimestamp64Micro(ts) AS t, nan AS value, text, quality FROM"
_QUESTIONS: Final = {
    # Months in files lie beside the table, never in both.
    False: f"SELECT * FROM ({_NUMBERS} readings FINAL {_WHERE} UNION ALL {_NUMBERS} readings_cold {_WHERE}){_PAGE}",
    True: f"SELECT * FROM ({_TEXTS} texts FINAL {_WHERE} UNION ALL {_TEXTS} texts_cold {_WHERE}){_PAGE}",
}


@dataclass(frozen=True)
class Wanted:
    """A tag somebody may see, with the names that mean something outside this node."""

    series: int
    org: int
    device: str
    tag: str
    name: str
    unit: str
    text: bool
    array: bool = False


@dataclass(frozen=True)
class Line:
    """Points of one tag in time order: microseconds UTC, value (NaN: interrupted or text), text, quality."""

    tag: Wanted
    times: np.ndarray[tuple[int], np.dtype[np.int64]]
    values: np.ndarray[tuple[int], np.dtype[np.float64]]
    texts: list[str]
    qualities: np.ndarray[tuple[int], np.dtype[np.uint8]]
    complete: bool

    def table(self) -> pa.Table:
        """The points as rows of :data:`SCHEMA`."""
        return _table(self.tag, self.times, self.values, self.texts, self.qualities)


class Series(msgspec.Struct, frozen=True):
    """One tag of an answer in JSON; ``points`` are ``[milliseconds, value or null, quality]``."""

    tag: int
    name: str
    unit: str
    points: list[telemetry.Point]
    complete: bool


class Answer(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """History in JSON; times in milliseconds since 1970 UTC."""

    series: list[Series]
    start: int
    end: int
    method: str


def history(
    tags: Sequence[Wanted],
    start: datetime,
    end: datetime,
    points: int,
    method: str = "minmax",
    *,
    store: StoreClient | None = None,
) -> list[Line]:
    """At most about ``points`` of each of ``tags``; gaps stay. Raises :class:`Invalid`, :class:`Unavailable`.

    ``minmax`` shows every spike; ``lttb`` shows the shape, chosen from four times as many least and greatest values.
    """
    if method not in METHODS:
        raise Invalid(mark("There is no method {name}."), remedy=mark("Use minmax or lttb."), name=method[:20])
    asked = min(4 * points, 20_000) if method == "lttb" else points
    found: dict[int, Line] = {}
    for read, text in ((telemetry.history, False), (telemetry.states, True)):
        part = {tag.series: tag for tag in tags if tag.text is text}
        if part:
            orgs = sorted({tag.org for tag in part.values()})
            for one in read(orgs, list(part), start, end, points if text else asked, store=store):
                found[one.series] = _line(part[one.series], one, None if text or method != "lttb" else points)
    return [found[tag.series] for tag in tags]


def answer(lines: Sequence[Line], start: datetime, end: datetime, method: str) -> Answer:
    """``lines`` for a script."""
    return Answer([_series(line) for line in lines], _milliseconds(start), _milliseconds(end), method)


def pages(
    tags: Sequence[Wanted], start: datetime, end: datetime, *, store: StoreClient | None = None, size: int = PAGE
) -> Iterator[pa.Table]:
    """Every reading of ``tags``, tag by tag in time order, in tables of at most ``size`` rows of :data:`SCHEMA`.

    What arrives meanwhile may or may not be there; nothing else is missing or doubled.
    """
    source = store or client()
    last = _microseconds(end)
    for tag in tags:
        begin, width = _microseconds(start), _DAY
        while begin < last:
            # A window that suits the pace of the tag: the store sorts no more than it holds.
            stop = min(begin + width, last)
            asked: dict[str, Value] = {
                "orgs": [tag.org],
                "series": tag.series,
                "start": begin,
                "end": stop,
                "limit": size,
            }
            table = source.query_arrow(_QUESTIONS[tag.text], asked, orgs=[tag.org], limit_seconds=30)
            times = table.column("t").to_numpy()
            if count := len(times):
                yield _table(
                    tag,
                    times,
                    table.column("value").to_numpy(),
                    table.column("text").to_pylist() if tag.text else [""] * count,
                    table.column("quality").to_numpy(),
                )
            if count == size:
                begin, width = int(times[-1]) + 1, max(width // 2, _SECOND)  # one series has one reading of a time
            else:
                begin, width = stop, width * 2 if count < size // 4 else width


def last_values(tags: Collection[Wanted], *, store: StoreClient | None = None) -> Mapping[int, telemetry.LastValue]:
    """The newest reading of each of ``tags`` that has one."""
    orgs = sorted({tag.org for tag in tags})
    return telemetry.last_values(orgs, [tag.series for tag in tags], store=store)


def _line(tag: Wanted, found: telemetry.History, points: int | None) -> Line:
    times = np.array([point.time for point in found.points], np.int64) * 1000
    values = np.array([p.value if isinstance(p.value, float | int) else np.nan for p in found.points], np.float64)
    texts = [point.value if isinstance(point.value, str) else "" for point in found.points]
    qualities = np.array([point.quality for point in found.points], np.uint8)
    complete = found.complete
    if points is not None and len(times) > points:
        kept = thinning.thinned(times, values, points)
        times, values, qualities = times[kept], values[kept], qualities[kept]
        texts, complete = [""] * len(kept), False
    return Line(tag, times, values, texts, qualities, complete)


def _series(line: Line) -> Series:
    finite = np.isfinite(line.values).tolist()
    shown: list[float | str | None] = [
        text if line.tag.text else value if good else None
        for value, text, good in zip(line.values.tolist(), line.texts, finite, strict=True)
    ]
    rows = zip((line.times // 1000).tolist(), shown, line.qualities.tolist(), strict=True)
    made = [telemetry.Point(time, value, quality) for time, value, quality in rows]
    return Series(line.tag.series, line.tag.name, line.tag.unit, made, line.complete)


def _table(
    tag: Wanted,
    times: np.ndarray[tuple[int], np.dtype[np.int64]],
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    texts: list[str],
    qualities: np.ndarray[tuple[int], np.dtype[np.uint8]],
) -> pa.Table:
    count = len(times)
    names = [_repeated(text, count) for text in (tag.device, tag.tag, tag.unit)]
    numbers = pa.array(values, mask=~np.isfinite(values))
    words = pa.array(texts, pa.string()) if tag.text else pa.nulls(count, pa.string())
    columns = [*names, pa.array(times, pa.int64()).cast(_TIME), numbers, words, pa.array(qualities, pa.uint8())]
    return pa.table(columns, schema=SCHEMA)


def _repeated(text: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([text], pa.string()))


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)


def _milliseconds(moment: datetime) -> int:
    return _microseconds(moment) // 1000

"""Readings for programs, described in the node's OpenAPI document: JSON, CSV, Arrow and Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Field, Query, Router, Schema

from gongfu.data.access import files, reading, services
from gongfu.data.access.reading import Wanted
from gongfu.data.telemetry import rules
from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.files import streamed

router = Router()
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
MOST_WAVES = 1000
"""Arrays of one tag in one answer."""
MOST_POINTS = 500_000
"""Points of all tags of one history; an export has no limit."""


class Tags(Schema):
    """Tags by number (``tag``) or by name (``name``, as ``PUMP-01/flow`` or ``PUMP-01/*``); both may be repeated."""

    tag: list[int] = []
    name: list[str] = []


class Range(Tags):
    """A time range, by default the last hour: ISO 8601 with a time zone, or milliseconds since 1970."""

    begin: str = Field("", alias="from")
    end: str = Field("", alias="to")
    points: int = 1000
    method: str = "minmax"
    format: str = "json"


class Whole(Tags):
    """Every reading of a range."""

    begin: str = Field("", alias="from")
    end: str = Field("", alias="to")
    format: str = "csv"


class Arrays(Tags):
    """Arrays of a time range, by default the last hour."""

    begin: str = Field("", alias="from")
    end: str = Field("", alias="to")
    points: int = 1000
    limit: int = 1


class Wave(Schema):
    """One array; ``points`` are pairs of place, from 0, and value."""

    tag: int
    device: str
    key: str
    unit: str
    time: datetime
    """Of the first element."""
    rate: float
    """Elements a second; 0 when they are no samples in time."""
    quality: int
    length: int
    rms: float | None
    points: list[tuple[int, float | None]]


class Waves(Schema):
    """Arrays, youngest first within each tag."""

    waveforms: list[Wave]


class Last(Schema):
    """The newest reading of a tag."""

    tag: int
    device: str
    key: str
    unit: str
    time: datetime
    value: float | str | None
    quality: int
    length: int = 0
    """Elements of an array, which has no single value; 0 for anything else."""


class LastValues(Schema):
    """Newest readings; a tag that never reported is absent."""

    values: list[Last]


@router.get("/telemetry/history", summary="History of tags, thinned to the width of a screen")
def history(request: HttpRequest, query: Query[Range]) -> HttpResponse:
    """At most about ``points`` of each tag: ``minmax`` shows every spike, ``lttb`` the shape. Gaps stay.

    ``format`` json, csv, arrow or parquet.
    """
    kind = files.check(query.format, ("json", "csv", "arrow", "parquet"))
    tags = _of_single_values(_tags(request, query))
    start, end = _range(query.begin, query.end)
    rules.check_points(query.points)
    if len(tags) * query.points > MOST_POINTS:
        raise Invalid(
            mark("{count} points are too many for one question."),
            remedy=mark("Ask for fewer tags or points, or for an export."),
            count=len(tags) * query.points,
        )
    lines = reading.history(tags, start, end, query.points, query.method)
    if kind == "json":
        body = msgspec.json.encode(reading.answer(lines, start, end, query.method))
        answer = HttpResponse(body, content_type="application/json")
    else:
        body = b"".join(files.stream(kind, reading.SCHEMA, (line.table() for line in lines)))
        answer = HttpResponse(body, content_type=files.TYPES[kind])
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.get("/telemetry/export", summary="Every reading of tags as CSV, Arrow or Parquet")
def export(request: HttpRequest, query: Query[Whole]) -> HttpResponseBase:
    """A file of any length, sent page by page: tag by tag in time order, numbers and texts."""
    kind = files.check(query.format)
    tags = _of_single_values(_tags(request, query))
    start, end = _range(query.begin, query.end)
    pages = reading.pages(tags, start, end)
    first = next(pages, None)  # a store that is away is told before anything is sent
    answer = streamed(request, files.stream(kind, reading.SCHEMA, _again(first, pages)), files.TYPES[kind])
    name = f"{tags[0].device}-{start:%Y%m%dT%H%M%S}-{end:%Y%m%dT%H%M%S}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@router.get("/telemetry/waveforms", summary="Arrays and waveforms of tags", response=Waves)
def waveforms(request: HttpRequest, query: Query[Arrays]) -> Waves:
    """The youngest ``limit`` arrays of each tag in the range, youngest first.

    Each comes as about ``points`` pairs of place and value, the least and greatest of equal parts; an array of no more
    elements comes whole. Tags that are no arrays are left out.
    """
    tags = {tag.series: tag for tag in _tags(request, query) if tag.array}
    start, end = _range(query.begin, query.end)
    rules.check_points(query.points)
    if not 0 < query.limit <= MOST_WAVES or len(tags) * query.limit * query.points > MOST_POINTS:
        raise Invalid(
            mark("{count} points are too many for one question."),
            remedy=mark("Ask for fewer tags, arrays or points."),
            count=len(tags) * query.limit * query.points,
        )
    orgs = sorted({tag.org for tag in tags.values()})
    found = telemetry.arrays(orgs, list(tags), start, end, query.points, limit=query.limit)
    return Waves(waveforms=[_wave(tags[one.series], one) for one in found])


@router.get("/telemetry/last", summary="Newest reading of tags", response=LastValues)
def last(request: HttpRequest, query: Query[Tags]) -> LastValues:
    """Only tags the caller may see."""
    tags = {tag.series: tag for tag in _tags(request, query)}
    found = reading.last_values(tags.values())
    return LastValues(values=[_last(tags[one.series], one) for one in found.values()])


def _last(tag: Wanted, one: telemetry.LastValue) -> Last:
    return Last(
        tag=tag.series,
        device=tag.device,
        key=tag.tag,
        unit=tag.unit,
        time=datetime.fromtimestamp(one.time / 1e6, UTC),
        value=one.point.value,
        quality=one.quality,
        length=one.length,
    )


def _wave(tag: Wanted, one: telemetry.Waveform) -> Wave:
    return Wave(
        tag=tag.series,
        device=tag.device,
        key=tag.tag,
        unit=tag.unit,
        time=datetime.fromtimestamp(one.time / 1e6, UTC),
        rate=one.rate,
        quality=one.quality,
        length=one.length,
        rms=one.mean,
        points=one.points,
    )


def _of_single_values(tags: list[Wanted]) -> list[Wanted]:
    """Without arrays; raises :class:`Invalid` when nothing else was asked for."""
    found = [tag for tag in tags if not tag.array]
    if tags and not found:
        raise Invalid(
            mark("{tag} is an array, which has no history of single values."),
            remedy=mark("Ask for /telemetry/waveforms."),
            tag=f"{tags[0].device}/{tags[0].tag}",
        )
    return found


def _again(first: pa.Table | None, rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    if first is not None:
        yield first
    yield from rest


def _tags(request: HttpRequest, asked: Tags) -> list[Wanted]:
    user = accounts.user_of(request)
    ids = list(dict.fromkeys(asked.tag))
    if not ids and not asked.name:
        raise Invalid(mark("Name a tag."), remedy=mark("Write tag=17 or name=PUMP-01/flow."))
    if len(ids) + len(asked.name) > services.MAX_TAGS:
        raise Invalid(mark("{count} tags are too many for one question."), count=len(ids) + len(asked.name))
    if any(not 0 <= one < 1 << 32 for one in ids):
        raise Invalid(mark("There is no tag {tag}."), tag=next(one for one in ids if not 0 <= one < 1 << 32))
    found = {tag.series: tag for tag in services.wanted(user, ids)}
    return list((found | {tag.series: tag for tag in services.wanted_by_name(user, asked.name)}).values())


def _range(begin: str, end: str) -> tuple[datetime, datetime]:
    to = _moment(end, datetime.now(UTC))
    start = _moment(begin, max(to, _EARLIEST) - timedelta(hours=1)) if to.tzinfo else to
    rules.check_range(start, to)
    return start, to


def _moment(text: str, default: datetime) -> datetime:
    if not text:
        return default
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        return datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise Invalid(
            mark("{text} is not a time."), remedy=mark("Write it like 2026-11-20T14:05:00+08:00."), text=text[:60]
        ) from None

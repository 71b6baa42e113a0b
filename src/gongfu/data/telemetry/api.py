"""Telemetry for programs: the same questions as the pages, described in the node's OpenAPI document."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from gongfu.data.telemetry import erasing, pages, services
from gongfu.kernel.accounts import services as accounts

router = Router()


class Question(Schema):
    """``tag`` may be repeated; times are ISO 8601 with a time zone, or milliseconds since 1970."""

    tag: list[int]


class Range(Question):
    """A question about a time range; by default the last hour."""

    points: int = 1000


class Export(Question):
    """Every reading of a range."""

    format: str = "csv"


class Last(Schema):
    """The newest reading of a tag."""

    tag: int
    time: datetime
    value: float | str | None
    quality: int


class LastValues(Schema):
    """Newest readings; a tag that never reported is absent."""

    values: list[Last]


@router.get("/telemetry/history", summary="History of tags, down-sampled for a chart")
def history(request: HttpRequest, query: Query[Range]) -> HttpResponse:
    """Answers like the console's own address; ``from`` and ``to`` limit it."""
    return pages.answer_history(request)


@router.get("/telemetry/export", summary="Every reading of tags as CSV, Arrow or Parquet")
def export(request: HttpRequest, query: Query[Export]) -> HttpResponse:
    """A file."""
    return pages.answer_export(request)


@router.get("/telemetry/last", summary="Newest reading of tags", response=LastValues)
def last(request: HttpRequest, query: Query[Question]) -> LastValues:
    """Only tags the caller may see."""
    tags = pages.tags_of(accounts.user_of(request), query.tag)
    found = services.last_values(sorted({tag.org for tag in tags}), [tag.series for tag in tags])
    return LastValues(
        values=[
            Last(
                tag=one.series,
                time=datetime.fromtimestamp(one.time / 1e6, UTC),
                value=one.point.value,
                quality=one.quality,
            )
            for one in found.values()
        ]
    )


class ErasureAsked(Schema):
    """Readings to delete for good: those of ``tags`` from ``since`` to before ``until``."""

    tags: list[int]
    since: datetime
    until: datetime
    reason: str


class ErasureBegun(Schema):
    """Its number; ``/api/v1/data/erasures/{id}`` says how far it is and holds the signed proof."""

    id: int
    state: str


@router.post("/telemetry/erasures", summary="Delete readings for good, with a signed proof", response=ErasureBegun)
def erase(request: HttpRequest, asked: ErasureAsked) -> ErasureBegun:
    """For administrators of the organisation that owns the tags."""
    made = erasing.ask(accounts.user_of(request), asked.tags, asked.since, asked.until, asked.reason)
    return ErasureBegun(id=made.pk, state=made.state)

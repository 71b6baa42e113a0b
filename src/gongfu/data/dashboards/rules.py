"""A dashboard as a document: widgets on a grid of twelve columns. Parsed at the edge; pure."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

COLUMNS: Final = 12
MOST_BYTES: Final = 200_000
MOST_WIDGETS: Final = 60
MOST_SERIES: Final = 7
"""Colours there are: a chart with more lines cannot be read."""
LOWEST: Final = 2000
"""The last row a widget may begin in."""

Range = Literal["1h", "8h", "24h", "7d", "30d", "90d", "today", "yesterday"]
Measure = Literal["last", "mean", "min", "max", "sum", "change"]
_LENGTHS: Final = {
    "1h": dt.timedelta(hours=1),
    "8h": dt.timedelta(hours=8),
    "24h": dt.timedelta(hours=24),
    "7d": dt.timedelta(days=7),
    "30d": dt.timedelta(days=30),
    "90d": dt.timedelta(days=90),
}


class Kind(StrEnum):
    """What a widget shows."""

    TREND = "trend"
    GAUGE = "gauge"
    NUMBER = "number"
    STATES = "states"
    HEAT = "heat"
    PARETO = "pareto"
    TABLE = "table"
    IMAGE = "image"
    TEXT = "text"


MOST_SOURCES: Final = {
    Kind.TREND: MOST_SERIES,
    Kind.GAUGE: 1,
    Kind.NUMBER: 1,
    Kind.STATES: 12,
    Kind.HEAT: 1,
    Kind.PARETO: 12,
    Kind.TABLE: 50,
    Kind.IMAGE: 50,
    Kind.TEXT: 0,
}
"""Tags a widget of each kind may have."""

_Share = Annotated[float, Meta(ge=0.0, le=1.0)]
_Limit = Annotated[float, Meta(ge=-1e15, le=1e15)]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tag by its number; or by its key, of the device or place that is chosen above the dashboard."""

    tag: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    key: Annotated[str, Meta(max_length=64)] = ""
    x: _Share = 0.5
    """Where it stands on a picture, as a share of its width."""
    y: _Share = 0.5


class Widget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One widget: where it is, in columns and rows, and what it shows."""

    id: Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^[a-z0-9]+\Z")]
    kind: Kind
    x: Annotated[int, Meta(ge=0, lt=COLUMNS)]
    y: Annotated[int, Meta(ge=0, le=LOWEST)]
    w: Annotated[int, Meta(ge=1, le=COLUMNS)]
    h: Annotated[int, Meta(ge=1, le=30)]
    title: Annotated[str, Meta(max_length=80)] = ""
    sources: Annotated[list[Source], Meta(max_length=50)] = []
    measure: Measure = "last"
    of: Literal["alarms", "states"] = "alarms"
    """What a Pareto chart counts."""
    low: _Limit | None = None
    high: _Limit | None = None
    """Limits of a trend, ends of a gauge."""
    decimals: Annotated[int, Meta(ge=0, le=9)] | None = None
    picture: Annotated[int, Meta(ge=0, lt=2**53)] = 0
    text: Annotated[str, Meta(max_length=4000)] = ""
    range: Range | Literal[""] = ""
    """A time of its own, in place of the dashboard's."""


class Variables(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What people choose above the dashboard; it stands in the address."""

    device: bool = False
    model: Annotated[str, Meta(max_length=64)] = ""
    """Only devices of this information model."""
    place: bool = False
    range: Range = "8h"


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole dashboard."""

    widgets: Annotated[list[Widget], Meta(max_length=MOST_WIDGETS)] = []
    variables: Variables = Variables()


def parse(data: bytes | str) -> Document:
    """The document in ``data`` (JSON), with no widget over another; raises :class:`Invalid`."""
    if len(data) > MOST_BYTES:
        raise Invalid(
            mark("The dashboard is larger than {most} kB."),
            remedy=mark("Divide it into several."),
            most=MOST_BYTES // 1000,
        )
    try:
        found = msgspec.json.decode(data, type=Document)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Invalid(
            mark("This is no dashboard: {reason}."),
            remedy=mark("Load the page again and repeat the change."),
            reason=str(error)[:200],
        ) from error
    return checked(found)


def checked(document: Document) -> Document:
    """``document`` when it makes sense, each widget inside the grid and below what it would cover."""
    if len({one.id for one in document.widgets}) < len(document.widgets):
        raise Invalid(mark("Two widgets have the same name."))
    for one in document.widgets:
        check_widget(one)
    return msgspec.structs.replace(document, widgets=settled(document.widgets))


def check_widget(widget: Widget) -> None:
    """Raise :class:`Invalid` for what msgspec cannot see: a width beyond the grid, too many tags."""
    if widget.x + widget.w > COLUMNS:
        raise Invalid(mark("{widget} is wider than the dashboard."), widget=widget.title or widget.id)
    most = MOST_SOURCES[widget.kind]
    if len(widget.sources) > most:
        raise Invalid(
            mark("{widget} has {count} tags; {most} can be shown."),
            remedy=mark("Divide them among several widgets."),
            widget=widget.title or widget.id,
            count=len(widget.sources),
            most=most,
        )
    if any(bool(one.tag) == bool(one.key) for one in widget.sources):
        raise Invalid(mark("{widget} names a tag by neither number nor key."), widget=widget.title or widget.id)


def settled(widgets: list[Widget]) -> list[Widget]:
    """The same widgets, those that would lie over an earlier one moved down; raises :class:`Invalid` beyond the end."""
    placed: list[Widget] = []
    for one in sorted(widgets, key=lambda widget: (widget.y, widget.x)):
        y = one.y
        while any(_over(one, y, other) for other in placed):
            y += 1
        if y > LOWEST:
            raise Invalid(mark("The dashboard is too long."), remedy=mark("Divide it into several."))
        placed.append(msgspec.structs.replace(one, y=y))
    return placed


def _over(one: Widget, y: int, other: Widget) -> bool:
    return one.x < other.x + other.w and other.x < one.x + one.w and y < other.y + other.h and other.y < y + one.h


def packed(document: Document) -> str:
    """As it is stored."""
    return msgspec.json.encode(document).decode()


def period(chosen: Range, now: dt.datetime, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """Beginning and end in UTC of a range by name, as seen at ``now``; days are those of ``zone``."""
    if length := _LENGTHS.get(chosen):
        return now - length, now
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if chosen == "today":
        return today.astimezone(dt.UTC), now
    before = (today - dt.timedelta(hours=12)).replace(hour=0)
    return before.astimezone(dt.UTC), today.astimezone(dt.UTC)

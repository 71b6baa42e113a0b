"""What one widget shows of one time, for one reader: asked of telemetry, drawn by the browser or the report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import Count
from django.utils.translation import get_language

from gongfu.data.dashboards import measuring, sources
from gongfu.data.dashboards.rules import MOST_SERIES, MOST_SOURCES, Kind, Widget
from gongfu.data.dashboards.shapes import Answer, Bar, Described, Span
from gongfu.data.dashboards.sources import Chosen, Reader
from gongfu.data.telemetry import services as telemetry
from gongfu.data.telemetry.services import LastValue, Point
from gongfu.kernel.settings import settings
from gongfu.platform.devices.models import Tag

MOST_BARS: Final = 12
MOST_DAYS: Final = 31
_NUMBERED: Final = (Kind.TREND, Kind.GAUGE, Kind.NUMBER, Kind.HEAT)
"""Kinds that can show numbers only."""


def answer(reader: Reader, widget: Widget, start: dt.datetime, end: dt.datetime, points: int, chosen: Chosen) -> Answer:
    """What ``widget`` shows of the time from ``start`` to ``end``; raises :class:`Unavailable`, :class:`Invalid`."""
    most = MOST_SERIES if widget.kind is Kind.TREND else MOST_SOURCES[widget.kind]
    found = sources.tags_of(reader, widget, chosen, most)
    if widget.kind in _NUMBERED:
        found = [(source, tag) for source, tag in found if tag.kind in Tag.NUMERIC]
    elif widget.kind is Kind.STATES:
        found = [(source, tag) for source, tag in found if tag.kind != Tag.Kind.ARRAY]
    tags = sources.described(reader, found)
    named = sum(1 for one in widget.sources if one.tag)
    empty = Answer(
        tags,
        max(0, named - sum(1 for source, _tag in found if source.tag)),
        int(start.timestamp() * 1000),
        int(end.timestamp() * 1000),
    )
    if widget.kind is Kind.PARETO and widget.of == "alarms":
        return msgspec.structs.replace(empty, bars=_alarms(reader, widget, tags, start, end, chosen))
    if not tags:
        return empty
    match widget.kind:
        case Kind.TREND:
            return msgspec.structs.replace(empty, lines=_lines(tags, start, end, points))
        case Kind.STATES:
            return msgspec.structs.replace(empty, spans=_spans(tags, start, end))
        case Kind.NUMBER:
            now, before = _figure(widget, tags[0], start, end)
            return msgspec.structs.replace(empty, now=now, before=before, last=_last(tags))
        case Kind.HEAT:
            days, cells = _heat(widget, tags[0], start, end)
            return msgspec.structs.replace(empty, days=days, cells=cells)
        case Kind.PARETO:
            return msgspec.structs.replace(empty, bars=_durations(tags, start, end))
        case Kind.GAUGE | Kind.TABLE | Kind.IMAGE:
            return msgspec.structs.replace(empty, last=_last(tags))
    return empty


def _orgs(tags: Sequence[Described]) -> list[int]:
    return sorted({one.org for one in tags})


def _lines(tags: list[Described], start: dt.datetime, end: dt.datetime, points: int) -> list[list[Point]]:
    found = telemetry.history(_orgs(tags), [one.tag for one in tags], start, end, points)
    return [one.points for one in found]


def _last(tags: list[Described]) -> list[Point | None]:
    found: dict[int, LastValue] = telemetry.last_values(_orgs(tags), [one.tag for one in tags])
    return [found[one.tag].point if one.tag in found else None for one in tags]


def _spans(tags: list[Described], start: dt.datetime, end: dt.datetime) -> list[list[Span]]:
    texts = [one.tag for one in tags if one.kind == "text"]
    numbers = [one.tag for one in tags if one.kind != "text"]
    points: dict[int, list[Point]] = {}
    for read, some in ((telemetry.states, texts), (telemetry.history, numbers)):
        if some:
            points |= {one.series: one.points for one in read(_orgs(tags), some, start, end, 1500)}
    stop = int(min(end, dt.datetime.now(dt.UTC)).timestamp() * 1000)
    return [merged(points.get(one.tag, []), stop, int(max(one.interval, 1.0) * 5000)) for one in tags]


def merged(points: Sequence[Point], stop: int, hold: int) -> list[Span]:
    """Stretches of one state; one ends at a gap, and the last ``hold`` milliseconds after its last reading."""
    spans: list[Span] = []
    for place, one in enumerate(points):
        if one.value is None or one.quality == 2:
            continue
        after = points[place + 1].time if place + 1 < len(points) else min(stop, one.time + max(hold, 60_000))
        state = one.value if isinstance(one.value, str) else f"{one.value:g}"
        if spans and spans[-1].state == state and spans[-1].end >= one.time:
            spans[-1] = Span(spans[-1].begin, max(after, spans[-1].end), state)
        else:
            spans.append(Span(one.time, max(after, one.time), state))
    return spans


def _figure(widget: Widget, tag: Described, start: dt.datetime, end: dt.datetime) -> tuple[float | None, float | None]:
    """The number and that of the period before, of the same length."""
    earlier = start - (end - start)
    now, before = (
        measuring.measured(measuring.buckets(tag.org, tag.tag, since, until), widget.measure)
        for since, until in ((start, end), (earlier, start))
    )
    return now, before


def _heat(
    widget: Widget, tag: Described, start: dt.datetime, end: dt.datetime
) -> tuple[list[str], list[tuple[int, int, float]]]:
    zone = ZoneInfo(settings().timezone)
    start = max(start, end - dt.timedelta(days=MOST_DAYS))
    step = 0 if end - start <= measuring.SHORT else 3600
    found = measuring.hours(measuring.buckets(tag.org, tag.tag, start, end, step=step), widget.measure, zone)
    first, last = start.astimezone(zone).date(), (end - dt.timedelta(microseconds=1)).astimezone(zone).date()
    days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    place = {day: number for number, day in enumerate(days)}
    cells = [(hour, place[day], value) for (day, hour), value in sorted(found.items()) if day in place]
    return [f"{day:%m-%d}" for day in days], cells


def _durations(tags: list[Described], start: dt.datetime, end: dt.datetime) -> list[Bar]:
    """Hours of each state, of all tags together."""
    found = telemetry.durations(_orgs(tags), [one.tag for one in tags], start, end)
    total: dict[tuple[str, str], float] = {}
    for one in tags:
        states = {state.code: state for state in one.states}
        for code, seconds in found.get(one.tag, {}).items():
            known = states.get(_code(code))
            name = (known.label, known.category) if known else (code, "")
            total[name] = total.get(name, 0.0) + seconds / 3600
    bars = [Bar(name, value, colour) for (name, colour), value in total.items()]
    return sorted(bars, key=lambda bar: -bar.value)[:MOST_BARS]


def _code(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def _alarms(
    reader: Reader, widget: Widget, tags: list[Described], start: dt.datetime, end: dt.datetime, chosen: Chosen
) -> list[Bar]:
    """How often each alarm came; of the devices of the tags, of the chosen device or place, or of all."""
    english = (get_language() or "").startswith("en")
    rows = reader.alarms.filter(raised_at__gte=start, raised_at__lt=end)
    if widget.sources and not tags:
        return []
    if tags:
        rows = rows.filter(device__in={one.device for one in tags})
    elif chosen.device:
        rows = rows.filter(device=chosen.device)
    elif chosen.place:
        rows = rows.filter(sources.within(reader, chosen.place, "device__"))
    counted = rows.values("name", "name_en").annotate(n=Count("pk")).order_by("-n", "name")[:MOST_BARS]
    return [Bar((row["name_en"] if english else "") or row["name"], row["n"]) for row in counted]

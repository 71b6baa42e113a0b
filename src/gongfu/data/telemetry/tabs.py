"""What telemetry adds to the page of a device: live values, history, events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.data.telemetry import drawing, services
from gongfu.data.telemetry.services import LastValue
from gongfu.data.telemetry.texts import event_sentence
from gongfu.kernel.errors import GongfuError, unpacked
from gongfu.kernel.pages.resource import Tab
from gongfu.network.models import library
from gongfu.network.models.types import DeviceType, Limits
from gongfu.platform.devices.services import Device, Tag

WAVEFORM_POINTS = 2000
MAX_EVENTS = 200
EVENT_DAYS = 30


@dataclass(frozen=True)
class Line:
    """A tag with its newest value and what the information model says of it."""

    tag: Tag
    last: LastValue | None
    states: str
    """``0:停机,1:运行`` for a coded state, else empty."""
    limits: Limits

    @property
    def at(self) -> int:
        """Milliseconds since 1970 UTC, 0 without a reading."""
        return self.last.time // 1000 if self.last else 0

    @property
    def value(self) -> float | str:
        """What is shown before the stream begins."""
        if self.last is None or self.last.point.value is None:
            return ""
        return self.last.point.value

    @property
    def charted(self) -> bool:
        """Whether a line chart says something: numbers that are not codes."""
        return self.tag.kind == Tag.Kind.NUMBER and not self.states

    @property
    def moves(self) -> bool:
        """Whether its line goes up and down: counters only climb, and slowly."""
        return self.tag.role not in ("count", "energy", "runtime", "fuel")


def _model(device: Device) -> DeviceType | None:
    return next((model for model in library.types() if model.id == device.type), None)


def _lines(device: Device) -> tuple[list[Line], str]:
    """Lines of the device, and why there are no values when the store does not answer."""
    tags = list(device.tags.all())
    language = get_language() or ""
    last: Mapping[int, LastValue] = {}
    problem = ""
    try:
        last = services.last_values([device.organisation_id], [tag.pk for tag in tags])
    except GongfuError as error:
        problem = error.text(language)
    model = _model(device)
    lines = []
    for tag in tags:
        of_type = model.tag(tag.key) if model else None
        states = ""
        if model and tag.role == "state":
            states = ",".join(f"{state.code}:{state.name.in_language(language)}" for state in model.states)
        lines.append(Line(tag, last.get(tag.pk), states, of_type.limits if of_type else Limits()))
    return lines, problem


def _live(_request: HttpRequest, device: Device) -> Mapping[str, object]:
    lines, problem = _lines(device)
    return {
        "headline": [line for line in lines if line.tag.primary],
        "lines": lines,
        "chart": _chart(lines, ""),
        "problem": problem,
    }


def _history(request: HttpRequest, device: Device) -> Mapping[str, object]:
    lines, problem = _lines(device)
    return {
        "lines": [line for line in lines if line.charted],
        "chart": _chart(lines, request.GET.get("tag", "")),
        "problem": problem,
    }


def _chart(lines: Sequence[Line], wanted: str) -> Line | None:
    """The line to draw: the one asked for, else the first headline figure, else the first."""
    charted = [line for line in lines if line.charted]
    return next(
        (line for line in charted if str(line.tag.pk) == wanted),
        next((line for line in charted if line.tag.primary and line.moves), charted[0] if charted else None),
    )


def _events(_request: HttpRequest, device: Device) -> Mapping[str, object]:
    since = timezone.now() - dt.timedelta(days=EVENT_DAYS)
    try:
        found = services.events([device.organisation_id], [device.pk], since, MAX_EVENTS)
    except GongfuError as error:
        return {"events": [], "problem": error.text(get_language())}
    rows = [
        (
            dt.datetime.fromtimestamp(event.time / 1e6, dt.UTC),
            event.kind,
            event_sentence(event.kind),
            unpacked(event.detail),
        )
        for event in found
    ]
    return {"events": rows, "problem": "", "days": EVENT_DAYS}


def _tag(_request: HttpRequest, tag: Tag) -> Mapping[str, object]:
    """The values of one tag: a curve, or the newest array."""
    if tag.kind == Tag.Kind.ARRAY:
        return newest_array(tag)
    lines, problem = _lines(tag.device)
    return {"line": next(line for line in lines if line.tag.pk == tag.pk), "problem": problem}


def newest_array(tag: Tag) -> Mapping[str, object]:
    """What the drawing of the newest array of ``tag`` needs."""
    now = timezone.now()
    start, end = now - dt.timedelta(days=EVENT_DAYS), now + dt.timedelta(minutes=5)
    found: list[services.Waveform] = []
    problem = ""
    try:
        found = services.arrays([tag.organisation_id], [tag.pk], start, end, WAVEFORM_POINTS, limit=1)
    except GongfuError as error:
        problem = error.text(get_language())
    wave = found[0] if found else None
    if wave is None:
        return {"object": tag, "wave": None, "problem": problem}
    drawn = drawing.draw(wave.points, wave.length)
    return {
        "object": tag,
        "wave": wave,
        "problem": "",
        "moment": dt.datetime.fromtimestamp(wave.time / 1e6, dt.UTC),
        "drawing": drawn,
        "width": drawing.WIDTH,
        "height": drawing.HEIGHT,
        "seconds": f"{(wave.length - 1) / wave.rate:.4g}" if wave.rate else "",
        "last_place": wave.length - 1,
        "mean": None if wave.mean is None else f"{wave.mean:.{tag.decimals}f}",
        "quality": (_("Good"), _("Uncertain"), _("Bad"))[min(wave.quality, 2)],
    }


TABS: dict[type[Device] | type[Tag], Sequence[Tab[Device]] | Sequence[Tab[Tag]]] = {
    Tag: (Tab("values", _("Readings"), "telemetry/tag_tab.html", _tag, position=10),),
    Device: (
        Tab("live", _("Live values"), "telemetry/live_tab.html", _live, position=10),
        Tab("history", _("Trend"), "telemetry/history_tab.html", _history, position=20),
        Tab("events", _("Events"), "telemetry/events_tab.html", _events, position=30),
    ),
}

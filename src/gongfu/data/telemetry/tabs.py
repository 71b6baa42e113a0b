"""What telemetry adds to the page of a device: live values, history, events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.data.telemetry import services
from gongfu.data.telemetry.services import LastValue
from gongfu.data.telemetry.texts import event_sentence
from gongfu.kernel.errors import GongfuError, unpacked
from gongfu.kernel.pages.resource import Tab
from gongfu.network.models import library
from gongfu.network.models.types import DeviceType, Limits
from gongfu.platform.devices.services import Device, Tag

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


TABS: dict[type[Device], Sequence[Tab[Device]]] = {
    Device: (
        Tab("live", _("Live values"), "telemetry/live_tab.html", _live, position=10),
        Tab("history", _("Trend"), "telemetry/history_tab.html", _history, position=20),
        Tab("events", _("Events"), "telemetry/events_tab.html", _events, position=30),
    )
}

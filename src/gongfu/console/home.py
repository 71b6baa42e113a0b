"""The start page: the state of the plant in one sentence, then in figures, each a way to more."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from gongfu.console import plant
from gongfu.console.health import Row
from gongfu.console.plant import Plant
from gongfu.console.templatetags.console import big
from gongfu.data.dashboards import services as dashboards
from gongfu.data.telemetry.overview import Happened
from gongfu.data.telemetry.texts import event_sentence
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import unpacked
from gongfu.kernel.events import EventKind

# Connecting and configuring are the ordinary course of things; the rest wants to be looked at.
_ORDINARY = {EventKind.ONLINE.value, EventKind.CONFIGURED.value}


@dataclass(frozen=True)
class Line:
    """One event as the page shows it. ``state`` is a shape of ``parts.css``."""

    device: int
    name: str
    sentence: str
    detail: str
    at: dt.datetime
    state: str


def _lines(now: Plant, happened: Happened | None) -> list[Line]:
    names = {tile.pk: tile.name for tile in now.tiles}
    return [
        Line(
            event.device,
            names.get(event.device, f"#{event.device}"),
            event_sentence(event.kind),
            unpacked(event.detail),
            dt.datetime.fromtimestamp(event.time / 1e6, dt.UTC),
            "good" if event.kind in _ORDINARY else "uncertain",
        )
        for event in (happened.newest if happened else ())
    ]


def _worth_a_look(happened: Happened) -> int:
    return sum(n for kind, n in happened.kinds.items() if kind not in _ORDINARY)


@never_cache
@require_GET
def home_page(request: HttpRequest) -> HttpResponse:
    """The whole page; with htmx only the newest events."""
    now = plant.plant(accounts.user_of(request), accounts.active_organisation(request))
    happened = now.happened.value
    context = {
        "plant": now,
        "text": _texts(now),
        "spark": ",".join(_spark(now)),
        "process_rows": [Row(process) for process in now.processes.value or ()],
        "events": _lines(now, happened),
        "boards": dashboards.starred(accounts.user_of(request), accounts.active_organisation(request)),
    }
    return render(
        request, "console/_events.html" if request.headers.get("HX-Request") else "console/home.html", context
    )


@never_cache
@require_GET
def home_figures(request: HttpRequest) -> JsonResponse:
    """What moves on the page, for ``ui/figures.js``."""
    now = plant.plant(accounts.user_of(request), accounts.active_organisation(request))
    rows = [Row(process) for process in now.processes.value or ()]
    return JsonResponse(
        {
            "text": _texts(now),
            "state": {f"device-{tile.pk}": [tile.state, tile.label] for tile in now.tiles}
            | {f"process-{row.status.name}": [row.state, str(row.label)] for row in rows},
            "share": {f"owner-{owner.pk}": [owner.online, owner.total] for owner in now.owners},
            "spark": {"pulse": _spark(now)},
        }
    )


def _texts(now: Plant) -> dict[str, str]:
    """Every figure as it is shown; a dash for what is not known."""
    overview = now.overview
    power = now.power.value
    found = {
        "online": str(overview.online),
        "total": str(overview.total),
        "offline": str(overview.offline),
        "refused": str(overview.refused),
        "rate": big(now.pulse.value.per_second) if now.pulse.value else "—",
        "events": big(sum(now.happened.value.kinds.values())) if now.happened.value else "—",
        "look": big(_worth_a_look(now.happened.value)) if now.happened.value else "—",
        "power": f"{power:,.1f}" if power is not None else "—",
        "identifiers": big(now.identifiers),
        "resolutions": big(now.resolutions.value),
    }
    return found | {f"owner-{owner.pk}": f"{owner.online}/{owner.total}" for owner in now.owners}


def _spark(now: Plant) -> list[str]:
    return [f"{step:.4g}" for step in now.pulse.value.steps] if now.pulse.value else []

"""Figures for programs. Calendars, shifts, reasons and the rest are at ``/api/v1/data/…`` as well."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema

from gongfu.data.performance import services
from gongfu.data.performance.rules import Performance
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

router = Router()


class LossOut(Schema):
    """Seconds lost; ``reason`` is the number of a stop reason, 0 for what the machine itself says."""

    loss: str
    reason: int
    seconds: float


class FiguresOut(Schema):
    """Shares between 0 and 1, null where not known. ``notes`` say what is missing."""

    oee: float | None
    at_most: float | None
    availability: float | None
    performance: float | None
    quality: float | None
    utilisation: float | None
    confidence: float
    planned_s: float
    running_s: float
    pieces: float | None
    rejects: float | None
    ideal_cycle_s: float | None
    energy_kwh: float | None
    losses: list[LossOut]
    notes: list[str]


class MachineOut(FiguresOut):
    """Figures of one machine."""

    device: int
    key: str
    name: str
    target: float | None


class DayOut(FiguresOut):
    """Figures of all machines on one day."""

    day: dt.date


class ReportOut(Schema):
    """Machines, worst first, all of them together, and day by day when asked ``by=day``."""

    start: dt.datetime
    end: dt.datetime
    total: FiguresOut
    machines: list[MachineOut]
    days: list[DayOut]


def _figures(one: Performance) -> dict[str, object]:
    return {
        "oee": one.oee,
        "at_most": one.at_most,
        "availability": one.availability.value,
        "performance": one.performance.value,
        "quality": one.quality.value,
        "utilisation": one.utilisation.value,
        "confidence": one.confidence,
        "planned_s": one.sums.planned,
        "running_s": one.sums.states.get("running", 0.0),
        "pieces": one.sums.pieces,
        "rejects": one.sums.rejects,
        "ideal_cycle_s": one.cycle,
        "energy_kwh": one.sums.energy,
        "losses": [{"loss": str(lost.loss), "reason": lost.reason, "seconds": lost.seconds} for lost in one.losses],
        "notes": sorted(str(note) for note in one.notes),
    }


@router.get("/performance/oee", summary="OEE, utilisation and losses of machines", response=ReportOut)
def oee(
    request: HttpRequest,
    start: dt.datetime,
    end: dt.datetime,
    device: str = "",
    by: Literal["total", "day"] = "total",
) -> dict[str, object]:
    """Of ``device`` (numbers with commas between them), or of everything the caller may see."""
    user = accounts.user_of(request)
    chosen = _numbers(device) or services.devices_for(user, accounts.active_organisation(request))
    daily = by == "day"
    found = services.oee(user, chosen, start, end, by="day" if daily else "total")
    return {
        "start": found.start,
        "end": found.end,
        "total": _figures(found.total),
        "machines": [
            {
                **_figures(row.performance),
                "device": row.device.pk,
                "key": row.device.key,
                "name": str(row.device),
                "target": row.target,
            }
            for row in found.rows
        ],
        "days": [{**_figures(one), "day": day} for day, one in found.by_day()] if daily else [],
    }


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise Invalid(mark("{text} names no devices."), remedy=mark("Write numbers of devices: 3,5,8."), text=text[:40])
    return [int(part) for part in parts]

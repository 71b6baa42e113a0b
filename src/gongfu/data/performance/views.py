"""Pages of performance that are not generic: overview, heat map, energy, stops, shift report, files."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from gongfu.data.performance import energy, files, heat, periods, services, stops, words
from gongfu.data.performance.energy import Used
from gongfu.data.performance.models import StopReason, WorkCalendar
from gongfu.data.performance.periods import Period
from gongfu.data.performance.rules import Performance
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, can_operate
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.platform.devices.models import Place

_TREND = 3000
"""Machines times days up to which the trend is drawn."""
_MOST_STOPS = 200


def _frame(request: HttpRequest, default: str = "7d") -> tuple[User, Period, int, dict[str, object]]:
    """Who asks, the time, the place, and what every page of performance shows of it."""
    user = accounts.user_of(request)
    scope = accounts.active_organisation(request)
    chosen = periods.period(request.GET, default)
    text = request.GET.get("place", "")
    place = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    places = Place.objects.visible_to(user).filter(devices__isnull=False).distinct()
    if scope is not None:
        places = places.filter(organisation__path__startswith=scope.path)
    context: dict[str, object] = {
        "period": chosen,
        "ranges": periods.names(),
        "place": place,
        "places": places.order_by("organisation", "path"),
        "query": request.GET.urlencode(),
        "may": can_edit.test(user, None),
    }
    return user, chosen, place, context


@require_GET
def overview_page(request: HttpRequest) -> HttpResponse:
    """Which machine is worst, how it went day by day, how much was lost and to what."""
    user, chosen, place, context = _frame(request)
    found = services.devices_for(user, accounts.active_organisation(request), place=place)
    try:
        days = max(1, (chosen.end - chosen.start).days)
        fine = found.count() * days <= _TREND
        report = services.oee(user, found, chosen.start, chosen.end, by="day" if fine else "total")
        orgs = {row.device.organisation_id for row in report.rows}
        reasons = words.reason_names(orgs)
        shifts = services.shift_names(orgs)
        total = report.total
        context |= {
            "report": report,
            "total": total,
            "sentence": words.sentence(total, reasons),
            "losses": _losses(total, reasons),
            "notes": words.notes(total),
            "days": report.by_day() if fine and days > 1 else [],
            "shifts": [(shifts.get(key) or _("Outside shifts"), one) for key, one in report.by_shift() if key]
            if fine
            else [],
            "rows": [(row, _greatest(row, reasons), words.notes(row.performance)) for row in report.rows],
            "calendars": WorkCalendar.objects.visible_to(user).exists(),
        }
    except GongfuError as error:
        if error.http_status == 403:
            raise
        context["problem"] = error.text(get_language())
    return render(request, "performance/overview.html", context)


def _losses(performance: Performance, reasons: dict[int, str]) -> list[tuple[str, str, float, float]]:
    """Name, hours and minutes, hours, percent of the planned time."""
    whole = performance.sums.planned or 1.0
    return [
        (
            words.lost_name(one, reasons),
            words.hours(one.seconds),
            one.seconds / 3600,
            round(100 * one.seconds / whole, 1),
        )
        for one in performance.losses
        if one.seconds >= 30
    ]


def _greatest(row: services.Row, reasons: dict[int, str]) -> str:
    if not row.performance.losses:
        return ""
    one = row.performance.losses[0]
    return f"{words.lost_name(one, reasons)} {words.hours(one.seconds)}"


@require_GET
def heat_page(request: HttpRequest) -> HttpResponse:
    """Utilisation, machine by hour of the day."""
    user, chosen, place, context = _frame(request)
    try:
        found = list(services.devices_for(user, accounts.active_organisation(request), place=place)[:300])
        low, high = services.span(chosen.start, chosen.end)
        lines = heat.lines(found, low, high)
        known = [line.mean for line in lines if line.mean is not None]
        context |= {
            "lines": [
                (line, [(_class(one), _percent(one)) for one in line.hours], _percent(line.mean)) for line in lines
            ],
            "hours": list(heat.HOURS),
            "mean": _percent(sum(known) / len(known)) if known else None,
        }
    except GongfuError as error:
        if error.http_status == 403:
            raise
        context["problem"] = error.text(get_language())
    return render(request, "performance/heat.html", context)


def _class(value: float | None) -> str:
    return "heat-none" if value is None else f"heat-{min(10, int(value * 10 + 0.5))}"


def _percent(value: float | None) -> int | None:
    return None if value is None else round(100 * value)


@require_GET
def energy_page(request: HttpRequest) -> HttpResponse:
    """kWh by device, place and shift, per piece, base load at night, highest demand."""
    user, chosen, place, context = _frame(request)
    try:
        found = list(services.everything(user, accounts.active_organisation(request), place=place)[:1000])
        low, high = services.span(chosen.start, chosen.end)
        rows = energy.used(found, low, high)
        own = [one for one in rows if not one.meter]
        shifts = services.shift_names({one.device.organisation_id for one in rows})
        worst = max((used for used in own if used.peak), key=_peak, default=None)
        by_shift: dict[str, float] = {}
        by_place: dict[str, float] = {}
        for one in own:
            by_place[str(one.device.place or _("No place"))] = (
                by_place.get(str(one.device.place or _("No place")), 0.0) + one.energy
            )
            for shift, kwh in one.by_shift.items():
                name = shifts.get(shift, _("Outside shifts"))
                by_shift[name] = by_shift.get(name, 0.0) + kwh
        context |= {
            "rows": rows,
            "total": sum(one.energy for one in own),
            "outside": sum(one.outside for one in own),
            "base": sum(one.base for one in own if one.base is not None),
            "metered": [one for one in rows if one.meter],
            "by_shift": sorted(by_shift.items(), key=lambda one: -one[1]),
            "by_place": sorted(by_place.items(), key=lambda one: -one[1]),
            "worst": worst,
        }
    except GongfuError as error:
        if error.http_status == 403:
            raise
        context["problem"] = error.text(get_language())
    return render(request, "performance/energy.html", context)


def _peak(used: Used) -> float:
    return used.peak or 0.0


@require_http_methods(["GET", "POST"])
def stops_page(request: HttpRequest) -> HttpResponse:
    """Stops and their reasons: one tap on the stop, one on the reason."""
    if request.method == "POST":
        return _classified(request)
    user, chosen, place, context = _frame(request, "today")
    text = request.GET.get("device", "")
    device = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    devices = services.devices_for(user, accounts.active_organisation(request), place=place)
    context |= {"devices": list(devices[:500]), "device": device}
    try:
        asked = list(devices.filter(pk=device) if device else devices[:100])
        end = min(chosen.end, timezone.now())
        found = stops.stops(asked, max(chosen.start, end - stops.LONGEST), end)
        reasons: dict[int, list[StopReason]] = {}
        for reason in StopReason.objects.filter(organisation__in={one.organisation_id for one in asked}):
            reasons.setdefault(reason.organisation_id, []).append(reason)
        names = words.state_names()
        context |= {
            "stops": [
                (
                    one,
                    words.hours(one.seconds),
                    names.get(one.state, one.state),
                    reasons.get(one.device.organisation_id, []),
                )
                for one in found[:_MOST_STOPS]
            ],
            "open": sum(one.given is None for one in found),
            "lost": words.hours(sum(one.seconds for one in found if one.given is None)),
            "more": max(0, len(found) - _MOST_STOPS),
            "operates": can_operate.test(user, None),
        }
    except GongfuError as error:
        if error.http_status in (403, 404):
            raise
        context["problem"] = error.text(get_language())
    return render(request, "performance/stops.html", context)


def _classified(request: HttpRequest) -> HttpResponse:
    text = request.POST.get("reason", "")
    reason = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    try:
        made = stops.classify(
            accounts.user_of(request), request.POST.get("stop", ""), reason, request.POST.get("note", "")
        )
        messages.success(request, _("%(device)s: %(reason)s") % {"device": made.device, "reason": made.reason})
    except Invalid as error:
        messages.error(request, error.text(get_language()))
    back = request.GET.urlencode()
    return HttpResponseRedirect(f"{request.path}?{back}" if back else request.path)


@require_GET
def shift_page(request: HttpRequest) -> HttpResponse:
    """The report of one day, shift by shift, made to be printed."""
    user, _chosen, place, context = _frame(request, "today")
    text = request.GET.get("day", "")
    day = periods.day(text) if text else timezone.localtime().date()
    start = timezone.make_aware(dt.datetime.combine(day, dt.time()))
    context |= {"day": day, "before": day - dt.timedelta(days=1), "after": day + dt.timedelta(days=1)}
    try:
        found = services.devices_for(user, accounts.active_organisation(request), place=place)
        # A night shift belongs to the day on which it begins and ends on the next one.
        report = services.oee(user, found, start, start + dt.timedelta(days=2), by="day")
        orgs = {row.device.organisation_id for row in report.rows}
        reasons, shifts = words.reason_names(orgs), services.shift_names(orgs)
        parts = []
        for (on, shift), total in report.by_day_and_shift():
            if on != day or not total.sums.planned:
                continue
            rows = [
                (row.device, one, words.notes(one))
                for row in report.rows
                if (one := row.at(on, shift, report.losses)) is not None and one.sums.planned
            ]
            name = shifts.get(shift) or _("All day")
            parts.append((name, total, words.sentence(total, reasons), _losses(total, reasons)[:6], rows))
        context["parts"] = parts
    except GongfuError as error:
        if error.http_status in (403, 404):
            raise
        context["problem"] = error.text(get_language())
    return render(request, "performance/shift.html", context)


@require_GET
def export_file(request: HttpRequest, kind: str) -> HttpResponse:
    """Every machine with its figures and what they were made of."""
    user, chosen, place, _context = _frame(request)
    found = services.devices_for(user, accounts.active_organisation(request), place=place)
    report = services.oee(user, found, chosen.start, chosen.end)
    return files.respond(report, kind)

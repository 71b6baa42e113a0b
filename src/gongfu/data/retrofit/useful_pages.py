"""“Make it useful”: pick a recipe and its input, see what it says of the last day, create the derived tags."""

from __future__ import annotations

import datetime as dt

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from gongfu.data.retrofit import making
from gongfu.data.retrofit.making import Preview, Wish
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.retrofit import recipes
from gongfu.network.retrofit.recipes import KINDS, Mode, Recipe, State
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.applying import What
from gongfu.platform.devices.models import Device

_WIDTH, _HEIGHT, _POINTS = 1000, 160, 500
COLOURS = ("red", "yellow", "green", "blue")


def state_names() -> dict[State, str]:
    """What states are called."""
    return {
        State.OFF: _("Switched off"),
        State.IDLE: _("Idle"),
        State.SETUP: _("Setting up"),
        State.RUNNING: _("In operation"),
        State.FAULT: _("Fault"),
    }


class Band(msgspec.Struct, frozen=True):
    """A stretch as it is drawn."""

    state: str
    label: str
    left: float
    width: float


class Drawing(msgspec.Struct, frozen=True):
    """The preview as the page shows it."""

    bands: list[Band]
    lines: list[tuple[str, str]]
    """Name of an input and the points of its line."""
    thresholds: list[float]
    """Heights at which the thresholds lie."""
    totals: list[tuple[str, str, str, float]]
    """State, its name, hours and minutes, percent."""


@require_http_methods(["GET", "POST"])
def useful_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The form; with ``kind`` its preview; posted, the tags."""
    user = accounts.user_of(request)
    device = devices.device_for(user, pk)
    if not can_edit.test(user, device):
        raise Forbidden(mark("You may not change this device."), remedy=mark("Ask an administrator."))
    context: dict[str, object] = {
        "object": device,
        "tags": making.inputs_of(device),
        "asked": request.GET,
        "colours": [(colour, _lamp_names()[colour], request.GET.get(colour, "")) for colour in COLOURS],
        "kinds": [(kind, name) for kind, name in _kinds()],
    }
    status = 200
    try:
        if request.method == "POST":
            recipe = _posted(request, device)
            return _done(request, device, making.create(user, device, recipe, request.POST.get("why", "")[:500]).what)
        if request.GET.get("kind") in KINDS:
            found = making.preview(device, _wish(request))
            context |= {
                "preview": found,
                "address": recipes.write(found.recipe, recipes.Output.STATE),
                "drawing": _drawing(found),
                "percent": round(100 * found.told.confidence),
            }
    except GongfuError as error:
        if error.http_status == 403:
            raise
        context["problem"] = error.text(get_language())
        status = error.http_status
    return render(request, "retrofit/useful.html", context, status=status)


def _lamp_names() -> dict[str, str]:
    return {"red": _("Red lamp"), "yellow": _("Yellow lamp"), "green": _("Green lamp"), "blue": _("Blue lamp")}


def _kinds() -> list[tuple[str, str]]:
    return [
        ("level", _("Current, power or vibration: off, idle, running")),
        ("pulse", _("Pulse or counter: pieces, pace, running")),
        ("lamps", _("Stack light: state from its lamps")),
    ]


def _wish(request: HttpRequest) -> Wish:
    kind = request.GET["kind"]
    roles = COLOURS if kind == "lamps" else ("input",)
    try:
        return Wish(
            kind=kind,
            inputs={role: request.GET.get(role, "") for role in roles},
            mode=Mode(request.GET.get("mode") or Mode.COUNTER),
            modulus=int(request.GET.get("modulus") or 0),
            debounce=_number(request.GET.get("debounce", "")),
            pieces=_number(request.GET.get("pieces", "")),
            dwell=_number(request.GET.get("dwell", "")),
        )
    except ValueError as error:
        raise Invalid(mark("Something in the form is no number: {reason}."), reason=error) from None


def _number(text: str) -> float | None:
    return float(text) if text.strip() else None


def _posted(request: HttpRequest, device: Device) -> Recipe:
    recipe, _output = recipes.parse(request.POST.get("recipe", ""))
    known = {tag.key for tag in making.inputs_of(device)}
    if lacking := [key for key in recipe.inputs.values() if key not in known]:
        raise Invalid(mark("{key} is no tag that is read as a number."), remedy=mark("Choose another."), key=lacking[0])
    return recipe


def _done(request: HttpRequest, device: Device, what: What) -> HttpResponse:
    if what is What.PROPOSED:
        messages.info(request, _("Proposed: it takes effect when a second person agrees."))
    elif what is What.UNCHANGED:
        messages.info(request, _("Nothing has changed."))
    else:
        messages.success(request, _("The derived tags were created; values come within seconds."))
    return HttpResponseRedirect(f"/platform/devices/{device.pk}/?tab=live")


def _drawing(found: Preview) -> Drawing:
    span = found.end - found.start
    names = state_names()
    bands = [
        Band(
            str(one.state),
            f"{names[one.state]} {_clock(one.start)}–{_clock(one.end)}",
            round(_WIDTH * (one.start - found.start) / span, 2),
            round(max(0.3, _WIDTH * (one.end - one.start) / span), 2),
        )
        for one in found.told.stretches
    ]
    values = [value for record in found.records.values() for _, value in record]
    low, high = min(*values, 0.0), max(*values, 1e-9)
    lines = []
    for role, record in found.records.items():
        kept = record[:: max(1, len(record) // _POINTS)]
        points = " ".join(
            f"{_WIDTH * (at - found.start) / span:.1f},{_HEIGHT * (high - value) / (high - low):.1f}"
            for at, value in kept
        )
        lines.append((role, points))
    thresholds = []
    if isinstance(found.recipe, recipes.Level):
        for one in (found.recipe.idle, found.recipe.run):
            if one is not None:
                thresholds.append(round(_HEIGHT * (high - (one.fall + one.rise) / 2) / (high - low), 1))
    whole = sum(one.seconds for one in found.told.stretches) or 1.0
    totals = [
        (str(state), names[state], _hours(seconds), round(100 * seconds / whole, 1))
        for state in State
        if (seconds := found.told.seconds(state))
    ]
    return Drawing(bands, lines, thresholds, totals)


def _clock(at: int) -> str:
    return f"{dt.datetime.fromtimestamp(at / 1e6).astimezone():%H:%M:%S}"


def _hours(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) % 3600 // 60:02d}"

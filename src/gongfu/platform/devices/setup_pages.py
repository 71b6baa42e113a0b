"""Setting a device up, and changing it: protocol, connection tried at once, tags picked and seen, model, save."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid
from gongfu.kernel.i18n import mark, translate
from gongfu.network.drivers import registry as drivers
from gongfu.network.drivers.registry import Capability, Kind
from gongfu.network.gateway.asking import Browse, Browsed, Failed, Reached, Read, Seen, Trial
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.models import library
from gongfu.network.retrofit.recipes import is_derived
from gongfu.platform.devices import applying, beside, desk, prefilling, rows, services, setup_form, versions
from gongfu.platform.devices.applying import What, WrongDocument
from gongfu.platform.devices.document import MOST_TAGS, TagDocument, model_of
from gongfu.platform.devices.models import Device, Place
from gongfu.platform.devices.setup_form import Setup

_PREVIEWED = 200
"""Tags of which values are shown while somebody picks."""


@require_http_methods(["GET", "POST"])
def new_page(request: HttpRequest) -> HttpResponse:
    """Choose a protocol; then everything on one page."""
    setup_form.owner(request)
    if request.method == "POST":
        return _save(request, setup_form.sent(request, None))
    known = prefilling.find(accounts.user_of(request), request.GET.get("from", ""))
    if known is not None:
        return _page(request, setup_form.prefilled(request, known))
    driver = request.GET.get("driver", "")
    if driver not in drivers.names():
        cards = [drivers.manifest(name) for name in drivers.names()]
        cards.sort(key=lambda manifest: manifest.protocol.casefold())
        return render(request, "devices/protocols.html", {"cards": cards})
    return _page(request, setup_form.blank(request, driver))


@require_http_methods(["GET", "POST"])
def edit_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The same page for a device that is there."""
    user = accounts.user_of(request)
    device = services.device_for(user, pk)
    if not can_edit.test(user, device):
        raise Forbidden(
            mark("You may not change this device."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
        )
    if device.tags.count() > rows.MOST_ROWS:
        raise Invalid(
            mark("{count} tags are too many for this page."),
            remedy=mark("Import them as a spreadsheet."),
            count=device.tags.count(),
        )
    if request.method == "POST":
        return _save(request, setup_form.sent(request, device))
    return _page(request, setup_form.of_device(device))


@require_POST
def test_part(request: HttpRequest) -> HttpResponse:
    """Whether the connection works, who the device is, and how long it took."""
    context: dict[str, object] = {}
    setup = _sent(request)
    try:
        setup.check_connection()
        answer = desk.ask(setup.texts["gateway"], Trial(device=_trial(setup)))
        if isinstance(answer, Failed):
            context["problem"] = desk.told(answer.problem, get_language())
        elif isinstance(answer, Reached):
            fed = setup.manifest.kind is Kind.FED
            context |= {
                "reached": answer,
                "milliseconds": round(answer.seconds * 1000),
                "fed": fed,
                "reason": desk.told(answer.reason, get_language()) if answer.reason else "",
                "browses": Capability.BROWSE in setup.manifest.capabilities,
            }
    except GongfuError as error:
        context["problem"] = error.text(get_language())
    return render(request, "devices/_test.html", context)


@require_POST
def browse_part(request: HttpRequest) -> HttpResponse:
    """The entries of one folder, to tick."""
    context: dict[str, object] = {"parent": request.POST.get("parent", "")}
    setup = _sent(request)
    try:
        setup.check_connection()
        question = Browse(device=_trial(setup), parent=request.POST.get("parent", "")[:2000])
        answer = desk.ask(setup.texts["gateway"], question)
        if isinstance(answer, Failed):
            context["problem"] = desk.told(answer.problem, get_language())
        elif isinstance(answer, Browsed):
            there = {row.address for row in setup.rows}
            context |= {"points": [rows.offered(point, there) for point in answer.points], "cut": answer.cut}
    except GongfuError as error:
        context["problem"] = error.text(get_language())
    return render(request, "devices/_browse.html", context)


@require_POST
def rows_part(request: HttpRequest) -> HttpResponse:
    """All rows after adding what was ticked, pasted, or what the model has; or with the meaning of another model."""
    setup = _sent(request)
    model = model_of(setup.texts["type"])
    wish = request.GET.get("add", "")
    found = setup.rows
    if wish == "ticked":
        found = [*found, *rows.add(found, rows.of_points(rows.ticked(request.POST.getlist("point"))), model)]
    elif wish == "pasted":
        found = [*found, *rows.add(found, rows.pasted(request.POST.get("pasted", "")), model)]
    elif wish == "model" and model is not None:
        found = [*found, *rows.add(found, rows.of_model(model), model)]
    elif model is not None:
        found = rows.again(found, model)
    return render(request, "devices/_rows.html", {"rows": found, "kinds": rows.KINDS})


@require_POST
def values_part(request: HttpRequest) -> HttpResponse:
    """The values of the picked tags as they are now, each for its own cell."""
    note = ""
    cells: list[tuple[str, str, str, str]] = []
    setup = _sent(request)
    try:
        setup.check_connection()
        wanted: list[tuple[rows.Row, TagDocument]] = []
        tags: list[TagConfig] = []
        for row in setup.rows[:_PREVIEWED]:
            made, told = rows.documents([row])
            if made and made[0].address and not is_derived(made[0].address) and not told[0].errors:
                wanted.append((row, made[0]))
                tags.append(_config(made[0], len(tags)))
        if not tags:
            return HttpResponse(status=204)
        answer = desk.ask(setup.texts["gateway"], Read(device=_trial(setup), tags=tags))
        if isinstance(answer, Failed):
            note = desk.told(answer.problem, get_language())
        elif isinstance(answer, Seen):
            for (row, tag), value in zip(wanted, answer.values, strict=False):
                problem = desk.told(value.problem, get_language()) if value.problem else ""
                shown = value.text if value.value is None else f"{value.value:.{min(tag.decimals, 9)}f}"
                cells.append((row.id, shown, value.quality.name.lower(), problem))
    except GongfuError as error:
        note = error.text(get_language())
    return render(request, "devices/_values.html", {"cells": cells, "note": note})


def _sent(request: HttpRequest) -> Setup:
    device = None
    pk = request.POST.get("device", "")
    if pk.isascii() and pk.isdigit() and len(pk) < 19:
        device = services.device_for(accounts.user_of(request), int(pk))
    return setup_form.sent(request, device)


def _trial(setup: Setup) -> DeviceConfig:
    number = setup.device.pk if setup.device else 0
    return desk.trial(setup.organisation, setup.texts["key"], setup.driver, setup.all_options(), device=number)


def _config(tag: TagDocument, series: int) -> TagConfig:
    return TagConfig(
        series=series,
        name=tag.key,
        address=tag.address,
        kind=tag.kind,
        scale=tag.scale,
        offset=tag.offset,
        low=tag.low,
        high=tag.high,
    )


def _save(request: HttpRequest, setup: Setup) -> HttpResponse:
    user = accounts.user_of(request)
    document = setup.document()
    problem = ""
    if document is not None:
        expected = request.POST.get("expected", "")
        try:
            if setup.device is None and _taken(setup):
                setup.errors["key"] = _("The organisation has a device of that key.")
                raise Invalid(mark("Nothing was saved yet: please correct the fields marked below."))
            done = applying.put(
                user,
                setup.organisation,
                document,
                secrets=setup.secrets,
                why=request.POST.get("why", "").replace("\0", "")[:500],
                expected=int(expected) if expected.isascii() and expected.isdigit() and len(expected) < 10 else None,
            )
        except WrongDocument as error:
            setup.mark(error.problems)
        except GongfuError as error:
            if error.http_status == 403:
                raise
            problem = error.text(get_language())
        else:
            return _done(request, done)
    return _page(request, setup, problem, status=422)


def _taken(setup: Setup) -> bool:
    return Device.objects.filter(organisation=setup.organisation, key=setup.texts["key"]).exists()


def _done(request: HttpRequest, done: applying.Outcome) -> HttpResponse:
    if done.what is What.PROPOSED and done.version is not None:
        messages.info(request, _("Proposed: it takes effect when a second person agrees."))
        return HttpResponseRedirect(f"/platform/configurations/{done.version.pk}/")
    assert done.device is not None
    if done.what is What.CREATED:
        _do_beside(request, done.device)
    if done.what is What.UNCHANGED:
        messages.info(request, _("Nothing has changed."))
    else:
        messages.success(request, _("%(thing)s was saved.") % {"thing": done.device})
    return HttpResponseRedirect(f"/platform/devices/{done.device.pk}/")


def _boxes(request: HttpRequest, setup: Setup) -> list[tuple[beside.Beside, bool]]:
    """Offers, and whether each is ticked: at first all are."""
    first = request.method != "POST"
    return [(one, first or f"beside-{one.name}" in request.POST) for one in beside.offered(setup.organisation)]


def _do_beside(request: HttpRequest, device: Device) -> None:
    """What was ticked beside; it failing does not undo the device."""
    for one in beside.offered(device.organisation):
        if f"beside-{one.name}" not in request.POST:
            continue
        try:
            said = one.perform(accounts.user_of(request), device)
        except GongfuError as error:
            messages.error(request, f"{one.label}: {error.text(get_language())}")
        else:
            if said:
                messages.success(request, said)


def _page(request: HttpRequest, setup: Setup, problem: str = "", *, status: int = 200) -> HttpResponse:
    language = get_language() or ""
    types = sorted((model.name.in_language(language), model.id) for model in library.types())
    fields = setup.fields
    places = Place.objects.filter(organisation=setup.organisation).values_list("path", flat=True)[:500]
    wrong = bool(setup.errors or setup.option_errors or any(row.errors for row in setup.rows))
    context = {
        "setup": setup,
        "object": setup.device,
        "manifest": setup.manifest,
        "first": [field for field in fields if field.first],
        "others": [field for field in fields if not field.first],
        "connection_error": setup.option_errors[""].text() if "" in setup.option_errors else "",
        "types": [(type_id, name) for name, type_id in types],
        "owners": [] if setup.device else setup_form.owners(request),
        "places": places,
        "rows": setup.rows,
        "kinds": rows.KINDS,
        "most": min(rows.MOST_ROWS, MOST_TAGS),
        "problem": problem or (_("Nothing was saved yet: please correct the fields marked below.") if wrong else ""),
        "beside": [] if setup.device else _boxes(request, setup),
        "expected": versions.current_number(setup.device) if setup.device else "",
        "approval": versions.needs_approval(setup.organisation, accounts.user_of(request)),
        "driver_help": translate(mark("The address is in the driver's notation. Value = raw × scale + offset.")),
    }
    return render(request, "devices/setup.html", context, status=status)


urlpatterns = [
    path("platform/devices/new", new_page, name="platform-devices-new"),
    path("platform/devices/<int:pk>/edit", edit_page, name="platform-devices-edit"),
    path("platform/devices/try/test", test_part, name="platform-devices-try-test"),
    path("platform/devices/try/browse", browse_part, name="platform-devices-try-browse"),
    path("platform/devices/try/rows", rows_part, name="platform-devices-try-rows"),
    path("platform/devices/try/values", values_part, name="platform-devices-try-values"),
]

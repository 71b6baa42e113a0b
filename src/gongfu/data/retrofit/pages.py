"""The inventory and its assessment in the console."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.files.uploadedfile import UploadedFile
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from gongfu.data.retrofit import importing, services, sheet
from gongfu.data.retrofit.models import Machine
from gongfu.data.retrofit.rules import Level
from gongfu.data.retrofit.services import Line
from gongfu.data.retrofit.useful_pages import useful_page
from gongfu.kernel import sheets
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.pages import export, xlsx
from gongfu.kernel.pages.resource import Column, Resource, Section
from gongfu.network.models import library

_SHOWN = 200
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def level_names() -> dict[Level, str]:
    """What levels are called."""
    return {
        Level.DUMB: _("0 Dumb: delivers nothing"),
        Level.DELIVERING: _("1 Delivers readings"),
        Level.STATE: _("2 State is known"),
        Level.MEASURED: _("3 State and measures"),
        Level.CONTROLLED: _("4 Two-way: written to and confirmed"),
    }


def type_name(type_id: str) -> str:
    """A type as people call it: the information model's name, or what was entered."""
    model = next((one for one in library.types() if one.id == type_id), None)
    return model.name.in_language(get_language() or "") if model else type_id


@require_GET
def assessment_page(request: HttpRequest) -> HttpResponse:
    """Rates, where they are low, what to do next; ``place``, ``type``, ``org``, ``level`` narrow the machines."""
    user = accounts.user_of(request)
    scope = accounts.active_organisation(request)
    found = services.assess(user, scope)
    names = level_names()
    lines = _narrowed(found.lines, request)
    todo = [line for line in lines if line.machine.counts and line.step]
    todo.sort(key=lambda line: (line.judged.level, line.step.cost if line.step else 0))
    groups = [
        (_("By workshop"), found.by(lambda one: (str(one.place or _("No place")), f"place={one.place_id or 0}"))),
        (_("By type"), found.by(lambda one: (type_name(one.type) or _("No type"), f"type={one.type}"))),
        (_("By enterprise"), found.by(lambda one: (str(one.organisation), f"org={one.organisation_id}"))),
    ]
    context = {
        "rates": found.rates,
        "definition": found.definition,
        "problem": found.problem,
        "levels": [(level, names[level], found.rates.levels[level]) for level in Level],
        "groups": [(title, rows) for title, rows in groups if len(rows) > 1 or title == groups[0][0]],
        "months": services.trend(user, scope),
        "lines": [(line, names[line.judged.level], _step(line)) for line in todo[:_SHOWN]],
        "more": max(0, len(todo) - _SHOWN),
        "narrowed": any(request.GET.get(name) for name in ("place", "type", "org", "level")),
        "may": can_edit.test(user, None),
        "silent": [line for line in found.lines if not line.machine.counts],
    }
    return render(request, "retrofit/assessment.html", context)


def _narrowed(lines: Sequence[Line], request: HttpRequest) -> list[Line]:
    asked = request.GET
    return [
        line
        for line in lines
        if asked.get("place", "") in ("", str(line.machine.place_id or 0))
        and ("type" not in asked or asked["type"] == line.machine.type)
        and asked.get("org", "") in ("", str(line.machine.organisation_id))
        and asked.get("level", "") in ("", str(int(line.judged.level)))
    ]


def _step(line: Line) -> str:
    step = line.step
    if step is None:
        return ""
    return translate(step.what) + (f" ({step.detail})" if step.detail else "")


@require_GET
def export_file(request: HttpRequest, kind: str) -> HttpResponse:
    """Every machine with its level and its next step."""
    found = services.assess(accounts.user_of(request), accounts.active_organisation(request))
    names = level_names()
    fields = [*sheet.HEADINGS]
    chinese = not (get_language() or "").startswith("en")
    heads = [sheet.HEADINGS[field][0 if chinese else 1] for field in fields]
    heads += [_("Organisation"), _("Maturity level"), _("On the cloud"), _("Next step"), _("Estimated cost (CNY)")]
    rows = []
    for line in found.lines:
        cells: list[xlsx.Cell] = [_cell(line.machine, field) for field in fields]
        cost = line.step.cost if line.step else None
        stored = _("Yes") if line.judged.on_cloud else _("No")
        rows.append(
            [
                *cells,
                str(line.machine.organisation),
                names[line.judged.level],
                stored,
                _step(line),
                cost,
            ]
        )
    if kind == "csv":
        return _file(export.to_csv(heads, rows), "text/csv; charset=utf-8", "csv")
    if kind == "xlsx":
        return _file(xlsx.to_xlsx(_("Machine inventory"), heads, rows), _XLSX, "xlsx")
    raise NotFound(mark("There is no export as {kind}."), remedy=mark("Use csv or xlsx."), kind=kind[:20])


def _cell(machine: Machine, field: str) -> xlsx.Cell:
    value = getattr(machine, field)
    if field == "device":
        return value.key if value else ""
    if field == "place":
        return value.path if value else ""
    if field == "cost":
        return None if value is None else float(value)
    return value  # type: ignore[no-any-return]


def _file(data: bytes, media: str, kind: str) -> HttpResponse:
    response = HttpResponse(data, content_type=media)
    stamp = timezone.localtime().strftime("%Y%m%d-%H%M")
    response.headers["Content-Disposition"] = f'attachment; filename="machines-{stamp}.{kind}"'
    return response


@require_GET
def template_file(request: HttpRequest) -> HttpResponse:
    """The empty sheet with one row as an example."""
    chinese = not (get_language() or "").startswith("en")
    heads = [names[0 if chinese else 1] for names in sheet.HEADINGS.values()]
    example: list[xlsx.Cell] = [
        "#CK-01",
        "普通车床",
        "Engine lathe",
        "",
        "一厂 / 机加车间",
        1998,
        "",
        "stack_light,motor",
        "planned",
    ]
    return _file(xlsx.to_xlsx(_("Machine inventory"), heads, [[*example, "", "2026-12-31", 1000, ""]]), _XLSX, "xlsx")


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """A sheet of machines; every wrong cell is shown, and then nothing is changed."""
    user = accounts.user_of(request)
    owners = [one for one in Organisation.objects.visible_to(user) if can_edit.test(user, one)]
    if not owners:
        raise Forbidden(mark("You may not change machines."), remedy=mark("Ask an administrator."))
    active = accounts.active_organisation(request)
    context: dict[str, object] = {"owners": owners, "active": active, "most": sheet.MOST_ROWS}
    status = 200
    if request.method == "POST":
        try:
            file = request.FILES.get("file")
            if not isinstance(file, UploadedFile) or (file.size or 0) > sheets.MOST_BYTES:
                raise Invalid(mark("Send one file of at most {most} MB."), most=sheets.MOST_BYTES // 1_000_000)
            owner = next((one for one in owners if str(one.pk) == request.POST.get("organisation")), owners[0])
            done = importing.take(user, owner, file.read(), (file.name or "")[-100:])
            heads = {
                name: spelt[0 if not (get_language() or "").startswith("en") else 1]
                for name, spelt in sheet.HEADINGS.items()
            }
            context |= {"done": done, "faults": [(one, heads[one.column], one.problem.text()) for one in done.faults]}
            status = 422 if done.faults else 200
        except GongfuError as error:
            context["error"] = error.text(get_language())
            status = error.http_status
    return render(request, "retrofit/import.html", context, status=status)


def _machines(user: User) -> models.QuerySet[Machine]:
    return Machine.objects.visible_to(user).select_related("organisation", "place", "device")


MACHINES: Resource[Machine] = Resource(
    model=Machine,
    room="platform",
    slug="machines",
    icon="list-check",
    columns=[
        Column("name", render=str),
        Column("number"),
        Column("type", gettext_lazy("Type"), render=lambda one: type_name(one.type)),
        Column("place"),
        Column("device"),
        Column("controller"),
        Column("interfaces"),
        Column("plan"),
        Column("planned_on"),
        Column("cost", shown=False),
        Column("obstacles", shown=False),
        Column("year", shown=False),
        Column("organisation"),
    ],
    search=["number", "name", "name_en", "controller"],
    filters=["plan", "place", "counts", "organisation"],
    queryset=_machines,
    ordering="number",
    form=[
        Section(
            gettext_lazy("Machine"), ["organisation", "number", "name", "name_en", "type", "place", "year", "counts"]
        ),
        Section(
            gettext_lazy("What it offers"),
            ["controller", "interfaces", "device"],
            gettext_lazy("From this the cheapest next step is proposed."),
        ),
        Section(gettext_lazy("Retrofit"), ["plan", "obstacles", "planned_on", "cost"]),
    ],
    save=lambda machine, _user, _new: services.prepare(machine),
    empty=gettext_lazy("Every machine belongs here, connected or not: enter them, or import a spreadsheet."),
)

RESOURCES = (MACHINES,)
urlpatterns = [
    path("platform/retrofit/", assessment_page, name="platform-retrofit"),
    path("platform/retrofit/export.<str:kind>", export_file, name="platform-retrofit-export"),
    path("platform/retrofit/template.xlsx", template_file, name="platform-retrofit-template"),
    path("platform/retrofit/import", import_page, name="platform-retrofit-import"),
    path("platform/devices/<int:pk>/useful", useful_page, name="platform-devices-useful"),
]

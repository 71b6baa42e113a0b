"""Expert review in the console: panels, the pool, and what officials do."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gongfu.governance.review import expert_pages, pool, services, sheet
from gongfu.governance.review.drawing import verify
from gongfu.governance.review.models import Assignment, Draw, Expert, Panel
from gongfu.governance.review.permissions import offices_of, runs_panels
from gongfu.kernel import sheets
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import nobody
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import xlsx
from gongfu.kernel.pages.resource import Action, Column, Permissions, Resource, Section, Tab

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _panels(user: User) -> models.QuerySet[Panel]:
    return Panel.objects.visible_to(user).filter(organisation__in=offices_of(user)).select_related("organisation")


def _experts(user: User) -> models.QuerySet[Expert]:
    found = Expert.objects.visible_to(user).filter(organisation__in=offices_of(user))
    return found.select_related("organisation", "user")


def _progress(request: HttpRequest, panel: Panel) -> Mapping[str, object]:
    state = services.status(panel)
    seats = panel.assignments.select_related("expert").order_by("pk")
    submitted = set(
        panel.assignments.filter(scores__round=panel.round, scores__locked=True).values_list("pk", flat=True)
    )
    criteria = panel.criterion_list
    return {
        "status": state,
        "seats": [(one, one.pk in submitted) for one in seats],
        "free": state.wanted - state.sitting,
        "may": runs_panels.test(accounts.user_of(request), panel),
        "criteria": criteria,
        "marks": [
            (
                one.letter,
                dict(state.result.totals)[one.letter],
                [one.points[each.key] for each in criteria],
                one.comment,
            )
            for one in state.marks
        ]
        if state.result is not None
        else [],
        "means": [mean for _key, mean in state.result.means] if state.result is not None else [],
        "days": services.days_left(panel),
        "policy": panel.rules[0],
    }


def _seen(_request: HttpRequest, panel: Panel) -> Mapping[str, object]:
    return {"rows": panel.rows, "criteria": panel.criterion_list, "parties": panel.party_list}


def _draws(_request: HttpRequest, panel: Panel) -> Mapping[str, object]:
    def told(one: Draw) -> tuple[object, ...]:
        drawn = one.drawn
        chosen = [(place, one.names.get(key, key), key) for place, key in zip(drawn.places, drawn.chosen, strict=True)]
        pool_told = [(one.names.get(key, key), key, fields) for key, fields, _employer in drawn.candidates]
        return one, drawn, chosen, pool_told, one.left_out, verify(drawn) and drawn.digest == one.digest

    return {"draws": [told(one) for one in panel.draws.all()]}


def _of(request: HttpRequest, pk: int) -> tuple[User, Panel]:
    user = accounts.user_of(request)
    panel = _panels(user).filter(pk=pk).first()
    if panel is None:
        raise NotFound(mark("There is no such review."))
    return user, panel


@require_POST
def step(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """What an official does with a panel: draw, replace, second round, settle, cancel."""
    user, panel = _of(request, pk)
    reason = request.POST.get("reason", "")
    try:
        if name == "draw":
            services.draw(user, panel, seed=request.POST.get("seed", ""), reason=reason)
            messages.success(request, gettext("The experts are drawn."))
        elif name == "replace":
            seat = request.POST.get("seat", "")
            services.replace(user, panel, int(seat) if seat.isdecimal() and len(seat) < 19 else 0, reason)
        elif name == "round":
            days = request.POST.get("workdays", "3")
            services.second_round(user, panel, reason, int(days) if days.isdecimal() and len(days) < 4 else 0)
        elif name == "settle":
            services.settle(user, panel, reason)
        elif name == "cancel":
            services.cancel(user, panel, reason)
        else:
            raise NotFound(mark("There is no step {name}."), name=name[:50])
    except NotFound:
        raise
    except GongfuError as error:
        messages.error(request, error.text(get_language()))
    return HttpResponseRedirect(f"/governance/panels/{panel.pk}/")


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """A sheet of experts; every wrong row is shown, and then nothing is changed."""
    user = accounts.user_of(request)
    office, offices = _office(request, user)
    context: dict[str, object] = {"office": office, "offices": offices, "most": sheet.MOST_ROWS}
    status = 200
    if request.method == "POST":
        try:
            file = request.FILES.get("file")
            if not isinstance(file, UploadedFile) or (file.size or 0) > sheets.MOST_BYTES:
                raise Invalid(mark("Send one file of at most {most} MB."), most=sheets.MOST_BYTES // 1_000_000)
            done = pool.take(user, office, file.read(), (file.name or "")[-100:])
            place = 1 if (get_language() or "").startswith("en") else 0
            faults = [
                (
                    one,
                    sheet.EXPERTS[one.column][place] if one.column in sheet.EXPERTS else one.column,
                    one.problem.text(get_language()),
                )
                for one in done.faults
            ]
            context |= {"done": done, "faults": faults}
            status = 422 if faults else 200
        except GongfuError as error:
            context["error"] = error.text(get_language())
            status = error.http_status
    return render(request, "review/import.html", context, status=status)


def _office(request: HttpRequest, user: User) -> tuple[Organisation, list[Organisation]]:
    offices = offices_of(user)
    if not offices:
        raise Forbidden(
            mark("Only officials of an authority run expert reviews."),
            remedy=mark("Ask an administrator of the authority for the role of an engineer."),
        )
    asked = request.POST.get("organisation", "")
    active = accounts.active_organisation(request)
    chosen = next((one for one in offices if str(one.pk) == asked), None)
    return chosen or (active if active is not None and active in offices else offices[0]), offices


@require_GET
def template_file(_request: HttpRequest) -> HttpResponse:
    """An empty sheet of experts with one row as an example."""
    place = 1 if (get_language() or "").startswith("en") else 0
    heads = [names[place] for names in sheet.EXPERTS.values()]
    response = HttpResponse(xlsx.to_xlsx("experts", heads, [sheet.EXAMPLE]), content_type=_XLSX)
    response.headers["Content-Disposition"] = 'attachment; filename="experts.xlsx"'
    return response


def _invite(user: User, expert: Expert) -> str:
    made = pool.invite(user, expert)
    text = gettext("%(name)s signs in as %(user)s with the password %(password)s. It is shown only this once.")
    return text % {"name": expert.name, "user": made.username, "password": made.password}


def _reviews(_request: HttpRequest, expert: Expert) -> Mapping[str, object]:
    return {"seats": Assignment.objects.filter(expert=expert).select_related("panel").order_by("-pk")[:100]}


def _pass_mark(panel: Panel) -> str:
    return "–" if panel.total is None else f"{panel.total:.2f}"


PANELS: Resource[Panel] = Resource(
    model=Panel,
    room="governance",
    slug="panels",
    icon="user-check",
    columns=[
        Column("title", render=str),
        Column("state"),
        Column("deadline"),
        Column("total", render=_pass_mark),
        Column("passed"),
        Column("created_at", shown=False),
        Column("organisation", shown=False),
    ],
    search=["title", "number"],
    filters=["state", "organisation"],
    queryset=_panels,
    ordering="-deadline",
    detail=["number", "title", "state", "round", "workdays", "deadline", "total", "passed", "reason", "organisation"],
    tabs=[
        Tab("progress", _("Experts and marks"), "review/progress_tab.html", _progress, may=runs_panels),
        Tab("seen", _("What experts see"), "review/seen_tab.html", _seen, may=runs_panels),
        Tab("draws", _("Draws"), "review/draws_tab.html", _draws, may=runs_panels),
    ],
    permissions=Permissions(view=runs_panels, add=nobody, change=nobody, delete=nobody),
    empty=_("A panel is opened from an application that passed the first check; here its experts are drawn."),
)
EXPERTS: Resource[Expert] = Resource(
    model=Expert,
    room="governance",
    slug="experts",
    icon="users",
    columns=[
        Column("name"),
        Column("fields"),
        Column("title"),
        Column("employer"),
        Column("paused"),
        Column("user"),
        Column("phone", shown=False),
        Column("organisation", shown=False),
    ],
    search=["name", "fields", "employer", "employer_code"],
    filters=["paused", "organisation"],
    queryset=_experts,
    ordering="name",
    form=[
        Section(_("Expert"), ["organisation", "name", "title", "fields", "phone"]),
        Section(
            _("Ties"),
            ["employer", "employer_code", "former", "declared"],
            _("Whoever has a tie with an applicant is not drawn, and the draw says why."),
        ),
        Section(_("More"), ["paused", "remark"]),
    ],
    detail=[
        *("name", "title", "fields", "employer", "employer_code", "phone", "former", "declared", "paused", "user"),
        *("remark", "organisation"),
    ],
    save=pool.save,
    actions=[Action("invite", _("Make an account"), _invite, runs_panels, icon="user")],
    tabs=[Tab("reviews", _("Reviews"), "review/reviews_tab.html", _reviews, may=runs_panels)],
    permissions=Permissions(view=runs_panels, add=runs_panels, change=runs_panels, delete=nobody),
    empty=_("Experts are drawn by lot from this pool. Enter them, or import a spreadsheet."),
)

RESOURCES = (PANELS, EXPERTS)
urlpatterns = [
    path("governance/experts/import/", import_page, name="governance-experts-import"),
    path("governance/experts/template.xlsx", template_file, name="governance-experts-template"),
    path("governance/panels/<int:pk>/do/<slug:name>", step, name="governance-panels-do"),
    path("governance/reviews/", expert_pages.list_page, name="governance-reviews"),
    path("governance/reviews/<int:pk>/", expert_pages.review_page, name="governance-reviews-one"),
    path("governance/reviews/<int:pk>/answer", expert_pages.answer, name="governance-reviews-answer"),
    path("governance/reviews/<int:pk>/draft", expert_pages.save, name="governance-reviews-draft"),
    path("governance/reviews/<int:pk>/submit", expert_pages.submit, name="governance-reviews-submit"),
]

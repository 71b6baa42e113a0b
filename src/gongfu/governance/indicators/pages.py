"""The plan on one page, one indicator as a story, the documents' targets, the monthly report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from gongfu.governance.documents.services import TYPES
from gongfu.governance.indicators import (
    catalogue,
    due,
    figures,
    measuring,
    papers,
    reporting,
    reporting_pages,
    rules,
    services,
    telling,
)
from gongfu.governance.indicators.drawing import draw
from gongfu.governance.indicators.models import Assignment, Indicator
from gongfu.governance.indicators.rules import Light
from gongfu.governance.indicators.services import Outlook
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit, nobody
from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.pages.resource import Column, Permissions, Resource

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SIZE = 50


def row(found: Outlook, width: float = 240, height: float = 48) -> dict[str, object]:
    """Everything a template says of an indicator."""
    target = found.target
    goal = float(found.goal.least)
    return {
        "found": found,
        "indicator": found.indicator,
        "target": target,
        "now": telling.figure(found.value),
        "unit": telling.unit(target),
        "goal": telling.goal(found.goal, target),
        "goals": [(one.year, telling.goal(one, target)) for one in found.goals],
        "light": found.judged.light.value,
        "shape": telling.shape(found.judged.light),
        "state": telling.name_of(found),
        "reason": telling.reason(found),
        "outlook": telling.outlook(found.forecast, target),
        "percent": min(100, round(100 * found.judged.share)),
        "departments": papers.departments(found),
        "source": telling.source(found.indicator),
        "drawing": draw(found.points, found.forecast, goal, found.begins, found.deadline, width, height),
    }


@require_safe
def plan_page(request: HttpRequest) -> HttpResponse:
    """One plan; ``plan`` chooses among those that can be seen."""
    user = accounts.user_of(request)
    every = list(services.plans(user, accounts.active_organisation(request)))
    asked = request.GET.get("plan", "")
    if asked:
        plan = services.plan_for(user, _whole(asked))
    elif every:
        plan = every[0]
    else:
        return render(request, "indicators/none.html", {"may": can_edit.test(user, None)})
    found = services.outlooks(plan)
    names = telling.light_names()
    lights = [one.judged.light for one in found]
    context = {
        "plan": plan,
        "plans": every,
        "language": get_language() or "",
        "rows": [row(one) for one in found],
        "counts": [
            (light.value, telling.shape(light), names[light], lights.count(light))
            for light in (Light.DONE, Light.GREEN, Light.YELLOW, Light.RED, Light.GREY)
        ],
        "opening": papers.opening(plan, found, services.today()),
        "footnote": papers.footnote(plan),
        "month": _last_month(services.today()),
        "annex": any(one.target.row for one in found),
    }
    return render(request, "indicators/plan.html", context)


def _last_month(day: dt.date) -> dt.date:
    return rules.first_of_month(rules.first_of_month(day) - dt.timedelta(days=1))


@require_safe
def indicator_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One indicator: how it stands and why, its figures, who answers for it, what lies behind."""
    user = accounts.user_of(request)
    indicator = services.indicator_for(user, pk)
    found = services.outlook(indicator)
    stated = reporting.reports(user).filter(assignment__indicator=indicator)
    context = {
        **row(found, 640, 200),
        "plan": indicator.plan,
        "document": indicator.plan.text,
        "kind": telling.kind_name(found.target.kind),
        "months": _months(found),
        "assignments": indicator.assignments.select_related("organisation"),
        "due": due.due(indicator.assignments.select_related("organisation", "indicator__plan")),
        "reports": stated.order_by("-as_of", "-pk")[:24],
        "definition": translate(measuring.measure(indicator.measure).says) if indicator.measure else "",
        "measures": [(name, translate(one.says)) for name, one in measuring.MEASURES.items()],
        "sources": Indicator.Source.choices,
        "may": can_edit.test(user, indicator),
        "owners": Organisation.objects.visible_to(user)[:200] if can_edit.test(user, indicator) else [],
        "rhythms": Assignment.Rhythm.choices,
    }
    return render(request, "indicators/indicator.html", context)


def _months(found: Outlook) -> list[tuple[dt.date, str, str]]:
    """Month, figure, and what it added; newest first."""
    said, before = [], None
    for one in found.points:
        added = "" if before is None else f"{one.value - before:+,.1f}".removesuffix(".0")
        said.append((one.month, telling.figure(one.value), added))
        before = one.value
    return said[::-1][:36]


@require_safe
def behind_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The very things a figure counts: devices and prefixes of this node, or the signed records of a month."""
    user = accounts.user_of(request)
    indicator = services.indicator_for(user, pk)
    context: dict[str, object] = {"indicator": indicator, "plan": indicator.plan}
    if indicator.source == Indicator.Source.MEASURED:
        page = max(1, min(100_000, _whole(request.GET.get("page", "1"))))
        found = measuring.behind(indicator.measure, indicator.plan.within, user, timezone.now(), page, _SIZE)
        context |= {"counted": found, "page": page, "more": page * _SIZE < found.seen}
        context["definition"] = translate(measuring.measure(indicator.measure).says)
    else:
        month = _month(request.GET.get("month", ""))
        after = _whole(request.GET.get("after", "0"))
        records = figures.indicator_records(indicator)
        if month:
            records = records.filter(day__gte=month, day__lte=rules.month_end(month))
        if after:
            last = figures.indicator_records(indicator).filter(pk=after).first()
            if last is not None:
                further = models.Q(day__gt=last.day) | models.Q(day=last.day, pk__gt=last.pk)
                records = records.filter(further, day__gte=last.day)  # the second is what the index understands
        shown = list(records.prefetch_related("report")[: _SIZE + 1])
        context |= {
            "records": shown[:_SIZE],
            "after": shown[_SIZE - 1].pk if len(shown) > _SIZE else 0,
            "month": month,
            "tallies": indicator.tallies.order_by("-month")[:36],
        }
    return render(request, "indicators/behind.html", context)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFound(mark("There is no page {page}."), page=repr(text[:20]))
    return int(text)


def _month(text: str) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        raise NotFound(mark("There is no month {month}."), month=repr(text[:20])) from None


@require_POST
def source_action(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose where a figure comes from."""
    user = accounts.user_of(request)
    indicator = services.indicator_for(user, pk)
    _try(
        request,
        lambda: services.set_source(
            user, indicator, request.POST.get("source", ""), request.POST.get("measure", "")[:40]
        ),
    )
    return HttpResponseRedirect(reverse("governance-indicator", args=[pk]))


@require_POST
def assign_action(request: HttpRequest, pk: int) -> HttpResponse:
    """Say who reports a figure."""
    user = accounts.user_of(request)
    indicator = services.indicator_for(user, pk)

    def act() -> None:
        owner = Organisation.objects.visible_to(user).filter(pk=_whole(request.POST.get("organisation", ""))).first()
        if owner is None:
            raise NotFound(mark("There is no organisation {id}."), id=request.POST.get("organisation", "")[:20])
        services.assign(
            user,
            indicator,
            owner,
            every=request.POST.get("every", ""),
            days=_whole(request.POST.get("days", "") or "10"),
            contact=request.POST.get("contact", ""),
        )

    _try(request, act)
    return HttpResponseRedirect(reverse("governance-indicator", args=[pk]))


def _try(request: HttpRequest, act: Callable[[], object]) -> None:
    try:
        act()
    except GongfuError as error:
        if error.http_status == 403:
            raise
        messages.error(request, error.text(get_language()))


@require_safe
def targets_page(request: HttpRequest) -> HttpResponse:
    """Every numbered target of every document, in its words; and who follows it."""
    user = accounts.user_of(request)
    language = get_language() or ""
    asked = request.GET.get("document", "")
    every = catalogue.documents()
    chosen = catalogue.document(asked) if asked else next(one for one in every if one.key == "qingpu-2021")
    context = {
        "documents": [(one, one.shortly(language), len(one.target)) for one in every],
        "chosen": chosen,
        "title": chosen.called(language),
        "issuer": chosen.issuer_en if language.startswith("en") else chosen.issuer,
        "targets": [
            (
                one,
                one.called(language),
                [(goal.year, telling.goal(goal, one)) for goal in one.by],
                telling.kind_name(one.kind),
                ("、" if not language.startswith("en") else ", ").join(one.departments),
            )
            for one in chosen.target
        ],
        "followed": services.plans(user).filter(document=chosen.key),
        "owners": [one for one in Organisation.objects.visible_to(user)[:200] if can_edit.test(user, one)],
    }
    return render(request, "indicators/targets.html", context)


@require_POST
def adopt_action(request: HttpRequest) -> HttpResponse:
    """Follow a document."""
    user = accounts.user_of(request)
    owner = Organisation.objects.visible_to(user).filter(pk=_whole(request.POST.get("organisation", ""))).first()
    if owner is None:
        raise NotFound(mark("There is no organisation {id}."), id=request.POST.get("organisation", "")[:20])
    years = _whole(request.POST.get("years_later", "") or "0")
    plan = services.adopt(user, owner, request.POST.get("document", "")[:60], years_later=years)
    number = plan.indicators.count()
    said = ngettext("The plan has %(n)d indicator.", "The plan has %(n)d indicators.", number) % {"n": number}
    messages.success(request, said)
    return HttpResponseRedirect(f"{reverse('governance-plan')}?plan={plan.pk}")


@require_safe
def paper(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """The monthly report as pdf, docx or xlsx; ``month`` is 2026-10, by default the last whole one."""
    user = accounts.user_of(request)
    plan = services.plan_for(user, pk)
    month = _month(request.GET.get("month", "")) or _last_month(services.today())
    if month > services.today():
        raise Invalid(mark("{day} has not come yet."), day=f"{month:%Y-%m}")
    if kind in ("pdf", "docx"):
        made = papers.pdf(plan, month) if kind == "pdf" else papers.docx(plan, month)
        response = HttpResponse(made, content_type=TYPES["pdf" if kind == "pdf" else "docx"])
    elif kind == "xlsx":
        response = HttpResponse(papers.xlsx(plan, month), content_type=_XLSX)
    else:
        raise NotFound(mark("There is no report as {kind}."), remedy=mark("Use pdf, docx or xlsx."), kind=kind[:20])
    name = f"indicators-{plan.document}-{month:%Y%m}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _assigned(user: User) -> models.QuerySet[Assignment]:
    return Assignment.objects.visible_to(user).select_related("organisation", "indicator__plan")


ASSIGNMENTS: Resource[Assignment] = Resource(
    model=Assignment,
    room="governance",
    slug="assignments",
    icon="users",
    columns=[
        Column("indicator", render=lambda one: str(one.indicator)),
        Column("organisation"),
        Column("every"),
        Column("days"),
        Column("contact"),
        Column("since"),
    ],
    filters=["every", "organisation"],
    queryset=_assigned,
    permissions=Permissions(add=nobody, change=nobody, delete=nobody),
    empty=gettext_lazy("Nobody has to report yet: open an indicator and say who does."),
)

RESOURCES = (ASSIGNMENTS,)
urlpatterns = [
    path("governance/plan/", plan_page, name="governance-plan"),
    path("governance/plan/adopt", adopt_action, name="governance-plan-adopt"),
    path("governance/plan/<int:pk>/report.<str:kind>", paper, name="governance-plan-report"),
    path("governance/indicators/<int:pk>/", indicator_page, name="governance-indicator"),
    path("governance/indicators/<int:pk>/behind", behind_page, name="governance-indicator-behind"),
    path("governance/indicators/<int:pk>/source", source_action, name="governance-indicator-source"),
    path("governance/indicators/<int:pk>/assign", assign_action, name="governance-indicator-assign"),
    path("governance/targets/", targets_page, name="governance-targets"),
    *reporting_pages.urlpatterns,
]

"""Pages: an enterprise's self-assessment, its result, the questionnaires; urls of the whole module."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from gongfu.governance.assessments import (
    due,
    office_pages,
    papers,
    questions,
    reading,
    services,
    showing,
    telling,
    writing_pages,
)
from gongfu.governance.assessments.models import Assessment, Provider, Size
from gongfu.governance.documents.services import TYPES, Kind
from gongfu.governance.support.permissions import keeps_ledger
from gongfu.identity.business import classes
from gongfu.identity.business import services as business
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_operate
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section

State = Assessment.State


@require_safe
def home_page(request: HttpRequest) -> HttpResponse:
    """What can be assessed, what was, and for officials what waits."""
    user = accounts.user_of(request)
    active = accounts.active_organisation(request)
    mine = [one for one in _assessable(user) if active is None or one.path.startswith(active.path)]
    owner = mine[0] if mine else None
    known = services.assessments(user)
    own = known.filter(organisation=owner) if owner else known.none()
    context = {
        "owner": owner,
        "owners": mine,
        "offered": [_offer(one, owner) for one in _offered()],
        "open": own.filter(state__in=[State.DRAFT, State.RETURNED]),
        "past": [_row(one) for one in own.exclude(state__in=[State.DRAFT, State.RETURNED])[:30]],
        "waiting": due.waiting_for(user)[:50],
        "official": keeps_ledger.test(user, None),
        "handed_in": [_row(one) for one in known.filter(office__in=_offices(user)).order_by("-submitted_at")[:30]],
        "industries": classes.industries(get_language() or ""),
        "sizes": Size.choices,
        "industry": _industry(user, owner, own.first()),
        "profile": own.first(),
    }
    return render(request, "assessments/home.html", context)


def _assessable(user: User) -> list[Organisation]:
    """Enterprises for which ``user`` may answer."""
    if user.is_superuser:
        return list(Organisation.objects.filter(kind=Organisation.Kind.ENTERPRISE)[:200])
    held = {one.organisation for one in user.memberships_cached if can_operate.test(user, one.organisation)}
    kinds = (Organisation.Kind.ENTERPRISE, Organisation.Kind.SUPPLIER)
    return sorted((one for one in held if one.kind in kinds), key=lambda one: one.path)


def _industry(user: User, owner: Organisation | None, last: Assessment | None) -> str:
    """The division of the assessment before, else of the enterprise's contract for a prefix; empty when unknown."""
    if last is not None:
        return last.industry
    contract = business.contracts(user, owner).exclude(industry="").first() if owner else None
    return classes.division_of(contract.industry) if contract else ""


def _offices(user: User) -> list[int]:
    return [one.pk for one in services.offices() if keeps_ledger.test(user, one)]


def _offered() -> list[questions.Questionnaire]:
    families = dict.fromkeys(one.family for one in questions.built_in())
    return [reading.newest_version(family) for family in families]


def _offer(found: questions.Questionnaire, owner: Organisation | None) -> dict[str, object]:
    last = services.latest(owner, found.family) if owner else None
    stage = found.staged(last.stage) if last else None
    return {
        "found": found,
        "title": telling.title(found),
        "about": found.about_en if telling.english() else found.about,
        "count": len(found.question),
        "last": last,
        "stage": telling.title(stage) if stage else "",
        "due": last is None or last.year < services.today().year,
    }


def _row(one: Assessment) -> dict[str, object]:
    stage = one.asked.staged(one.stage)
    return {"one": one, "stage": telling.title(stage) if stage else ""}


@require_POST
def begin_action(request: HttpRequest) -> HttpResponse:
    """Begin, or go on with the one that is open."""
    user = accounts.user_of(request)
    key = request.POST.get("organisation", "")
    owner = next((one for one in _assessable(user) if str(one.pk) == key), None)
    if owner is None:
        raise NotFound(mark("There is no organisation {id}."), id=key[:20])
    made = services.begin(
        user, owner, request.POST.get("family", ""), request.POST.get("industry", ""), request.POST.get("size", "")
    )
    proposed = made.answers.exclude(proposed="").count()
    if proposed:
        said = ngettext("%(n)d answer is proposed.", "%(n)d answers are proposed.", proposed) % {"n": proposed}
        messages.info(request, said)
    return HttpResponseRedirect(reverse("governance-assessment", args=[made.pk]))


@require_safe
def result_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Stage, radar, explanation, the years, the others, and what to do next."""
    user = accounts.user_of(request)
    assessment = services.assessment_for(user, pk)
    found = services.questionnaire_of(assessment)
    result = services.result(assessment)
    compared = reading.compared(assessment)
    context = {
        "assessment": assessment,
        "found": found,
        "result": result,
        "stages": [(one, result.stage is not None and one.key == result.stage.key) for one in found.stage],
        "stage_word": telling.stage_word(found),
        "advice": telling.advice(result.stage) if result.stage else "",
        "lacks": telling.lacks(found, result),
        "parts": showing.of(assessment, result, found, compared),
        "radar": showing.chart_svg(showing.chart(found, result, compared)),
        "compared": compared,
        "group": telling.group(compared, assessment.industry, assessment.get_size_display()) if compared else "",
        "fewest": reading.fewest(),
        "trend": showing.trend(assessment),
        "steps": [(one, telling.step(one.line.question)) for one in reading.road_map(assessment, result)],
        "reason": telling.reason(found) if found.ours else "",
        "may_answer": services.may_answer(user, assessment),
        "may_take_back": services.may_take_back(user, assessment),
        "may_review": services.may_review(user, assessment),
        "versions": reading.versions_of(assessment),
    }
    return render(request, "assessments/result.html", context)


@require_safe
def paper(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """The report as pdf or docx."""
    assessment = services.assessment_for(accounts.user_of(request), pk)
    if kind not in ("pdf", "docx"):
        raise NotFound(mark("There is no report as {kind}."), remedy=mark("Use pdf or docx."), kind=kind[:20])
    wanted: Kind = "pdf" if kind == "pdf" else "docx"
    printed = papers.report(assessment, wanted)
    response = HttpResponse(printed.data, content_type=TYPES[wanted])
    name = f"assessment-{assessment.questionnaire}-{assessment.year}-{assessment.pk}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    if printed.missing:
        response.headers["X-Gongfu-Replaced"] = ",".join(f"U+{ord(one):04X}" for one in printed.missing[:20])
    return response


@require_safe
def questionnaires_page(request: HttpRequest) -> HttpResponse:
    """All questionnaires."""
    found = [(one, telling.title(one)) for one in questions.built_in()]
    return render(request, "assessments/questionnaires.html", {"found": found, "today": timezone.localdate()})


@require_safe
def questionnaire_page(request: HttpRequest, key: str) -> HttpResponse:
    """One questionnaire: every question with its options, points and weights, and why they are so."""
    user = accounts.user_of(request)
    plain = questions.by_key(key)
    offices = [one for one in services.offices() if keeps_ledger.test(user, one)]
    found = services.weighted_for(plain, offices[0] if offices else None, services.today())
    context = {
        "found": found,
        "title": telling.title(found),
        "about": found.about_en if telling.english() else found.about,
        "reason": telling.reason(found),
        "parts": showing.preview(found),
        "changed": found != plain,
        "offices": offices,
        "today": services.today(),
        "stage_word": telling.stage_word(found),
        "needs": [
            (one, [(telling.title(part), one.need[part.key]) for part in found.dimension if part.key in one.need])
            for one in found.stage
        ],
        "weightings": reading.weightings(offices, key),
    }
    return render(request, "assessments/questionnaire.html", context)


PROVIDERS: Resource[Provider] = Resource(
    model=Provider,
    room="governance",
    slug="providers",
    icon="tool",
    columns=[Column("name"), Column("topic"), Column("offers"), Column("contact"), Column("organisation")],
    search=["name", "offers"],
    filters=["topic"],
    form=[Section(gettext_lazy("Service provider"), ["organisation", "name", "topic", "offers", "contact", "link"])],
    permissions=Permissions(view=keeps_ledger, add=keeps_ledger, change=keeps_ledger, delete=keeps_ledger),
    empty=gettext_lazy("Providers that are entered here stand in the road maps of enterprises."),
)

RESOURCES = (PROVIDERS,)
urlpatterns = [
    path("governance/assessments/", home_page, name="governance-assessments"),
    path("governance/assessments/begin", begin_action, name="governance-assessment-begin"),
    path("governance/assessments/<int:pk>/result/", result_page, name="governance-assessment-result"),
    path("governance/assessments/<int:pk>/report.<str:kind>", paper, name="governance-assessment-report"),
    path("governance/questionnaires/", questionnaires_page, name="governance-questionnaires"),
    path("governance/questionnaires/<str:key>/", questionnaire_page, name="governance-questionnaire"),
    *writing_pages.urlpatterns,
    *office_pages.urlpatterns,
]

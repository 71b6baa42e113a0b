"""The office: review, overview by stage and industry, weights."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gongfu.governance.assessments import questions, reading, reviewing, services, showing, telling
from gongfu.governance.assessments.models import Assessment
from gongfu.governance.assessments.scoring import Given
from gongfu.governance.support.permissions import keeps_ledger
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import Forbidden, Invalid
from gongfu.kernel.i18n import mark


@require_http_methods(["GET", "HEAD", "POST"])
def review_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Every answer with what it rests on; correct one, accept all, or send it back."""
    user = accounts.user_of(request)
    assessment = services.assessment_for(user, pk)
    if not services.may_review(user, assessment):
        raise Forbidden(
            mark("You may not review this assessment."),
            remedy=mark("An official of its office may, who does not work for the enterprise."),
        )
    problem = ""
    if request.method == "POST":
        try:
            where = _decide(request, assessment)
        except Invalid as error:
            problem = error.text(get_language())
        else:
            return HttpResponseRedirect(where)
    found, result = services.questionnaire_of(assessment), services.result(assessment)
    context = {
        "assessment": assessment,
        "found": found,
        "result": result,
        "parts": showing.of(assessment, result, found),
        "problem": problem,
        "may_entrust": keeps_ledger.test(user, assessment.office),
        "posted": request.POST,
    }
    return render(request, "assessments/review.html", context, status=422 if problem else 200)


def _decide(request: HttpRequest, assessment: Assessment) -> str:
    user, posted = accounts.user_of(request), request.POST
    reason = posted.get("reason", "")
    match posted.get("do", ""):
        case "accept":
            reviewing.accept(user, assessment, posted.get("remark", ""))
            messages.success(request, _("Accepted."))
            return reverse("governance-assessment-result", args=[assessment.pk])
        case "return":
            reviewing.send_back(user, assessment, posted.get("remark", ""))
            messages.success(request, _("Sent back."))
            return reverse("governance-assessments")
        case "entrust":
            made = reviewing.entrust(user, assessment, posted.get("username", "").strip())
            if made.diagnostician is not None:
                messages.success(request, _("%(name)s reviews it.") % {"name": made.diagnostician})
            return reverse("governance-assessment-review", args=[assessment.pk])
        case _:
            key = posted.get("question", "")
            if posted.get("skip"):
                given = Given("", applies=False, reason=reason)
            else:
                given = Given(posted.get("value", "").strip())
            reviewing.correct(user, assessment, key, given, reason)
            return reverse("governance-assessment-review", args=[assessment.pk]) + f"#q-{key}"


@require_safe
def overview_page(request: HttpRequest) -> HttpResponse:
    """Enterprises by industry and stage; single ones only for officials of the office."""
    user = accounts.user_of(request)
    every = services.offices()
    key = request.GET.get("questionnaire", "") or questions.built_in()[0].key
    asked = request.GET.get("office", "")
    own = [one for one in every if keeps_ledger.test(user, one)]
    office = next((one for one in (*(one for one in every if str(one.pk) == asked), *own, *every)), None)
    found = questions.by_key(key)
    said = reading.overview(user, found, office) if office else None
    context = {
        "found": found,
        "all": [(one, telling.title(one)) for one in questions.built_in()],
        "office": office,
        "offices": every,
        "said": said,
        "rows": _rows(said) if said else [],
        "firms": reading.newest(key, office) if said and said.exact else [],
    }
    return render(request, "assessments/overview.html", context)


def _rows(said: reading.Overview) -> list[tuple[str, str, list[str], str, list[tuple[int, int]]]]:
    """Industry, how many, cells, mean, and the beginning and length of each cell's bar, of 100."""
    found = []
    for row in said.rows:
        name = telling.industry(row.industry) if row.industry else _("All industries")
        cells = [row.stages[stage.key] for stage in said.questionnaire.stage]
        whole = row.count or 0
        lengths = [round(100 * (cell or 0) / whole) if whole else 0 for cell in cells]
        bars = [(sum(lengths[:place]), length) for place, length in enumerate(lengths)]
        mean = telling.points(row.mean) if row.mean is not None else "–"
        found.append((name, _said(row.count, said), [_said(cell, said) for cell in cells], mean, bars))
    return found


def _said(count: int | None, said: reading.Overview) -> str:
    if said.exact:
        return str(count or 0)
    return f"<{said.fewest}" if count is None else f"≥{count}"


@require_POST
def weigh_action(request: HttpRequest, key: str) -> HttpResponse:
    """Set the weights of an office."""
    user = accounts.user_of(request)
    found = questions.by_key(key)
    office = next((one for one in services.offices() if str(one.pk) == request.POST.get("office", "")), None)
    if office is None:
        raise Invalid(mark("Choose the office to which it goes."))
    weights = {one.key: _weight(request.POST.get(f"weight-{one.key}", "")) for one in found.dimension}
    since = _day(request.POST.get("since", ""))
    services.weigh(user, office, key, weights, since, request.POST.get("reason", ""))
    messages.success(request, _("The weights count from that day on; what was handed in keeps its own."))
    return HttpResponseRedirect(reverse("governance-questionnaire", args=[key]))


def _weight(text: str) -> Decimal:
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise Invalid(mark("{value} is no weight."), value=repr(text[:20]))
    return found


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Invalid(mark("{value} is no date."), value=repr(text[:40])) from None


urlpatterns = [
    path("governance/assessments/<int:pk>/review/", review_page, name="governance-assessment-review"),
    path("governance/assessments/overview/", overview_page, name="governance-assessment-overview"),
    path("governance/questionnaires/<str:key>/weights", weigh_action, name="governance-questionnaire-weights"),
]

"""The reporting desk: what is due, the form of a figure, the page on which a second person signs it."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gongfu.governance.indicators import due, reporting, rules, services, table, telling
from gongfu.governance.indicators.models import Assignment, Indicator, Report
from gongfu.governance.indicators.rules import Every
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, can_operate
from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.xlsx import to_xlsx

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_safe
def desk_page(request: HttpRequest) -> HttpResponse:
    """What is due, what waits for a signature, what was sent back, what came last."""
    user = accounts.user_of(request)
    mine = reporting.reports(user).order_by("-updated_at")
    returned = mine.filter(state=Report.State.RETURNED, created_by=user)[:20]
    context = {
        "due": due.due_for(user),
        "waiting": due.waiting_for(user),
        "returned": [one for one in returned if not _answered(one)],
        "recent": mine[:20],
        "others": [one for one in due.due(reporting.assignments(user)) if not can_operate.test(user, one.assignment)],
    }
    return render(request, "indicators/desk.html", context)


def _answered(made: Report) -> bool:
    return Report.objects.filter(assignment=made.assignment, as_of=made.as_of, pk__gt=made.pk).exists()


@require_http_methods(["GET", "POST"])
def report_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The form of a figure; nothing that was typed is lost when it is refused."""
    user = accounts.user_of(request)
    assignment = reporting.assignment_for(user, pk)
    indicator = assignment.indicator
    period = rules.period_end(Every(assignment.every), services.today())
    context: dict[str, object] = {
        "assignment": assignment,
        "indicator": indicator,
        "target": indicator.words,
        "unit": telling.unit(indicator.words),
        "as_of": period.isoformat(),
        "begins": indicator.plan.begins.isoformat(),
        "today": services.today().isoformat(),
        "table": indicator.source == Indicator.Source.IMPORTED,
        "posted": request.POST,
        "last": Report.objects.filter(assignment=assignment, state=Report.State.SIGNED).order_by("-as_of").first(),
        "columns": _headings(),
    }
    status = 200
    if request.method == "POST":
        try:
            faults = _taken(request, user, assignment)
            if not faults:
                messages.success(request, _("Reported. It counts once a second person has signed it."))
                return HttpResponseRedirect(reverse("governance-reporting"))
            context["faults"], status = faults, 422
        except GongfuError as error:
            if error.http_status == 403:
                raise
            context["problem"], status = error.text(get_language()), error.http_status
    return render(request, "indicators/report_form.html", context, status=status)


def _taken(request: HttpRequest, user: User, assignment: Assignment) -> list[tuple[table.Fault, str, str]]:
    unit = assignment.indicator.words.unit
    evidence, note = request.POST.get("evidence", ""), request.POST.get("note", "")
    file = request.FILES.get("file")
    rows: list[table.Row] = []
    if isinstance(file, UploadedFile):
        if (file.size or 0) > table.MOST_BYTES:
            raise Invalid(mark("The file is larger than {most} MB."), most=table.MOST_BYTES // 1_000_000)
        rows, faults = table.read(file.read(), (file.name or "")[-80:], unit)
        if faults:
            language = 1 if (get_language() or "").startswith("en") else 0
            return [(one, table.HEADINGS[one.column][language], one.problem.text(get_language())) for one in faults]
    if assignment.indicator.source == Indicator.Source.IMPORTED:
        reporting.import_table(user, assignment, rows, evidence, note)
        return []
    value = rules.number(request.POST.get("value", ""), unit)
    reporting.report(user, assignment, _day(request.POST.get("as_of", "")), value, evidence, note, rows)
    return []


def _headings() -> list[str]:
    return [spelt[1 if (get_language() or "").startswith("en") else 0] for spelt in table.HEADINGS.values()]


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise Invalid(
            mark("{value} is no date."), remedy=mark("Write it like 2026-11-20."), value=repr(text[:40])
        ) from None


@require_safe
def stated_page(request: HttpRequest, pk: int) -> HttpResponse:
    """A report as it was stated, who signed it, what it corrects, the things it lists."""
    user = accounts.user_of(request)
    made = reporting.report_for(user, pk)
    context = {
        "report": made,
        "indicator": made.assignment.indicator,
        "value": telling.with_unit(made.value, made.assignment.indicator.words),
        "records": made.records.order_by("day", "pk")[:200],
        "number": made.records.count(),
        "later": made.corrections.order_by("pk"),
        "may_sign": reporting.may_sign(user, made),
        "own": made.created_by_id == user.pk and made.state == Report.State.REPORTED,
        "may_withdraw": made.table
        and made.state == Report.State.SIGNED
        and can_edit.test(user, made.assignment.indicator),
        "shape": {"signed": "good", "reported": "uncertain", "returned": "bad"}.get(made.state, "stale"),
        "plan_visible": services.plans(user).filter(pk=made.assignment.indicator.plan_id).exists(),
    }
    return render(request, "indicators/report.html", context)


@require_POST
def decide(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Sign, send back, or take a signed table out of the count."""
    user = accounts.user_of(request)
    made = reporting.report_for(user, pk)
    reason = request.POST.get("reason", "")
    try:
        if what == "sign":
            reporting.sign(user, made)
        elif what == "return":
            reporting.send_back(user, made, reason)
        elif what == "withdraw":
            reporting.withdraw_table(user, made, reason)
        else:
            raise NotFound(mark("There is no action {name}."), name=what[:20])
    except GongfuError as error:
        if error.http_status in (403, 404):
            raise
        messages.error(request, error.text(get_language()))
        return HttpResponseRedirect(reverse("governance-report", args=[pk]))
    return HttpResponseRedirect(reverse("governance-report", args=[pk]))


@require_safe
def template_file(request: HttpRequest) -> HttpResponse:
    """The empty table with its columns."""
    accounts.user_of(request)
    response = HttpResponse(to_xlsx(_("Single records"), _headings(), []), content_type=_XLSX)
    response.headers["Content-Disposition"] = 'attachment; filename="records.xlsx"'
    return response


urlpatterns = [
    path("governance/reporting/", desk_page, name="governance-reporting"),
    path("governance/reporting/template.xlsx", template_file, name="governance-reporting-template"),
    path("governance/reporting/<int:pk>/", report_page, name="governance-reporting-form"),
    path("governance/reports/<int:pk>/", stated_page, name="governance-report"),
    path("governance/reports/<int:pk>/<slug:what>", decide, name="governance-report-decide"),
]

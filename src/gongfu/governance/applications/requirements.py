"""What has to be there before a step: each need of the procedure, looked at while the application is locked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from gongfu.governance.applications import forms, panels, sums
from gongfu.governance.applications.models import Application, Opinion, Step
from gongfu.governance.applications.permissions import own_firm
from gongfu.governance.applications.procedure import Need, State
from gongfu.governance.applications.records import paid_so_far
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid
from gongfu.kernel.i18n import mark

ZERO = Decimal(0)


def require(need: Need, application: Application) -> None:
    """Raise a :class:`GongfuError` that says what is missing."""
    _CHECKS[need](application)


def _complete(application: Application) -> None:
    notice = application.notice
    if not notice.is_open:
        raise Conflict(
            mark("The notice takes applications from {first} to {last} 24:00 only."),
            remedy=mark("Look at the notices that are open."),
            first=notice.opens_on.isoformat(),
            last=notice.closes_on.isoformat(),
        )
    _faultless(application)


def _completed(application: Application) -> None:
    _in_time(application)
    _faultless(application)


def _faultless(application: Application) -> None:
    faults = faults_of(application)
    if faults:
        said = {name: error.text() for name, error in faults.items()}
        raise Invalid(mark("Something is missing or wrong in {number} places."), number=len(faults), fields=said)


def faults_of(application: Application) -> dict[str, GongfuError]:
    """Everything that keeps it from being handed in: field, condition or paper → what is wrong."""
    scheme = sums.scheme_of(application.notice, application)
    clause = scheme.find(application.clause)
    found = dict(forms.read(clause, application.answers).faults)
    for condition in forms.conditions(scheme, clause, application.kind):
        if condition.key not in application.facts:
            found[f"fact-{condition.key}"] = Invalid(mark("Not declared: without it there is no support."))
    here = set(application.attachments.values_list("paper", flat=True))
    for key, _title in application.notice.papers:
        if key not in here:
            found[f"paper-{key}"] = Invalid(mark("This paper is missing."))
    if application.kind not in clause.applicants:
        found["kind"] = Invalid(mark("The clause names other applicants."))
    return found


def _never_returned(application: Application) -> None:
    last = Step.objects.filter(application=application, name="reopen").order_by("-pk").first()
    returned = Step.objects.filter(application=application, name="return", pk__gt=last.pk if last else 0)
    if returned.exists():
        raise Conflict(
            mark("What was missing has been asked for once already (一次性补正)."),
            remedy=mark("Decide by what is there: pass it on, or refuse it with the reason."),
        )


def _opinions(application: Application) -> None:
    waiting = Opinion.objects.filter(
        application=application, stage=application.state, verdict="", deadline__gte=timezone.now()
    ).select_related("organisation")
    if waiting:
        raise Conflict(
            mark("These have not answered yet: {departments}."),
            remedy=mark("Wait for their answer, or for the end of their time."),
            departments="、".join(str(one.organisation) for one in waiting),
        )


def _panel(application: Application) -> None:
    panels.require_passed(application)


def _quiet(application: Application) -> None:
    publication = application.publication
    if publication is None:
        raise Conflict(mark("It stands on no public notice yet."), remedy=mark("Publish it first."))
    if not publication.over:
        raise Conflict(
            mark("The public notice lasts until {day} 24:00."),
            remedy=mark("Wait for its end."),
            day=publication.ends_on.isoformat(),
        )
    if application.objections.filter(answered_at__isnull=True).exists():
        raise Conflict(mark("An objection has not been answered."), remedy=mark("Answer it first."))
    if publication.objections.filter(application__isnull=True, answered_at__isnull=True).exists():
        raise Conflict(mark("An objection has not been answered."), remedy=mark("Answer it first."))
    if application.objections.filter(upheld=True).exists():
        raise Conflict(
            mark("An objection against it was found right."), remedy=mark("Refuse it, or send it back to be checked.")
        )


def _listed(application: Application) -> None:
    result = sums.result(application)
    if result.refused:
        said = "；".join(line.text() for line in result.lines[:3])
        raise Conflict(
            mark("By the rules of {day} nothing is due: {why}"),
            remedy=mark("Refuse it with this reason, or correct what is wrong."),
            day=application.applied_on.isoformat(),
            why=said,
        )


def _in_time(application: Application) -> None:
    if application.deadline is not None and timezone.now() > application.deadline:
        raise Conflict(
            mark("The time for this ended on {moment}."),
            remedy=mark("Speak with the office."),
            moment=timezone.localtime(application.deadline).strftime("%Y-%m-%d %H:%M"),
        )


def _overdue(application: Application) -> None:
    if not application.late:
        raise Conflict(mark("The applicant still has time."), remedy=mark("Wait for the end of its time."))


def _first_appeal(application: Application) -> None:
    if Step.objects.filter(application=application, name="appeal").exists():
        raise Conflict(mark("There was an appeal already: the decision on it is final here."))


def paid(application: Application) -> Decimal:
    """Yuan paid so far."""
    return paid_so_far(application).aggregate(all=Sum("amount"))["all"] or ZERO


def _paid(application: Application) -> None:
    approved = application.approved or ZERO
    if paid(application) != approved:
        raise Conflict(
            mark("{paid} of {approved} yuan are paid."),
            remedy=mark("Pay the rest first."),
            paid=f"{paid(application):,.2f}",
            approved=f"{approved:,.2f}",
        )
    if application.notice.inspected and application.inspected_on is None:
        raise Conflict(mark("The final inspection was not passed yet."), remedy=mark("Inspect it first."))


def _unpaid(application: Application) -> None:
    if paid(application):
        raise Conflict(
            mark("{paid} yuan are paid already."),
            remedy=mark("Claim the money back."),
            paid=f"{paid(application):,.2f}",
        )


_CHECKS: Mapping[Need, Callable[[Application], None]] = {
    Need.COMPLETE: _complete,
    Need.COMPLETED: _completed,
    Need.NEVER_RETURNED: _never_returned,
    Need.OPINIONS: _opinions,
    Need.PANEL: _panel,
    Need.QUIET: _quiet,
    Need.LISTED: _listed,
    Need.IN_TIME: _in_time,
    Need.FIRST_APPEAL: _first_appeal,
    Need.PAID: _paid,
    Need.UNPAID: _unpaid,
    Need.OVERDUE: _overdue,
}


def require_stranger(user: User, application: Application) -> None:
    """Raise :class:`Forbidden` for people of the applicant itself."""
    if own_firm(user, application):
        raise Forbidden(
            mark("You belong to {applicant}: nobody decides about an application of his own firm."),
            remedy=mark("Let a colleague do it."),
            applicant=application.organisation,
        )


RECEIVABLE = (State.DRAFT, State.RETURNED)
"""Where the applicant may change the form and its papers."""

"""What waits for whom: officials, departments, applicants."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from gongfu.governance.applications import clock
from gongfu.governance.applications.models import Application, Objection, Opinion, direct
from gongfu.governance.applications.permissions import may_apply_for
from gongfu.governance.applications.procedure import OPEN, State
from gongfu.governance.support.permissions import offices_of
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.workdays.rules import CHINA

_THEIRS = (State.RETURNED,)
"""Stages in which the office waits for the applicant."""


@dataclass(frozen=True)
class Desk:
    """What an official sees first. Applications with their notice and applicant."""

    late: list[Application]
    today: list[Application]
    mine: list[Application]
    """Put into my hands."""
    later: list[Application]
    waiting_for_others: list[Application]
    objections: list[Objection]
    """Not answered yet."""
    questions: list[Opinion]
    """Put to my departments."""

    @property
    def every(self) -> list[Application]:
        """All that are open."""
        return [*self.late, *self.today, *self.later, *self.waiting_for_others]


def desk(user: User) -> Desk:
    """The desk of ``user``: everything of its offices that is open, and the questions to its departments."""
    offices = offices_of(user)
    found = (
        Application.objects.filter(notice__organisation__in=offices, state__in=OPEN, submitted_at__isnull=False)
        .select_related("notice__organisation", "organisation", "assignee")
        .order_by("deadline", "pk")[:1000]
    )
    late, today, later, others = [], [], [], []
    for one in found:
        if one.state in _THEIRS and not one.late:
            others.append(one)
        elif one.late:
            late.append(one)
        elif one.deadline is not None and one.deadline.astimezone(CHINA).date() == clock.today():
            today.append(one)
        else:
            later.append(one)
    objections = Objection.objects.filter(publication__organisation__in=offices, answered_at__isnull=True)
    mine = [one for one in (*late, *today, *later) if one.assignee_id == user.pk]
    return Desk(late, today, mine, later, others, list(objections.select_related("publication")[:100]), questions(user))


def questions(user: User) -> list[Opinion]:
    """What departments of ``user`` were asked and have not answered, while it can be answered."""
    found = unanswered(user).select_related("application__notice__organisation", "organisation")
    return [one for one in found.order_by("deadline")[:200] if one.application.state == one.stage]


def unanswered(user: User) -> QuerySet[Opinion]:
    """All they have not answered, in time or not."""
    own = [one for one in direct(user) if can_edit.test(user, one)]
    return Opinion.objects.filter(organisation__in=own, verdict="")


def to_complete(user: User) -> QuerySet[Application]:
    """Applications that were sent back to organisations of ``user``."""
    return Application.objects.filter(organisation__in=may_apply_for(user), state=State.RETURNED)


def late_or_today(user: User) -> QuerySet[Application]:
    """Its offices' applications that have to be dealt with by today; those not completed in time among them."""
    ours = Q(state__in=OPEN - set(_THEIRS), deadline__lte=clock.end_of(clock.today()))
    lapsed = Q(state__in=_THEIRS, deadline__lt=timezone.now())
    waiting = Application.objects.filter(ours | lapsed, notice__organisation__in=offices_of(user))
    return waiting.filter(submitted_at__isnull=False)

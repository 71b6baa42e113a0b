"""What is due, for whom, since when; and the reminders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from gongfu.governance.indicators import reporting, rules, services
from gongfu.governance.indicators.models import Assignment, Indicator, Reminder, Report
from gongfu.governance.indicators.rules import Every
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_operate


@dataclass(frozen=True)
class Due:
    """A report that is asked for."""

    assignment: Assignment
    period: dt.date
    """Last day of the period."""
    day: dt.date
    """The last day in time."""
    waiting: Report | None
    """One that was sent in and not signed yet."""

    @property
    def late(self) -> bool:
        """Whether midnight at the end of its day has passed."""
        return self.waiting is None and services.today() > self.day

    @property
    def days_left(self) -> int:
        """Days until it is late; negative when it is."""
        return (self.day - services.today()).days


def due(assignments: Iterable[Assignment], day: dt.date | None = None) -> list[Due]:
    """The latest period of each assignment that has no signed figure yet, most urgent first. Measured ones ask none."""
    day = day or services.today()
    asked = [one for one in assignments if one.indicator.source != Indicator.Source.MEASURED]
    if not asked:
        return []
    periods = {one.pk: rules.period_end(Every(one.every), day) for one in asked}
    told: dict[int, list[Report]] = {}
    states = (Report.State.REPORTED, Report.State.SIGNED)
    for made in Report.objects.filter(assignment__in=asked, state__in=states).order_by("as_of"):
        told.setdefault(made.assignment_id, []).append(made)
    found = []
    for one in asked:
        period = periods[one.pk]
        if period < one.since:
            continue
        after = [made for made in told.get(one.pk, ()) if made.as_of >= period.replace(day=1)]
        if any(made.state == Report.State.SIGNED for made in after):
            continue
        found.append(Due(one, period, rules.due_day(period, one.days), after[-1] if after else None))
    return sorted(found, key=lambda one: (one.waiting is not None, one.day, one.assignment.pk))


def due_for(user: User) -> list[Due]:
    """What ``user`` can report and is due."""
    return [one for one in due(reporting.assignments(user)) if can_operate.test(user, one.assignment)]


def waiting_for(user: User) -> list[Report]:
    """Reports that ``user`` may sign, oldest first."""
    return [one for one in reported(user).order_by("created_at") if reporting.may_sign(user, one)]


def assigned(user: User) -> QuerySet[Assignment]:
    """Whoever reports what, of those ``user`` may see."""
    return reporting.assignments(user)


def reported(user: User) -> QuerySet[Report]:
    """Reports that nobody has signed, of those ``user`` may see."""
    return reporting.reports(user).filter(state=Report.State.REPORTED)


def remind(day: dt.date | None = None) -> int:
    """Note whom to remind today, each step once; returns how many are new. Safe with several workers."""
    day = day or services.today()
    every = Assignment.objects.select_related("organisation", "indicator__plan")
    new = 0
    for one in due(every, day):
        step = rules.reminder(one.day, day)
        if step is not None and one.waiting is None:
            _found, created = Reminder.objects.get_or_create(assignment=one.assignment, period=one.period, days=step)
            new += created
    return new

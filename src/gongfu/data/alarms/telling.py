"""Who is told of an alarm, and when: deliveries are planned here and sent by :mod:`.sending`."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet
from django.utils import timezone

from gongfu.data.alarms.models import Alarm, Delivery, Duty
from gongfu.data.alarms.roster import Hours

WITHDRAWN_STATES = (Alarm.State.UNACKED,)
"""Only an alarm that nobody took notice of is told later."""
DIGEST = dt.timedelta(seconds=30)
"""How long alarms that were found late are gathered: they are told once, together."""


def plan(alarm: Alarm, now: dt.datetime | None = None) -> None:
    """A delivery for each line of the on-call list that the alarm concerns, due after the line's time."""
    now = now or timezone.now()
    lines = Duty.objects.filter(
        organisation=alarm.organisation_id, lowest__gte=alarm.priority, outlet__enabled=True
    ).select_related("outlet")
    for duty in lines:
        wait = max(dt.timedelta(minutes=duty.after), DIGEST if alarm.late else dt.timedelta())
        due = hours_of(duty).next(timezone.localtime(now + wait))
        if due is not None:
            Delivery.objects.get_or_create(alarm=alarm, duty=duty, defaults={"outlet": duty.outlet, "due_at": due})


def withdraw(alarm: Alarm) -> None:
    """Nobody else needs to be told: what was not sent yet is not sent."""
    waiting(Delivery.objects.filter(alarm=alarm)).delete()


def waiting(found: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Those that were neither told nor given up."""
    return found.filter(done_at=None)


def hours_of(duty: Duty) -> Hours:
    """When somebody is there."""
    return Hours(frozenset(int(day) for day in duty.weekdays if day in "1234567"), duty.begins, duty.ends)

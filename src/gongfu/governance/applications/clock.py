"""Days and deadlines: in China's time, in working days of the office."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.settings import settings
from gongfu.kernel.workdays.rules import CHINA, calendar_of


def today() -> dt.date:
    """The day it is in China, whatever the node's own zone."""
    return timezone.now().astimezone(CHINA).date()


def end_of(day: dt.date) -> dt.datetime:
    """The last moment of ``day``: what comes in then is in time."""
    return dt.datetime.combine(day, dt.time.max, CHINA)


def due(office: Organisation, working_days: int) -> dt.datetime:
    """The last moment of so many working days of ``office`` from now on; today is not counted (民法典 第二百零一条)."""
    return calendar_of(settings().home, office.code).deadline(timezone.now(), working_days)


def day_after(office: Organisation, day: dt.date, working_days: int) -> dt.date:
    """The working day so many after ``day``."""
    return calendar_of(settings().home, office.code).add(day, working_days)

"""When a scheduled export runs next, and what time it covers. Pure; times carry a zone."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

_STEP: Final = dt.timedelta(hours=1)


class Every(StrEnum):
    """How often."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Format(StrEnum):
    """What is written."""

    CSV = "csv"
    PARQUET = "parquet"
    XLSX = "xlsx"


def next_run(every: Every, after: dt.datetime, zone: ZoneInfo, *, hour: int, minute: int, day: int) -> dt.datetime:
    """The first moment later than ``after`` at which it is due, in UTC.

    ``hour`` and ``minute`` are of the clock in ``zone``; ``day`` is 1 (Monday) to 7 of a week, 1 to 28 of a month.
    An hour that the clock leaves out is taken an hour later; one that it shows twice is taken once.
    """
    local = after.astimezone(zone)
    if every is Every.HOUR:
        at = after.astimezone(dt.UTC).replace(minute=minute, second=0, microsecond=0)
        return at if at > after else at + _STEP
    date = local.date()
    for _ in range(64):
        fits = (
            every is Every.DAY
            or (every is Every.WEEK and date.isoweekday() == day)
            or (every is Every.MONTH and date.day == day)
        )
        if fits:
            at = dt.datetime(date.year, date.month, date.day, hour, minute, tzinfo=zone).astimezone(dt.UTC)
            if at > after:
                return at
        date += dt.timedelta(days=1)
    raise ValueError(f"no day {day} of a {every}")


def covered(every: Every, due: dt.datetime, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """The whole hour, day, week (Monday to Sunday) or month in ``zone`` that had ended at ``due``."""
    if every is Every.HOUR:
        end = due.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)
        return end - _STEP, end
    today = due.astimezone(zone).date()
    if every is Every.DAY:
        first, last = today - dt.timedelta(days=1), today
    elif every is Every.WEEK:
        last = today - dt.timedelta(days=today.isoweekday() - 1)
        first = last - dt.timedelta(days=7)
    else:
        last = today.replace(day=1)
        first = (last - dt.timedelta(days=1)).replace(day=1)
    begin, end = (dt.datetime(date.year, date.month, date.day, tzinfo=zone) for date in (first, last))
    return begin.astimezone(dt.UTC), end.astimezone(dt.UTC)

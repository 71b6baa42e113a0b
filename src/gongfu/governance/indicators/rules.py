"""When a report is due, how far a figure is, and which light it gets and why. Pure."""

from __future__ import annotations

import calendar
import datetime as dt
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST: Final = Decimal("1000000000000000")
STALE_DAYS: Final = 100
"""A figure older than this says little: one quarter and the days to report it."""
SURE: Final = 0.8
"""Chance from which the light is green."""
LIKELY: Final = 0.4
"""Chance from which it is yellow."""
REMIND_DAYS: Final = (7, 1, 0, -3)
"""Days before the day a report is due (negative: after it) on which the node reminds."""


class Light(StrEnum):
    """The traffic light."""

    DONE = "done"
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    GREY = "grey"


class Every(StrEnum):
    """How often a report is asked for."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Why(StrEnum):
    """The reason of a light; the sentence is made where it is shown."""

    REACHED = "reached"
    MISSED = "missed"
    NOTHING = "nothing"
    STALE = "stale"
    SURE = "sure"
    OPEN = "open"
    UNLIKELY = "unlikely"
    AHEAD = "ahead"
    BEHIND = "behind"
    FAR_BEHIND = "far_behind"
    WITHIN = "within"
    BEYOND = "beyond"


class Judged(msgspec.Struct, frozen=True):
    """A light and what it follows from. ``share``: of the goal, 0.0 without a value; ``elapsed``: of the time."""

    light: Light
    why: Why
    share: float
    elapsed: float


def judge(
    *,
    value: float | None,
    taken: dt.date | None,
    goal: float,
    at_most: bool,
    begins: dt.date,
    deadline: dt.date,
    today: dt.date,
    chance: float | None,
) -> Judged:
    """The light of a figure. ``deadline`` counts whole: its last moment is midnight at its end.

    A figure that has been reached stays reached, whatever its age. Without a forecast the share of the goal is held
    against the share of the time.
    """
    span = max(1, (deadline - begins).days)
    elapsed = min(1.0, max(0.0, (today - begins).days / span))
    if value is None or taken is None:
        over = today > deadline
        return Judged(Light.RED if over else Light.GREY, Why.MISSED if over else Why.NOTHING, 0.0, elapsed)
    share = max(0.0, value / goal)
    if at_most:
        light, why = (Light.GREEN, Why.WITHIN) if value <= goal else (Light.RED, Why.BEYOND)
        if light is Light.GREEN and today > deadline:
            light, why = Light.DONE, Why.REACHED
        return Judged(light, why, share, elapsed)
    if value >= goal:
        return Judged(Light.DONE, Why.REACHED, share, elapsed)
    if today > deadline:
        return Judged(Light.RED, Why.MISSED, share, elapsed)
    if (today - taken).days > STALE_DAYS:
        return Judged(Light.YELLOW, Why.STALE, share, elapsed)
    if chance is not None:
        light, why = (
            (Light.GREEN, Why.SURE)
            if chance >= SURE
            else (Light.YELLOW, Why.OPEN)
            if chance >= LIKELY
            else (Light.RED, Why.UNLIKELY)
        )
        return Judged(light, why, share, elapsed)
    if share >= elapsed:
        return Judged(Light.GREEN, Why.AHEAD, share, elapsed)
    if share >= 0.7 * elapsed:
        return Judged(Light.YELLOW, Why.BEHIND, share, elapsed)
    return Judged(Light.RED, Why.FAR_BEHIND, share, elapsed)


def deadline_of(year: int) -> dt.date:
    """The last day that counts for a goal of ``year``."""
    return dt.date(year, 12, 31)


def first_of_month(day: dt.date) -> dt.date:
    """The month of ``day`` as its first day."""
    return day.replace(day=1)


def month_end(day: dt.date) -> dt.date:
    """Last day of the month of ``day``."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def period_end(every: Every, day: dt.date) -> dt.date:
    """Last day of the latest period that was over before ``day``; on its own last day a period is not over."""
    months = {Every.MONTH: 1, Every.QUARTER: 3, Every.YEAR: 12}[every]
    tomorrow_first = dt.date(day.year, (day.month - 1) // months * months + 1, 1)
    return tomorrow_first - dt.timedelta(days=1)


def due_day(ends: dt.date, days: int) -> dt.date:
    """The last day on which the report of a period that ended on ``ends`` is in time."""
    return ends + dt.timedelta(days=days)


def reminder(due: dt.date, today: dt.date) -> int | None:
    """Which of :data:`REMIND_DAYS` has been reached and not passed by a later one; None when it is too early."""
    left = (due - today).days
    reached = [one for one in REMIND_DAYS if left <= one]
    return min(reached) if reached else None


def number(text: str, unit: str = "") -> Decimal:
    """A figure as people write it; raises :class:`Invalid` for one that is none or absurd.

    Full-width digits, thousands separators and 万/亿 are understood: 1.5万 is 15000.
    """
    plain = text.strip().translate(_NARROW).replace(",", "").replace(" ", "").replace("\u00a0", "")
    factor = Decimal(1)
    for word, worth in (("万", Decimal(10_000)), ("亿", Decimal(100_000_000))):
        if plain.endswith(word):
            plain, factor = plain.removesuffix(word), worth
    try:
        if len(plain) > 40 or not plain.isascii() or "_" in plain:
            raise InvalidOperation
        found = Decimal(plain) * factor
    except InvalidOperation as error:
        raise Invalid(
            mark("{text} is no number."), remedy=mark("Write digits, as in 1800 or 1.5万."), text=repr(text[:40])
        ) from error
    if not found.is_finite() or found < 0 or found > MOST:
        raise Invalid(
            mark("{value} cannot be right."),
            remedy=mark("A figure lies between 0 and {most}."),
            value=text[:40],
            most=f"{MOST:.0f}",
        )
    if found != round(found, 4):
        raise Invalid(mark("{value} has more than four decimals."), value=text[:40])
    if unit in WHOLE and found != found.to_integral_value():
        raise Invalid(mark("{value} {unit}: such things are counted whole."), value=text[:40], unit=unit)
    return found


WHOLE: Final = frozenset("个家项枚次条")
"""Units that are counted, never measured."""
_NARROW: Final = str.maketrans("０１２３４５６７８９．，", "0123456789.,")

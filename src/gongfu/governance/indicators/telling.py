"""How figures, goals and lights are said: the same words on pages, in the report and in the spreadsheet."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gongfu.governance.indicators.catalogue import Bound, Goal, Kind, Target
from gongfu.governance.indicators.forecast import Forecast
from gongfu.governance.indicators.models import Indicator, Report
from gongfu.governance.indicators.rules import Light, Why
from gongfu.governance.indicators.services import Outlook

_BIG = ((1e8, "亿"), (1e4, "万"))


def figure(value: float | Decimal | None) -> str:
    """A figure as people say it: 1.5 万 from ten thousand round numbers on, otherwise all digits."""
    if value is None:
        return "–"
    number = float(value)
    if not (get_language() or "").startswith("en"):
        for size, word in _BIG:
            if number >= size and (number / size * 100).is_integer():
                return f"{number / size:g} {word}"
    return f"{number:,.0f}" if number.is_integer() else f"{number:,.1f}"


def unit(target: Target) -> str:
    """The unit in the reader's language."""
    return target.unit_in(get_language() or "")


def with_unit(value: float | Decimal | None, target: Target) -> str:
    """A figure and its unit; a dash without one."""
    if value is None:
        return "–"
    return f"{figure(value)} {unit(target)}".strip()


def goal(one: Goal, target: Target) -> str:
    """What a goal asks for: ≥ 60 %, 3–5 个."""
    most = f"–{figure(one.most)}" if one.most is not None else ""
    sign = {Bound.AT_LEAST: "≥ ", Bound.ABOUT: "≈ ", Bound.AT_MOST: "≤ "}.get(target.bound, "")
    return f"{sign}{figure(one.least)}{most} {unit(target)}".strip()


def light_names() -> dict[Light, str]:
    """What lights are called."""
    return {
        Light.DONE: _("Reached"),
        Light.GREEN: _("On course"),
        Light.YELLOW: _("Take care"),
        Light.RED: _("At risk"),
        Light.GREY: _("No figure"),
    }


def shape(light: Light) -> str:
    """The shape beside its colour, so that nobody needs the colour."""
    return {
        Light.DONE: "good",
        Light.GREEN: "good",
        Light.YELLOW: "uncertain",
        Light.RED: "bad",
        Light.GREY: "stale",
    }[light]


def name_of(found: Outlook) -> str:
    """The light's word; a goal whose year has passed unreached is missed, not at risk."""
    return _("Missed") if found.judged.why is Why.MISSED else light_names()[found.judged.light]


def reason(found: Outlook) -> str:
    """The light's reason in a sentence."""
    judged, year = found.judged, found.goal.year
    now = with_unit(found.value, found.target)
    values = {
        "now": now,
        "goal": goal(found.goal, found.target),
        "year": year,
        "chance": chance(found.forecast),
        "share": round(100 * judged.share),
        "elapsed": round(100 * judged.elapsed),
        "day": found.taken.isoformat() if found.taken else "",
    }
    said = {
        Why.REACHED: _("%(now)s: what was asked for by the end of %(year)s has been reached."),
        Why.MISSED: _("The end of %(year)s has passed with %(now)s; %(goal)s had been asked for."),
        Why.NOTHING: _("No signed figure yet."),
        Why.STALE: _("The newest figure is of %(day)s: too old to say how things stand."),
        Why.SURE: _("At the pace of the past months the goal of %(year)s is reached with %(chance)s %% probability."),
        Why.OPEN: _("At the pace of the past months it is open: %(chance)s %% probability by the end of %(year)s."),
        Why.UNLIKELY: _("At the pace of the past months only %(chance)s %% probability by the end of %(year)s."),
        Why.AHEAD: _("%(share)s %% reached in %(elapsed)s %% of the time; too few months for a forecast."),
        Why.BEHIND: _("Only %(share)s %% reached in %(elapsed)s %% of the time; too few months for a forecast."),
        Why.FAR_BEHIND: _("Far behind: %(share)s %% reached in %(elapsed)s %% of the time."),
        Why.WITHIN: _("%(now)s lies within the limit."),
        Why.BEYOND: _("%(now)s lies beyond the limit %(goal)s."),
    }[judged.why]
    return said % values


def chance(ahead: Forecast | None) -> str:
    """A probability in percent; what is open is never said to be certain."""
    percent = 100 * ahead.chance if ahead else 0.0
    return ">99" if percent > 99 else "<1" if percent < 1 else f"{percent:.0f}"


def outlook(ahead: Forecast | None, target: Target) -> str:
    """The forecast as a range."""
    if ahead is None:
        return _("Too few months")
    low, high = figure(_even(ahead.low)), figure(_even(ahead.high))
    return f"{low} {unit(target)}".strip() if low == high else f"{low}–{high} {unit(target)}".strip()


def _even(value: float) -> float:
    return float(round(value)) if abs(value) >= 10 else round(value, 1)


def kind_name(kind: Kind) -> str:
    """What a kind of target is called."""
    return {
        Kind.CUMULATIVE: _("Cumulative"),
        Kind.LEVEL: _("Level at a time"),
        Kind.YEARLY: _("Within each year"),
    }[kind]


def source(indicator: Indicator) -> str:
    """Where its figures come from."""
    return str(Indicator.Source(indicator.source).label)


def event(made: Report) -> str:
    """What became of a report."""
    return str(Report.State(made.state).label)


def month(day: dt.date) -> str:
    """A month as it stands in a heading."""
    return _("%(month)s/%(year)s") % {"month": day.month, "year": day.year}

"""Plans, indicators and reports for programs."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest
from ninja import Router, Schema

from gongfu.governance.indicators import reporting, rules, services, telling
from gongfu.governance.indicators.services import Outlook
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

router = Router()


class PlanOut(Schema):
    """A plan."""

    id: int
    organisation: str
    document: str
    title: str
    years_later: int


class GoalOut(Schema):
    """A goal in the plan's year; numbers as text, exact."""

    year: int
    least: str
    most: str | None


class IndicatorOut(Schema):
    """An indicator as it stands: figure, goals, outlook, light with its reason."""

    id: int
    target: str
    name: str
    words: str
    cite: str
    unit: str
    source: str
    departments: list[str]
    goals: list[GoalOut]
    value: float | None
    taken_on: dt.date | None
    light: str
    reason: str
    forecast_low: float | None
    forecast_middle: float | None
    forecast_high: float | None
    chance: float | None


class MonthOut(Schema):
    """A figure of a month."""

    month: dt.date
    value: float


class StoryOut(IndicatorOut):
    """With its figures month by month."""

    months: list[MonthOut]


class ReportIn(Schema):
    """A figure to state."""

    as_of: dt.date
    value: str
    evidence: str
    note: str = ""


class ReportOut(Schema):
    """A stated figure."""

    id: int
    as_of: dt.date
    value: str
    state: str


def _said(found: Outlook) -> dict[str, object]:
    ahead = found.forecast
    return {
        "id": found.indicator.pk,
        "target": found.target.key,
        "name": str(found.indicator),
        "words": found.target.words,
        "cite": found.target.cite,
        "unit": telling.unit(found.target),
        "source": found.indicator.source,
        "departments": list(found.target.departments),
        "goals": [
            {"year": one.year, "least": f"{one.least:f}", "most": f"{one.most:f}" if one.most else None}
            for one in found.goals
        ],
        "value": found.value,
        "taken_on": found.taken,
        "light": found.judged.light.value,
        "reason": telling.reason(found),
        "forecast_low": ahead.low if ahead else None,
        "forecast_middle": ahead.middle if ahead else None,
        "forecast_high": ahead.high if ahead else None,
        "chance": ahead.chance if ahead else None,
        "months": [{"month": one.month, "value": one.value} for one in found.points],
    }


@router.get("/plans", summary="Plans that follow a document", response=list[PlanOut])
def plans(request: HttpRequest) -> list[dict[str, object]]:
    """Those the caller may see."""
    return [
        {
            "id": one.pk,
            "organisation": one.organisation.code,
            "document": one.document,
            "title": str(one),
            "years_later": one.years_later,
        }
        for one in services.plans(accounts.user_of(request), accounts.active_organisation(request))
    ]


@router.get("/plans/{int:pk}/indicators", summary="The indicators of a plan", response=list[IndicatorOut])
def indicators(request: HttpRequest, pk: int) -> list[dict[str, object]]:
    """All of them, as they stand today."""
    plan = services.plan_for(accounts.user_of(request), pk)
    return [_said(one) for one in services.outlooks(plan)]


@router.get("/indicators/{int:pk}", summary="One indicator with its figures", response=StoryOut)
def indicator(request: HttpRequest, pk: int) -> dict[str, object]:
    """As its page shows it."""
    return _said(services.outlook(services.indicator_for(accounts.user_of(request), pk)))


@router.post("/reporting/{int:pk}", summary="State a figure", response=ReportOut)
def state(request: HttpRequest, pk: int, data: ReportIn) -> dict[str, object]:
    """For the assignment ``pk``; it counts once a second person has signed it in the console."""
    user = accounts.user_of(request)
    assignment = reporting.assignment_for(user, pk)
    if assignment.indicator.source == "imported":
        raise Invalid(mark("This figure comes from tables."), remedy=mark("Send a table in the console."))
    value = rules.number(data.value, assignment.indicator.words.unit)
    made = reporting.report(user, assignment, data.as_of, value, data.evidence, data.note)
    return {"id": made.pk, "as_of": made.as_of, "value": f"{made.value:f}", "state": made.state}

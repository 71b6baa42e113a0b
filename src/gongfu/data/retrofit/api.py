"""The rates for programs; machines themselves are at ``/api/v1/platform/machines``."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest
from ninja import Router, Schema

from gongfu.data.retrofit import services
from gongfu.data.retrofit.rules import Rates
from gongfu.kernel.accounts import services as accounts

router = Router()


class RatesOut(Schema):
    """Numbers of machines; rates in percent, null where there is nothing to divide by."""

    machines: int
    connected: int
    on_cloud: int
    digital: int
    digital_connected: int
    connection_rate: float | None
    cloud_rate: float | None
    digital_rate: float | None
    digital_connection_rate: float | None
    levels: list[int]


class MonthOut(RatesOut):
    """The rates as they stood in a month."""

    month: dt.date


class AssessmentOut(RatesOut):
    """The rates now, the definition they follow, and the months before. ``problem``: why they may be too low."""

    definition: dt.date
    days: int
    problem: str
    months: list[MonthOut]


def _numbers(rates: Rates) -> dict[str, object]:
    names = RatesOut.model_fields
    return {name: list(rates.levels) if name == "levels" else getattr(rates, name) for name in names}


@router.get("/retrofit/rates", summary="Connection and cloud rates of machines", response=AssessmentOut)
def rates(request: HttpRequest) -> dict[str, object]:
    """Of everything the caller may see."""
    user = accounts.user_of(request)
    found = services.assess(user, accounts.active_organisation(request))
    months = services.trend(user, accounts.active_organisation(request))
    return {
        **_numbers(found.rates),
        "definition": found.definition.since,
        "days": found.definition.days,
        "problem": found.problem,
        "months": [{**_numbers(one), "month": month} for month, one in months],
    }

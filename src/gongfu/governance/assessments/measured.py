"""Facts of this node that propose answers. Each says where it comes from; a person has to take it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from gongfu.data.dashboards import services as dashboards
from gongfu.data.performance import services as performance
from gongfu.data.retrofit import services as retrofit
from gongfu.governance.assessments.questions import HUNDRED, Question
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark
from gongfu.platform.devices import services as devices

OEE_DAYS: Final = 30


@dataclass(frozen=True)
class Fact:
    """One way to know."""

    says: str
    """Where the figure comes from, as a marked sentence."""
    take: Callable[[User, Organisation, dt.datetime], Decimal | None]
    """The figure, as far as ``user`` may see it; None where nothing is known."""


def _percent(value: float | None) -> Decimal | None:
    return None if value is None else min(Decimal(str(round(value, 1))), HUNDRED)


def _rate(name: str) -> Callable[[User, Organisation, dt.datetime], Decimal | None]:
    def take(user: User, scope: Organisation, now: dt.datetime) -> Decimal | None:
        found = retrofit.assess(user, scope, now)
        return None if found.problem else _percent(getattr(found.rates, name))

    return take


def _oee(user: User, scope: Organisation, now: dt.datetime) -> Decimal | None:
    machines = performance.devices_for(user, scope)
    if not machines.exists():
        return None
    found = performance.oee(user, machines, now - dt.timedelta(days=OEE_DAYS), now)
    return _percent(found.total.percent)


def _identifiers(_user: User, scope: Organisation, _now: dt.datetime) -> Decimal | None:
    prefix = registry.prefix_of(scope)
    return Decimal(registry.count(prefix)) if prefix else None


def _devices(user: User, scope: Organisation, _now: dt.datetime) -> Decimal | None:
    count = devices.overview(user, scope).total
    return Decimal(count) if count else None


def _dashboards(user: User, scope: Organisation, _now: dt.datetime) -> Decimal | None:
    count = dashboards.number(user, scope)
    return Decimal(count) if count else None


FACTS: Final[Mapping[str, Fact]] = {
    "connection_rate": Fact(mark("Inventory of machines: those that deliver data, of all."), _rate("connection_rate")),
    "cloud_rate": Fact(mark("Inventory of machines: those whose data are on a cloud, of all."), _rate("cloud_rate")),
    "digital_rate": Fact(mark("Inventory of machines: those with a controller, of all."), _rate("digital_rate")),
    "oee": Fact(mark("Performance: OEE of all machines over 30 days."), _oee),
    "identifiers": Fact(mark("Registry: identifiers under the enterprise's prefix."), _identifiers),
    "devices": Fact(mark("Devices in service on this node."), _devices),
    "dashboards": Fact(mark("Dashboards of the enterprise on this node."), _dashboards),
}
LAST: Final = "last"
LAST_SAYS: Final = mark("The enterprise's own answer in its assessment before.")


def take(user: User, scope: Organisation, names: set[str], now: dt.datetime) -> dict[str, Decimal]:
    """The facts of ``names`` that are known now. What cannot be asked at the moment is left out."""
    found: dict[str, Decimal] = {}
    for name in sorted(names & set(FACTS)):
        try:
            value = FACTS[name].take(user, scope, now)
        except GongfuError:
            continue  # a store that is away proposes nothing
        if value is not None:
            found[name] = value
    return found


def proposal(question: Question, value: Decimal) -> str:
    """The answer that a fact proposes; empty when it proposes none."""
    if question.kind in ("number", "percent"):
        return f"{value.normalize():f}"
    chosen = [one.option for one in question.proposes if value >= one.at_least]
    return chosen[-1] if chosen else ""

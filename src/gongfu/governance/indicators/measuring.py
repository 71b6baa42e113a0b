"""Figures that this node counts by itself, and the very things that were counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db import models
from django.db.models import Min, QuerySet, Sum
from django.utils import timezone

from gongfu.governance.support.models import LedgerEntry
from gongfu.identity.business import counting
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.models import Prefix
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.platform.devices.models import Device

RECENT: Final = dt.timedelta(days=30)
"""What delivered within this time is connected; the same as :mod:`gongfu.data.retrofit.rules`."""


@dataclass(frozen=True)
class Measure:
    """One way to count."""

    says: str
    """The definition, as a marked sentence."""
    count: Callable[[Organisation, dt.datetime], Decimal]
    """The figure of an organisation and those below it, at a moment."""
    things: Callable[[Organisation, dt.datetime], QuerySet[models.Model]]
    """What was counted, or what the sum is made of; before anybody's rights are asked."""
    worth: Callable[[models.Model], int] | None = None
    """What one of the things adds to the figure; each adds one when this is None."""


def _devices(scope: Organisation, now: dt.datetime) -> QuerySet[Device]:
    return Device.objects.filter(
        organisation__path__startswith=scope.path,
        life=Device.Life.IN_SERVICE,
        last_reading_at__gt=now - RECENT,
        last_reading_at__lte=now,
    )


def _enterprises(scope: Organisation, now: dt.datetime) -> QuerySet[Organisation]:
    delivering = _devices(scope, now).order_by().values("organisation")
    return Organisation.objects.filter(pk__in=delivering, kind=Organisation.Kind.ENTERPRISE)


def _prefixes(scope: Organisation, kind: str) -> QuerySet[Prefix]:
    return Prefix.objects.filter(
        organisation__path__startswith=scope.path, kind=kind, state=Prefix.State.ACTIVE
    ).select_related("organisation")


def _secondary(scope: Organisation, _now: dt.datetime) -> QuerySet[Prefix]:
    return _prefixes(scope, Prefix.Kind.SECONDARY)


def _allotted(scope: Organisation, _now: dt.datetime) -> QuerySet[Prefix]:
    return _prefixes(scope, Prefix.Kind.ENTERPRISE)


def _projects(scope: Organisation, now: dt.datetime) -> QuerySet[LedgerEntry]:
    """The first entry of each matter of an enterprise that has brought money by now."""
    day = timezone.localtime(now).date()
    had = LedgerEntry.objects.filter(organisation__path__startswith=scope.path, paid_on__lte=day)
    matters = had.order_by().values("enterprise", "matter").annotate(first=Min("pk"), all=Sum("amount"))
    return LedgerEntry.objects.filter(pk__in=matters.filter(all__gt=0).values("first"))


def _number(things: Callable[[Organisation, dt.datetime], QuerySet[models.Model]]) -> Callable[..., Decimal]:
    return lambda scope, now: Decimal(things(scope, now).order_by().count())


def _identifiers(scope: Organisation, now: dt.datetime) -> Decimal:
    names = _allotted(scope, now).values_list("name", flat=True)
    return Decimal(sum(registry.count(name) for name in names))


def _standing(thing: models.Model) -> int:
    return registry.count(thing.name) if isinstance(thing, Prefix) else 0


def _resolutions(scope: Organisation, now: dt.datetime) -> Decimal:
    return Decimal(counting.resolved(scope.path, None, now))


def _daily(scope: Organisation, now: dt.datetime) -> Decimal:
    return (Decimal(counting.resolved(scope.path, now - RECENT, now)) / RECENT.days).quantize(Decimal("0.1"))


MEASURES: Final[Mapping[str, Measure]] = {
    "secondary_nodes": Measure(
        mark("Prefixes of secondary nodes in service in the organisation and below it."),
        _number(_secondary),
        _secondary,
    ),
    "enterprises_on_platform": Measure(
        mark("Enterprises of which at least one device in service delivered a reading within 30 days."),
        _number(_enterprises),
        _enterprises,
    ),
    "devices_connected": Measure(
        mark("Devices in service that delivered a reading within 30 days."), _number(_devices), _devices
    ),
    "identifiers": Measure(
        mark("Identifiers that stand registered under the prefixes of enterprises in service."),
        _identifiers,
        _allotted,
        _standing,
    ),
    "enterprises_with_identifiers": Measure(mark("Prefixes of enterprises in service."), _number(_allotted), _allotted),
    "projects_supported": Measure(
        mark("Matters of enterprises for which the ledger of support has paid, and not been paid back."),
        _number(_projects),
        _projects,
    ),
    "resolutions": Measure(mark("Resolutions since counting began."), _resolutions, _allotted),
    "daily_resolutions": Measure(mark("Resolutions a day, on average over 30 days."), _daily, _allotted),
}


@dataclass(frozen=True)
class Counted:
    """What lies behind a measured figure, as far as somebody may see it."""

    things: list[tuple[models.Model, int | None]]
    """Each with what it adds; None where that cannot be said of one."""
    total: int
    """How many there are."""
    seen: int
    """How many of them the reader may see."""


def measure(name: str) -> Measure:
    """The measure ``name``; raises :class:`NotFound`."""
    if name not in MEASURES:
        raise NotFound(mark("There is no measure {name}."), name=name[:40])
    return MEASURES[name]


def behind(name: str, scope: Organisation, user: User, now: dt.datetime, page: int, size: int) -> Counted:
    """A page of the things behind a figure; what belongs to others is counted, not shown."""
    found = measure(name)
    every = found.things(scope, now)
    visible = _visible(every, user)
    shown = visible.order_by("pk")[(page - 1) * size : page * size]
    each = None if name in ("resolutions", "daily_resolutions") else found.worth
    plain = 1 if found.worth is None and each is None and "resolutions" not in name else None
    return Counted([(thing, each(thing) if each else plain) for thing in shown], every.count(), visible.count())


def _visible(things: QuerySet[models.Model], user: User) -> QuerySet[models.Model]:
    allowed = Organisation.objects.visible_to(user).values("pk")
    owner = "pk__in" if things.model is Organisation else "organisation__in"
    return things.filter(**{owner: allowed})

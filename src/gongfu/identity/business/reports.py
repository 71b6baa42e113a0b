"""The operator's reports: registrations and resolutions by hour, day, month, enterprise, industry and region."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDay, TruncHour, TruncMonth
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gongfu.identity.business import classes
from gongfu.identity.business.models import Contract, Sample
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark


class By(StrEnum):
    """What one row of a report is."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    ENTERPRISE = "enterprise"
    INDUSTRY = "industry"
    REGION = "region"


LONGEST = {By.HOUR: 62, By.DAY: 800}
"""Most days a report by hour or day spans: beyond that nobody reads it."""


@dataclass(frozen=True)
class Asked:
    """Which report; both days inclusive, where the node stands."""

    by: By
    first: dt.date
    last: dt.date
    prefix: str = ""


@dataclass(frozen=True)
class Row:
    """One row."""

    key: str
    label: str
    registrations: int
    resolutions: int
    identifiers: int | None = None
    """How many stand now; None for rows of time."""


def parse(given: Mapping[str, str], today: dt.date) -> Asked:
    """The report that the address asks for; raises :class:`Invalid`."""
    try:
        by = By(given.get("by") or By.DAY)
        last = dt.date.fromisoformat(given["to"]) if given.get("to") else today
        first = dt.date.fromisoformat(given["from"]) if given.get("from") else last - dt.timedelta(days=29)
    except ValueError as error:
        raise Invalid(
            mark("The report cannot be made: {reason}."),
            remedy=mark("Choose days as 2026-11-20 and one of hour, day, month, enterprise, industry, region."),
            reason=str(error)[:100],
        ) from error
    if not dt.date(2000, 1, 1) <= first <= last <= dt.date(2200, 1, 1):
        raise Invalid(mark("{first} to {last} is no period."), first=first, last=last)
    if (last - first).days >= LONGEST.get(by, 100_000):
        raise Invalid(
            mark("A report by {by} spans at most {days} days."),
            remedy=mark("Choose a shorter period or longer steps."),
            by=by,
            days=LONGEST[by],
        )
    return Asked(by, first, last, given.get("prefix", "")[:64])


def report(user: User, asked: Asked, scope: Organisation | None = None) -> list[Row]:
    """Rows of what ``user`` may see; rows of time in their order, all others by resolutions."""
    samples = _samples(user, asked, scope)
    if asked.by in _STEPS:
        return _by_time(samples, asked)
    sums = {
        row["prefix_id"]: (row["registered"], row["resolved"])
        for row in samples.values("prefix_id").annotate(registered=Sum("registrations"), resolved=Sum("resolutions"))
    }
    return _by_class(user, asked, scope, sums)


def _samples(user: User, asked: Asked, scope: Organisation | None) -> QuerySet[Sample]:
    begins = timezone.make_aware(dt.datetime.combine(asked.first, dt.time()))
    ends = timezone.make_aware(dt.datetime.combine(asked.last + dt.timedelta(days=1), dt.time()))
    visible = registry.prefixes(user, scope)
    if asked.prefix:
        visible = visible.filter(name=asked.prefix.upper())
    return Sample.objects.filter(prefix__in=visible.order_by().values("pk"), hour__gte=begins, hour__lt=ends)


_STEPS = {
    By.HOUR: (TruncHour, "%Y-%m-%d %H:00"),
    By.DAY: (TruncDay, "%Y-%m-%d"),
    By.MONTH: (TruncMonth, "%Y-%m"),
}


def _by_time(samples: QuerySet[Sample], asked: Asked) -> list[Row]:
    truncate, written = _STEPS[asked.by]
    found = {
        timezone.localtime(row["step"]).strftime(written): (row["registered"], row["resolved"])
        for row in samples.annotate(step=truncate("hour"))
        .values("step")
        .annotate(registered=Sum("registrations"), resolved=Sum("resolutions"))
        .order_by("step")
    }
    if asked.by == By.MONTH:
        return [Row(key, key, *amounts) for key, amounts in found.items()]
    hours = 24 if asked.by == By.HOUR else 1
    rows = []
    for day in range((asked.last - asked.first).days + 1):
        for hour in range(hours):
            moment = dt.datetime.combine(asked.first + dt.timedelta(days=day), dt.time(hour))
            key = moment.strftime(written)
            rows.append(Row(key, key, *found.get(key, (0, 0))))  # an hour in which nothing happened is shown as that
    return rows


def _by_class(user: User, asked: Asked, scope: Organisation | None, sums: dict[int, tuple[int, int]]) -> list[Row]:
    language = get_language() or ""
    contracts = {c.prefix_id: c for c in Contract.objects.filter(prefix__in=registry.prefixes(user, scope))}
    naming: dict[By, Callable[[Contract], tuple[str, str]]] = {
        By.INDUSTRY: lambda c: (classes.division_of(c.industry), classes.industry_name(c.industry, language)),
        By.REGION: lambda c: (c.region, classes.region_name(c.region, language)),
    }
    gathered: dict[str, Row] = {}
    for prefix in registry.prefixes(user, scope):
        if asked.prefix and prefix.name != asked.prefix.upper():
            continue
        contract = contracts.get(prefix.pk)
        if asked.by == By.ENTERPRISE:
            key, label = prefix.name, f"{contract.enterprise if contract else prefix.organisation} ({prefix.name})"
        elif contract is not None:
            key, label = naming[asked.by](contract)
        else:
            key, label = "", _("Without a contract")
        registered, resolved = sums.get(prefix.pk, (0, 0))
        before = gathered.get(key, Row(key, label, 0, 0, 0))
        gathered[key] = Row(
            key,
            label,
            before.registrations + registered,
            before.resolutions + resolved,
            (before.identifiers or 0) + registry.count(prefix.name),
        )
    rows = [row for row in gathered.values() if row.registrations or row.resolutions or row.identifiers or row.key]
    return sorted(rows, key=lambda row: (-row.resolutions, -row.registrations, row.key))

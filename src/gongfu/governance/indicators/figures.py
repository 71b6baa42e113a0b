"""From what was measured, signed and imported to one figure a month: what pages read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from django.db import transaction
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from gongfu.governance.indicators import measuring, rules
from gongfu.governance.indicators.catalogue import Kind
from gongfu.governance.indicators.models import Figure, Indicator, Record, Report, Tally

_Months = dict[dt.date, tuple[Decimal, dt.date]]
"""Month → figure and the day it was taken."""


def refresh(indicator: Indicator, now: dt.datetime | None = None) -> None:
    """Bring the figures of ``indicator`` up to date. Safe to repeat, and with several at once."""
    now = now or timezone.now()
    today = timezone.localtime(now).date()
    if indicator.source == Indicator.Source.MEASURED:
        value = measuring.measure(indicator.measure).count(indicator.plan.within, now)
        _store(indicator, {rules.first_of_month(today): (value, today)})
        return
    found = _from_reports(indicator) if indicator.source == Indicator.Source.REPORTED else _from_tallies(indicator)
    with transaction.atomic():
        Indicator.objects.select_for_update().get(pk=indicator.pk)  # of two at once the second sees what the first did
        Figure.objects.filter(indicator=indicator).exclude(month__in=found).delete()
        _store(indicator, found)


def refresh_all(now: dt.datetime | None = None) -> int:
    """Measure whatever is measured; returns how many indicators. Reported ones follow their signatures at once."""
    found = Indicator.objects.filter(source=Indicator.Source.MEASURED).select_related(
        "plan__scope", "plan__organisation", "organisation"
    )
    for one in found:
        refresh(one, now)
    return len(found)


def _store(indicator: Indicator, found: _Months) -> None:
    rows = [
        Figure(
            organisation_id=indicator.organisation_id,
            indicator=indicator,
            month=month,
            value=value,
            taken_on=taken,
            updated_at=timezone.now(),
        )
        for month, (value, taken) in found.items()
    ]
    Figure.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["indicator", "month"],
        update_fields=["value", "taken_on", "updated_at"],
    )


def _from_reports(indicator: Indicator) -> _Months:
    """At each month in which somebody's figure is dated: the sum of everybody's latest."""
    signed = Report.objects.filter(assignment__indicator=indicator, state=Report.State.SIGNED, table=False)
    latest: dict[int, tuple[Decimal, dt.date]] = {}
    found: _Months = {}
    yearly = indicator.words.kind is Kind.YEARLY
    for assignment, as_of, value in signed.order_by("as_of", "pk").values_list("assignment", "as_of", "value"):
        if yearly:
            latest = {one: told for one, told in latest.items() if told[1].year == as_of.year}
        latest[assignment] = (value, as_of)
        found[rules.first_of_month(as_of)] = (sum((told[0] for told in latest.values()), Decimal(0)), as_of)
    return found


def _from_tallies(indicator: Indicator) -> _Months:
    """Running sums; the last is as of the newest signed table."""
    found: _Months = {}
    total, year = Decimal(0), 0
    yearly = indicator.words.kind is Kind.YEARLY
    for month, amount in indicator.tallies.order_by("month").values_list("month", "amount"):
        total = amount if yearly and month.year != year else total + amount
        year = month.year
        found[month] = (total, rules.month_end(month))
    newest = (
        Report.objects.filter(assignment__indicator=indicator, state=Report.State.SIGNED, table=True)
        .order_by("-as_of")
        .values_list("as_of", flat=True)
        .first()
    )
    if newest is not None and found:
        found.setdefault(rules.first_of_month(newest), (total, newest))
        last = max(found)
        found[last] = (found[last][0], min(rules.month_end(last), max(newest, last)))
    return found


def count(report: Report) -> None:
    """Let the records of a signed table count: one statement each, whatever their number."""
    report.records.update(counts=True)
    tally(report.assignment.indicator, _months_of(report))


def uncount(report: Report) -> None:
    """Take the records of a table out again."""
    months = _months_of(report)
    report.records.update(counts=False)
    tally(report.assignment.indicator, months)


def _months_of(report: Report) -> list[dt.date]:
    found = report.records.annotate(month=TruncMonth("day")).order_by().values_list("month", flat=True).distinct()
    return list(found)


def tally(indicator: Indicator, months: Iterable[dt.date] | None = None) -> None:
    """Count the records of ``months`` anew; of all when None."""
    records = indicator_records(indicator)
    if months is not None:
        months = list(months)
        if not months:
            return
        records = records.filter(day__gte=min(months), day__lte=rules.month_end(max(months)))
    sums = (
        records.annotate(month=TruncMonth("day"))
        .order_by()
        .values("month")
        .annotate(amounts=Sum("amount"), number=Count("pk"))
    )
    rows = [
        Tally(indicator=indicator, month=one["month"], amount=one["amounts"], records=one["number"])
        for one in sums
        if months is None or one["month"] in months
    ]
    with transaction.atomic():
        stale = Tally.objects.filter(indicator=indicator)
        (stale if months is None else stale.filter(month__in=months)).delete()
        Tally.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["indicator", "month"],
            update_fields=["amount", "records"],
        )


def indicator_records(indicator: Indicator) -> QuerySet[Record]:
    """The records that count, oldest first."""
    return Record.objects.filter(indicator=indicator, counts=True).order_by("day", "pk")

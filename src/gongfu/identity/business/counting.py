"""What the reports are made of: registrations and resolutions of each prefix, hour by hour.

Read every minute from the identifier store (how many stand there) and from the file the resolver keeps (how often they
were resolved); what came since the last reading goes into the row of the present hour. Registrations are therefore net:
an identifier that was registered and removed within a minute is not counted.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Sum

from gongfu.identity.business import clock
from gongfu.identity.business.models import Meter, Sample
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.services import Prefix
from gongfu.identity.resolver import usage

KEEP_DAYS = 800
"""Hours older than this are forgotten: two years and a bit, so that years can be compared."""
STALE_SECONDS = 15
"""When the resolver has not written for so long, its rate is unknown."""


@dataclass(frozen=True)
class Resolutions:
    """What the resolver last said; ``per_second`` is None when that is too long ago."""

    today: dict[str, int]
    per_second: dict[str, float] | None


def resolutions() -> Resolutions:
    """Today's resolutions and the present rate, by prefix."""
    found = usage.read(registry.store().path)
    if found is None:
        return Resolutions({}, None)
    fresh = clock.now().timestamp() - found.at <= STALE_SECONDS
    today = found.today if found.day == clock.today().isoformat() else {}
    return Resolutions(today, found.rate if fresh else None)


def count() -> int:
    """Take a reading; returns for how many prefixes something was new. Safe with several workers."""
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    resolved = usage.read(registry.store().path)
    total = resolved.total if resolved else {}
    prefixes = dict(Prefix.objects.values_list("pk", "name"))
    with transaction.atomic():
        Meter.objects.bulk_create([Meter(prefix_id=key) for key in prefixes], ignore_conflicts=True)
        meters = list(Meter.objects.select_for_update(of=("self",)).filter(prefix_id__in=prefixes).order_by("pk"))
        new: dict[int, tuple[int, int]] = {}
        for meter in meters:
            name = prefixes[meter.prefix_id]
            standing, answered = registry.count(name), total.get(name.upper(), meter.resolutions)
            registered = max(0, standing - meter.identifiers)
            # A counter that fell began anew: what it says now is what came since.
            came = answered - meter.resolutions if answered >= meter.resolutions else answered
            if (standing, answered) != (meter.identifiers, meter.resolutions):
                meter.identifiers, meter.resolutions = standing, answered
                new[meter.prefix_id] = (registered, came)
        changed = [meter for meter in meters if meter.prefix_id in new]
        Meter.objects.bulk_update(changed, ["identifiers", "resolutions"], batch_size=500)
        _add(hour, {key: amounts for key, amounts in new.items() if any(amounts)})
    return len(new)


def resolved(path: str, first: dt.datetime | None, last: dt.datetime) -> int:
    """Resolutions of the organisation at ``path`` and those below it, from ``first`` (None: ever) until ``last``."""
    found = Sample.objects.filter(prefix__organisation__path__startswith=path, hour__lt=last)
    if first is not None:
        found = found.filter(hour__gte=first)
    return found.aggregate(sum=Sum("resolutions"))["sum"] or 0


def forget(today: dt.date) -> int:
    """Drop the hours nobody compares any more; how many."""
    before = dt.datetime.combine(today - dt.timedelta(days=KEEP_DAYS), dt.time(), dt.UTC)
    return Sample.objects.filter(hour__lt=before).delete()[0]


def _add(hour: dt.datetime, amounts: dict[int, tuple[int, int]]) -> None:
    there = set(Sample.objects.filter(hour=hour, prefix_id__in=amounts).values_list("prefix_id", flat=True))
    for key in there:
        registered, came = amounts[key]
        Sample.objects.filter(hour=hour, prefix_id=key).update(
            registrations=F("registrations") + registered, resolutions=F("resolutions") + came
        )
    Sample.objects.bulk_create(
        Sample(prefix_id=key, hour=hour, registrations=registered, resolutions=came)
        for key, (registered, came) in amounts.items()
        if key not in there
    )

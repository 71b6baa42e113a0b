"""How well the alarm system works: floods, bad actors, standing and chattering alarms.

Terms and limits after IEC 62682:2022 §16 and ISA-18.2-2016 §16: about one alarm in ten minutes is very likely
acceptable, two is the most that can be managed, more than ten in ten minutes begin a flood; standing for more than a
day is stale; three or more times within a minute is chattering.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
from django.db.models import Count, QuerySet
from django.utils import timezone

from gongfu.data.alarms.models import Alarm

SLICE: Final = dt.timedelta(minutes=10)
ACCEPTABLE: Final = 1.0
MANAGEABLE: Final = 2.0
FLOOD: Final = 10
STALE: Final = dt.timedelta(days=1)
CHATTERING: Final = 3
_MOST: Final = 200_000


class Actor(msgspec.Struct, frozen=True):
    """A rule at a device and how often it came; ``share`` in percent of all."""

    rule: int | None
    device: int
    name: str
    where: str
    count: int
    share: float
    chattering: bool


class Figures(msgspec.Struct, frozen=True):
    """Everything the page shows."""

    count: int
    per_slice: float
    """Alarms in ten minutes, on average, for each of ``operators``."""
    worst: int
    flooded: float
    """Percent of the time in a flood."""
    slices: list[tuple[dt.datetime, int]]
    hours: list[tuple[dt.datetime, int, int]]
    """Hour, alarms, most in ten minutes."""
    actors: list[Actor]
    standing: list[Alarm]
    priorities: list[tuple[int, int, float]]
    judged: str
    """acceptable, manageable or overloaded."""


def figures(found: QuerySet[Alarm], hours: int, operators: int = 1, now: dt.datetime | None = None) -> Figures:
    """Of the last ``hours``, of what ``found`` holds."""
    now = now or timezone.now()
    start = now - dt.timedelta(hours=hours)
    within = found.filter(raised_at__gte=start).exclude(state__in=[Alarm.State.SHELVED, Alarm.State.OUT_OF_SERVICE])
    times = sorted(within.values_list("raised_at", flat=True)[:_MOST])
    number = max(1, round(dt.timedelta(hours=hours) / SLICE))
    counts = Counter(min(number - 1, (moment - start) // SLICE) for moment in times)
    slices = [(start + SLICE * place, counts.get(place, 0)) for place in range(number)]
    per_slice = len(times) / number / max(1, operators)
    standing = found.filter(active=True, raised_at__lte=now - STALE).exclude(state=Alarm.State.NORMAL)
    priorities = dict(within.order_by().values_list("priority").annotate(n=Count("pk")))
    return Figures(
        count=len(times),
        per_slice=round(per_slice, 2),
        worst=max(counts.values(), default=0),
        flooded=round(100 * sum(1 for count in counts.values() if count > FLOOD) / number, 1),
        slices=slices,
        hours=[
            (slices[first][0], sum(n for _, n in slices[first : first + 6]), max(n for _, n in slices[first : first + 6]))
            for first in range(0, number, 6)
        ],
        actors=_actors(within, len(times)),
        standing=list(standing.select_related("device", "rule").order_by("raised_at")[:50]),
        priorities=[(one, n, round(100 * n / max(1, len(times)), 1)) for one, n in sorted(priorities.items())],
        judged="acceptable" if per_slice <= ACCEPTABLE else "manageable" if per_slice <= MANAGEABLE else "overloaded",
    )


def _actors(within: QuerySet[Alarm], total: int) -> list[Actor]:
    top = list(within.order_by().values("rule", "device").annotate(n=Count("pk")).order_by("-n", "rule", "device")[:10])
    found = []
    for row in top:
        of_it = within.filter(rule=row["rule"], device=row["device"]).select_related("device")
        last = of_it.order_by("-raised_at").first()
        if last is None:
            continue
        moments = list(of_it.order_by("raised_at").values_list("raised_at", flat=True)[:5000])
        found.append(
            Actor(
                rule=row["rule"],
                device=row["device"],
                name=str(last),
                where=str(last.device),
                count=row["n"],
                share=round(100 * row["n"] / max(1, total), 1),
                chattering=chatters(moments),
            )
        )
    return found


def chatters(moments: Sequence[dt.datetime]) -> bool:
    """Whether ``moments``, in order, hold three within a minute."""
    minute = dt.timedelta(minutes=1)
    last = moments[CHATTERING - 1 :]
    return any(later - earlier <= minute for earlier, later in zip(moments, last, strict=False))

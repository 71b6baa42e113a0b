"""The time a page is about, from its address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import msgspec
from django.utils import timezone
from django.utils.translation import gettext as _

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

DAYS = {"today": (0, 1), "yesterday": (1, 0), "7d": (6, 1), "30d": (29, 1)}
"""First and last day before today, the last one not included."""


class Period(msgspec.Struct, frozen=True):
    """From midnight to midnight, local time."""

    name: str
    start: dt.datetime
    end: dt.datetime

    @property
    def first(self) -> dt.date:
        """Its first day."""
        return timezone.localtime(self.start).date()

    @property
    def last(self) -> dt.date:
        """Its last day."""
        return timezone.localtime(self.end - dt.timedelta(seconds=1)).date()


def names() -> dict[str, str]:
    """What people choose from."""
    return {"today": _("Today"), "yesterday": _("Yesterday"), "7d": _("7 days"), "30d": _("30 days")}


def period(asked: Mapping[str, str], default: str = "7d") -> Period:
    """``range``, or ``from`` and ``to`` as days, both included; raises :class:`Invalid`."""
    today = timezone.localtime().date()
    if asked.get("from") or asked.get("to"):
        first, last = day(asked.get("from", "")), day(asked.get("to") or asked.get("from", ""))
        return Period("", _midnight(first), _midnight(last + dt.timedelta(days=1)))
    name = asked.get("range", "")
    name = name if name in DAYS else default
    back, ahead = DAYS[name]
    return Period(name, _midnight(today - dt.timedelta(days=back)), _midnight(today + dt.timedelta(days=ahead)))


def day(text: str) -> dt.date:
    """A day as addresses write it, ``2026-11-20``; raises :class:`Invalid`."""
    try:
        found = dt.date.fromisoformat(text)
    except ValueError:
        found = dt.date.min
    if not 2000 <= found.year <= 2199:
        raise Invalid(mark("{text} is no day."), remedy=mark("Write it as 2026-11-20."), text=repr(text[:20]))
    return found


def _midnight(day_: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day_, dt.time()))

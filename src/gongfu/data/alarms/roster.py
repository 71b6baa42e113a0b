"""Working hours of an on-call list. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True)
class Hours:
    """From ``begins`` to ``ends`` on ``weekdays`` (1 is Monday); an end not after the beginning is of the next day."""

    weekdays: frozenset[int]
    begins: dt.time
    ends: dt.time

    def holds(self, moment: dt.datetime) -> bool:
        """Whether ``moment``, in local time, lies within; a shift that ends the next day belongs to its first day."""
        return any(
            begin <= moment < end
            for back in (0, 1)
            for begin, end in [self._shift(moment.date() - dt.timedelta(days=back), moment)]
            if begin.isoweekday() in self.weekdays
        )

    def next(self, moment: dt.datetime) -> dt.datetime | None:
        """``moment`` if it lies within, else the next beginning; None when there is no weekday."""
        if not self.weekdays:
            return None
        if self.holds(moment):
            return moment
        for ahead in range(9):
            begin, _ = self._shift(moment.date() + dt.timedelta(days=ahead), moment)
            if begin >= moment and begin.isoweekday() in self.weekdays:
                return begin
        return None

    def _shift(self, day: dt.date, like: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        begin = dt.datetime.combine(day, self.begins, like.tzinfo)
        end = dt.datetime.combine(day, self.ends, like.tzinfo)
        return begin, end if self.ends > self.begins else end + dt.timedelta(days=1)

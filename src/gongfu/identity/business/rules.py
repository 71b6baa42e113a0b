"""Pure rules of business management: periods of contracts, what a day brings, how much of a quota is used."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

GRACE_DAYS = 30
"""Days after the last day of a contract before its prefix is suspended by itself."""
REMINDERS = (60, 30, 7, 1)
"""How many days before its end an enterprise is reminded of a contract."""
NEAR = 0.8
"""Share of a quota from which people are warned."""


class Level(StrEnum):
    """How full a quota is."""

    NONE = "none"
    FREE = "free"
    NEAR = "near"
    SPENT = "spent"


@dataclass(frozen=True, slots=True)
class Use:
    """So much of a quota is used; a quota of 0 has no limit."""

    used: int
    quota: int

    @property
    def share(self) -> float:
        """Used part, 0 to 1 and beyond; 0 without a limit."""
        return self.used / self.quota if self.quota else 0.0

    @property
    def percent(self) -> int:
        """Used part in whole percent, at most 100, and 100 only when nothing is left."""
        if not self.quota:
            return 0
        return min(100, self.used * 100 // self.quota)

    @property
    def level(self) -> Level:
        """Whether people should be told."""
        if not self.quota:
            return Level.NONE
        if self.used >= self.quota:
            return Level.SPENT
        return Level.NEAR if self.share >= NEAR else Level.FREE

    @property
    def left(self) -> int | None:
        """What is left; None without a limit."""
        return max(0, self.quota - self.used) if self.quota else None


def add_years(day: dt.date, years: int) -> dt.date:
    """The same day ``years`` later; 29 February becomes 28 February."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def last_day(starts_on: dt.date, years: int) -> dt.date:
    """Last day of a period of ``years`` that begins on ``starts_on``."""
    return add_years(starts_on, years) - dt.timedelta(days=1)


def renewed_until(ends_on: dt.date, years: int, today: dt.date) -> dt.date:
    """Last day after a renewal: counted from the old end, or from today when that is past its grace.

    Within the grace the enterprise was served, so it pays from the old end on; after it, it was not.
    """
    begins = ends_on + dt.timedelta(days=1) if today <= grace_ends(ends_on) else today
    return last_day(begins, years)


def grace_ends(ends_on: dt.date) -> dt.date:
    """Last day on which the prefix is served although the contract has ended."""
    return ends_on + dt.timedelta(days=GRACE_DAYS)


def days_left(ends_on: dt.date, today: dt.date) -> int:
    """Days until the contract has ended: 0 on its last day, negative afterwards."""
    return (ends_on - today).days


def reminder(ends_on: dt.date, today: dt.date) -> int | None:
    """Which of :data:`REMINDERS` is due: the smallest one reached, so that a node that was off sends one, not four."""
    left = days_left(ends_on, today)
    if left < 0:
        return None
    due = [days for days in REMINDERS if left <= days]
    return min(due) if due else None


def must_suspend(ends_on: dt.date, today: dt.date) -> bool:
    """Whether the grace is over."""
    return today > grace_ends(ends_on)

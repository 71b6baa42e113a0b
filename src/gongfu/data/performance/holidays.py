"""Public holidays of China and the weekends worked in exchange, as dated data with their source. Pure."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path

import msgspec

_FILE = Path(__file__).parent / "holidays.toml"


class Year(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One year, as the General Office of the State Council announced it."""

    year: int
    source: str
    off: tuple[tuple[dt.date, dt.date], ...]
    """First and last day of each holiday."""
    work: tuple[dt.date, ...]
    """Days of a weekend that are worked (调休上班)."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    years: tuple[Year, ...]


@cache
def years() -> dict[int, Year]:
    """The years that are known."""
    return {one.year: one for one in msgspec.toml.decode(_FILE.read_bytes(), type=_File).years}


@cache
def _days(year: int) -> dict[dt.date, bool]:
    known = years().get(year)
    if known is None:
        return {}
    found = dict.fromkeys(known.work, True)
    for first, last in known.off:
        found |= {first + dt.timedelta(days=day): False for day in range((last - first).days + 1)}
    return found


def works(day: dt.date) -> bool | None:
    """Whether ``day`` is worked whatever its weekday: True for a make-up day, False for a holiday, else None."""
    return _days(day.year).get(day)


def known(day: dt.date) -> bool:
    """Whether the holidays of its year have been entered."""
    return day.year in years()

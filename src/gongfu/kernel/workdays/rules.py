"""Which days are worked, and when a period of working days ends. Pure.

The State Council's General Office says each autumn which days of the next year are free and which weekends are worked
in exchange (调休). A period of days does not count the day it begins on (民法典 第二百零一条) and ends at 24:00 of its
last day (第二百零三条); those of administrative procedures are working days without holidays (行政许可法 第八十二条).
A year without a notice is not guessed: its weekends are free, and :attr:`Due.guessed` says which year it was.
"""

from __future__ import annotations

import bisect
import datetime as dt
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

CHINA: Final = ZoneInfo("Asia/Shanghai")
"""One time for the whole country."""
MOST: Final = 10_000
"""Working days of the longest period: forty years."""
_ONE = dt.timedelta(days=1)


class Holiday(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"begin": "from", "end": "to"}):
    """Days that are free, first and last, and days of a weekend that are worked for them."""

    name: str
    begin: dt.date | None = None
    end: dt.date | None = None
    worked: tuple[dt.date, ...] = ()


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of days: the State Council's of a year, or what an office adds for itself."""

    source: str
    document: str = ""
    """Its number, such as 国办发明电〔2025〕7号."""
    published: dt.date | None = None
    complete: tuple[int, ...] = ()
    """Years of which this file says everything; empty for days that are added to them."""
    holiday: tuple[Holiday, ...] = ()


@dataclass(frozen=True)
class Due:
    """When a period ends."""

    at: dt.datetime
    """The last moment of its last day in China."""
    guessed: tuple[int, ...] = ()
    """Years it touches whose holidays are not known: it may really end later."""

    def warning(self) -> Invalid | None:
        """What to show beside the date when it was guessed; an error's template, nothing is raised."""
        if not self.guessed:
            return None
        return Invalid(
            mark("The holidays of {years} are not known yet: only weekends were counted as free."),
            remedy=mark("Add the notice of the State Council when it is out, and look again."),
            years=", ".join(str(year) for year in self.guessed),
        )


class Calendar:
    """Days of several notices; a later one overrules an earlier one."""

    def __init__(self, notices: Iterable[Notice]) -> None:
        self.notices = tuple(notices)
        """Where the days come from."""
        self._free: dict[dt.date, str] = {}
        self._worked: dict[dt.date, str] = {}
        self.years = tuple(sorted({year for one in self.notices for year in one.complete}))
        """Years whose holidays are known."""
        for holiday in (each for one in self.notices for each in one.holiday):
            for day in _span(holiday):
                self._worked.pop(day, None)
                self._free[day] = holiday.name
            for day in holiday.worked:
                self._free.pop(day, None)
                self._worked[day] = holiday.name

    def special(self, day: dt.date) -> bool | None:
        """Whether ``day`` is worked whatever its weekday: True for a make-up day, False for a holiday, else None."""
        return True if day in self._worked else False if day in self._free else None

    def is_workday(self, day: dt.date) -> bool:
        """Whether offices work."""
        return day in self._worked or (day.weekday() < 5 and day not in self._free)

    def reason(self, day: dt.date) -> str:
        """The holiday ``day`` belongs to, or is worked for; empty for any other day."""
        return self._free.get(day) or self._worked.get(day, "")

    def is_known(self, day: dt.date) -> bool:
        """Whether the holidays of its year are known."""
        place = bisect.bisect_left(self.years, day.year)
        return place < len(self.years) and self.years[place] == day.year

    def add(self, day: dt.date, n: int) -> dt.date:
        """The ``n``-th working day after ``day``; before it when ``n`` is negative; ``day`` itself for 0.

        Raises :class:`Invalid` beyond :data:`MOST`.
        """
        if abs(n) > MOST:
            raise Invalid(mark("{n} working days are no period: at most {most}."), n=n, most=MOST)
        step, left = (_ONE if n > 0 else -_ONE), abs(n)
        try:
            while left:
                day += step
                left -= self.is_workday(day)
        except OverflowError:
            raise Invalid(mark("The period leaves the calendar.")) from None
        return day

    def between(self, begin: dt.date, end: dt.date) -> int:
        """Working days after ``begin`` up to and with ``end``; negative when ``end`` is earlier."""
        if end < begin:
            return -self.between(end, begin)
        days = (end - begin).days
        weeks, rest = divmod(days, 7)
        count = weeks * 5 + sum((begin + dt.timedelta(days=n + 1)).weekday() < 5 for n in range(rest))
        count -= sum(begin < day <= end and day.weekday() < 5 for day in self._free)
        return count + sum(begin < day <= end and day.weekday() >= 5 for day in self._worked)

    def due(self, start: dt.datetime, workdays: int) -> Due:
        """When a period of ``workdays`` that begins at ``start`` ends; raises :class:`Invalid` for a negative one.

        ``start`` is aware; the day it falls on in China is not counted.
        """
        if workdays < 0 or start.tzinfo is None:
            raise Invalid(mark("A period begins at a moment with its time zone and lasts some working days."))
        first = start.astimezone(CHINA).date()
        last = self.add(first, workdays)
        guessed = tuple(year for year in range(first.year, last.year + 1) if year not in self.years)
        return Due(dt.datetime.combine(last, dt.time.max, CHINA), guessed)

    def deadline(self, start: dt.datetime, workdays: int) -> dt.datetime:
        """The last moment of :meth:`due`."""
        return self.due(start, workdays).at


def _span(holiday: Holiday) -> Iterable[dt.date]:
    if holiday.begin is None:
        return ()
    return (holiday.begin + n * _ONE for n in range(((holiday.end or holiday.begin) - holiday.begin).days + 1))


def parse(text: str) -> Notice:
    """A file of days; raises :class:`Invalid` saying what is wrong."""
    try:
        notice = msgspec.convert(tomllib.loads(text), Notice)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise Invalid(mark("This is no file of holidays: {reason}."), reason=str(error)[:200]) from error
    for one in notice.holiday:
        begin, end = one.begin or one.end, one.end or one.begin
        if (one.begin is None and one.end is not None) or (begin and end and not 0 <= (end - begin).days < 366):
            raise Invalid(mark("This is no file of holidays: {reason}."), reason=f"{one.name}: from, to")
    return notice


@cache
def built_in() -> Calendar:
    """The notices that come with Gongfu."""
    folder = resources.files("gongfu.kernel.workdays") / "years"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return Calendar(parse(file.read_text("utf-8")) for file in files)


def calendar_of(home: Path, code: str = "") -> Calendar:
    """The built-in days, with those of the node (``workdays/*.toml`` under its home) and of an organisation
    (``workdays/<code>/*.toml``). A changed file counts at once; raises :class:`Invalid` naming a wrong one.
    """
    folders = (home / "workdays", *((home / "workdays" / code,) if code else ()))
    stamps: dict[Path, int] = {
        file: file.stat().st_mtime_ns for folder in folders for file in sorted(folder.glob("*.toml"))
    }
    return _with(tuple(stamps.items())) if stamps else built_in()


@lru_cache(maxsize=256)
def _with(files: tuple[tuple[Path, int], ...]) -> Calendar:
    added = []
    for file, _changed in files:
        try:
            added.append(parse(file.read_text("utf-8")))
        except (Invalid, OSError, UnicodeDecodeError) as error:
            reason = error.text() if isinstance(error, Invalid) else str(error)
            raise Invalid(mark("{file}: {reason}"), file=file.name, reason=reason) from error
    return Calendar((*built_in().notices, *added))


def is_workday(day: dt.date) -> bool:
    """:meth:`Calendar.is_workday` by the built-in notices."""
    return built_in().is_workday(day)


def add(day: dt.date, n: int) -> dt.date:
    """:meth:`Calendar.add` by the built-in notices."""
    return built_in().add(day, n)


def between(begin: dt.date, end: dt.date) -> int:
    """:meth:`Calendar.between` by the built-in notices."""
    return built_in().between(begin, end)


def deadline(start: dt.datetime, workdays: int) -> dt.datetime:
    """:meth:`Calendar.deadline` by the built-in notices."""
    return built_in().deadline(start, workdays)

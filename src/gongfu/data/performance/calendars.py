"""Shifts and calendars: which stretches of time are planned, of which day and shift. Pure.

A shift belongs to the day on which it begins, also when it ends after midnight. Times are local and are turned into
seconds since 1970 one by one, so that a night on which clocks change is an hour shorter or longer, as it really is.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from gongfu.data.performance import holidays
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

DAY = 86_400
_BREAK = re.compile(r"(\d{1,2}):(\d{2})\s*[-–~至]\s*(\d{1,2}):(\d{2})")
Span = tuple[int, int]
"""From second to before second, since 1970."""


class Shift(msgspec.Struct, frozen=True):
    """A shift as it recurs. It ends on the next day when its end is not later than its beginning."""

    key: int
    """What figures are grouped by; above 0."""
    begins: dt.time
    ends: dt.time
    breaks: tuple[tuple[dt.time, dt.time], ...] = ()
    weekdays: frozenset[int] = frozenset(range(1, 8))
    """1 is Monday, 7 is Sunday: days on which it begins."""
    name: str = ""


class Calendar(msgspec.Struct, frozen=True):
    """When a place works."""

    zone: str
    """IANA name of the time zone."""
    shifts: tuple[Shift, ...]
    holidays: bool = False
    """Whether public holidays of China are off and their make-up days worked."""
    days: Mapping[dt.date, bool] = {}
    """Days decided by people: worked or off, whatever else says."""


class Turn(msgspec.Struct, frozen=True):
    """One shift of one day."""

    day: dt.date
    shift: int
    start: int
    end: int
    planned: tuple[Span, ...]
    """Without breaks and planned stops."""


class Slice(msgspec.Struct, frozen=True):
    """A stretch of time of one kind."""

    start: int
    end: int
    day: dt.date
    shift: int
    """0 outside every shift."""
    planned: bool


def breaks(text: str) -> tuple[tuple[dt.time, dt.time], ...]:
    """Breaks as people write them, ``10:00-10:15, 12:00-13:00``; raises :class:`Invalid`."""
    found = []
    for part in re.split(r"[,，;；、\s]+(?=\d)", text.strip()) if text.strip() else ():
        match = _BREAK.fullmatch(part.strip())
        try:
            if match is None:
                raise ValueError
            hour, minute, until_hour, until = map(int, match.groups())
            found.append((dt.time(hour, minute), dt.time(until_hour, until)))
        except ValueError:
            raise Invalid(
                mark("{text} is no break."),
                remedy=mark("Write from and until, with commas between breaks: 10:00-10:15, 12:00-13:00."),
                text=repr(part[:40]),
            ) from None
    return tuple(found)


def weekdays(text: str) -> frozenset[int]:
    """Weekdays as digits from 1 (Monday) to 7 (Sunday); raises :class:`Invalid`."""
    if not text or set(text) - set("1234567"):
        raise Invalid(
            mark("{text} names no weekdays."),
            remedy=mark("Write digits from 1 (Monday) to 7 (Sunday)."),
            text=repr(text[:20]),
        )
    return frozenset(map(int, text))


def check(shifts: Sequence[Shift]) -> None:
    """Raises :class:`Invalid` when two shifts overlap or a break lies outside its shift."""
    spans: list[tuple[int, int, Shift]] = []
    for shift in shifts:
        begin, end = _minutes(shift)
        for first, last in _break_minutes(shift):
            if not begin <= first < last <= end:
                raise Invalid(
                    mark("A break of {shift} does not lie within the shift."),
                    remedy=mark("Correct the break or the shift."),
                    shift=shift.name or shift.key,
                )
        spans += [(1440 * (day - 1) + begin, 1440 * (day - 1) + end, shift) for day in shift.weekdays]
    spans.sort(key=lambda one: one[:2])
    week = 7 * 1440
    around = [*spans, *((start + week, end + week, shift) for start, end, shift in spans[:1])]
    for (_start, end, one), (start, _end, other) in itertools.pairwise(around):
        if start < end:
            raise Invalid(
                mark("The shifts {one} and {other} overlap."),
                remedy=mark("Let one begin when the other ends."),
                one=one.name or one.key,
                other=other.name or other.key,
            )


def works(calendar: Calendar, day: dt.date) -> bool | None:
    """Whether ``day`` is worked whatever its weekday, off (False), or as its weekday says (None)."""
    if (said := calendar.days.get(day)) is not None:
        return said
    return holidays.works(day) if calendar.holidays else None


def turns(calendar: Calendar, start: int, end: int, stops: Sequence[Span] = ()) -> list[Turn]:
    """Every shift that overlaps ``start`` to ``end``, in order, whole."""
    zone = ZoneInfo(calendar.zone)
    day = dt.datetime.fromtimestamp(start, zone).date() - dt.timedelta(days=2)
    last = dt.datetime.fromtimestamp(end, zone).date()
    found: list[Turn] = []
    ordered = sorted(calendar.shifts, key=lambda one: (one.begins, one.key))
    while day <= last:
        said = works(calendar, day)
        for shift in ordered:
            if not _on(shift, day, said):
                continue
            begin, finish = _minutes(shift)
            at, until = _second(day, begin, zone), _second(day, finish, zone)
            if found:
                at = max(at, found[-1].end)  # what two shifts claim belongs to the earlier one
            if until <= at or until <= start or at >= end:
                continue
            pauses = [(_second(day, first, zone), _second(day, stop, zone)) for first, stop in _break_minutes(shift)]
            found.append(Turn(day, shift.key, at, until, tuple(without((at, until), [*pauses, *stops]))))
        day += dt.timedelta(days=1)
    return found


def slices(calendar: Calendar | None, start: int, end: int, zone: str, stops: Sequence[Span] = ()) -> list[Slice]:
    """``start`` to ``end`` cut into stretches of one day, shift and kind, without gap and in order.

    Without a calendar all time is planned but ``stops``, day by day, and belongs to no shift.
    """
    marks: list[Slice] = []
    if calendar is None:
        for day, first, last in _days(start, end, zone):
            marks += [Slice(*span, day, 0, True) for span in without((first, last), stops)]
    else:
        for turn in turns(calendar, start, end, stops):
            marks += [Slice(*span, turn.day, turn.shift, True) for span in turn.planned]
            pauses = without((turn.start, turn.end), turn.planned)
            marks += [Slice(*span, turn.day, turn.shift, False) for span in pauses]
    marks = [
        Slice(max(start, one.start), min(end, one.end), one.day, one.shift, one.planned)
        for one in sorted(marks, key=lambda one: one.start)
        if one.end > start and one.start < end
    ]
    found: list[Slice] = []
    for day, first, last in _days(start, end, zone):
        taken = [(one.start, one.end) for one in marks]
        found += [Slice(*span, day, 0, False) for span in without((first, last), taken)]
    return sorted([*marks, *found], key=lambda one: one.start)


def without(span: Span, cuts: Sequence[Span]) -> list[Span]:
    """What of ``span`` no cut covers, in order."""
    found, at = [], span[0]
    for first, last in sorted(cuts):
        if last <= at or first >= span[1]:
            continue
        if first > at:
            found.append((at, first))
        at = max(at, last)
    return [*found, (at, span[1])] if at < span[1] else found


def _on(shift: Shift, day: dt.date, said: bool | None) -> bool:
    if said is None:
        return day.isoweekday() in shift.weekdays
    # A make-up day is worked like a working day: by the shifts that a weekday or this day has.
    return said and bool(shift.weekdays & {*range(1, 6), day.isoweekday()})


def _minutes(shift: Shift) -> tuple[int, int]:
    """Beginning and end in minutes of the day it begins on."""
    begin = shift.begins.hour * 60 + shift.begins.minute
    end = shift.ends.hour * 60 + shift.ends.minute
    return begin, end if end > begin else end + 1440


def _break_minutes(shift: Shift) -> list[tuple[int, int]]:
    begin, _end = _minutes(shift)
    found = []
    for first, last in shift.breaks:
        at = first.hour * 60 + first.minute
        at += 1440 if at < begin else 0
        until = last.hour * 60 + last.minute
        while until <= at:
            until += 1440
        found.append((at, until))
    return found


def _second(day: dt.date, minute: int, zone: ZoneInfo) -> int:
    """Seconds since 1970 of a local minute, counted from the beginning of ``day``; may lie on the next one."""
    local = dt.datetime.combine(day, dt.time(), zone) + dt.timedelta(minutes=minute)  # wall clock, not elapsed time
    return int(local.timestamp())


def _days(start: int, end: int, zone: str) -> list[tuple[dt.date, int, int]]:
    """Local days between ``start`` and ``end``, clipped."""
    there = ZoneInfo(zone)
    day = dt.datetime.fromtimestamp(start, there).date()
    found = []
    while (first := _second(day, 0, there)) < end:
        last = _second(day + dt.timedelta(days=1), 0, there)
        found.append((day, max(first, start), min(last, end)))
        day += dt.timedelta(days=1)
    return found

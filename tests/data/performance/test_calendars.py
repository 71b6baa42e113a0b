"""Shifts over midnight, breaks, holidays, make-up days, nights on which clocks change."""

from __future__ import annotations

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.data.performance import calendars, grid, holidays
from gongfu.data.performance.calendars import Calendar, Shift, breaks, check, slices, turns
from gongfu.kernel.errors import Invalid

SHANGHAI = "Asia/Shanghai"
WEEKDAYS = frozenset(range(1, 6))
EARLY = Shift(1, dt.time(8), dt.time(20), breaks("12:00-13:00, 17:30-18:00"), WEEKDAYS, "白班")
LATE = Shift(2, dt.time(20), dt.time(8), breaks("23:30-00:30"), WEEKDAYS, "夜班")
TWO = Calendar(SHANGHAI, (EARLY, LATE), holidays=True)


def at(year: int, month: int, day: int, hour: float = 0, zone: str = SHANGHAI) -> int:
    local = dt.datetime(year, month, day, tzinfo=ZoneInfo(zone)) + dt.timedelta(hours=hour)
    return int(local.timestamp())


def planned(calendar: Calendar, start: int, end: int) -> dict[tuple[dt.date, int], int]:
    found: dict[tuple[dt.date, int], int] = {}
    for one in slices(calendar, start, end, calendar.zone):
        if one.planned:
            found[one.day, one.shift] = found.get((one.day, one.shift), 0) + one.end - one.start
    return found


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    found = planned(TWO, at(2026, 11, 16), at(2026, 11, 17))  # a Monday; the Sunday before was free
    assert found == {
        (dt.date(2026, 11, 16), 1): int(10.5 * 3600),
        (dt.date(2026, 11, 16), 2): int(3.5 * 3600),  # 20:00 to midnight without half of the break
    }
    found = planned(TWO, at(2026, 11, 17), at(2026, 11, 18))
    assert found[dt.date(2026, 11, 16), 2] == int(7.5 * 3600)


def test_national_day_is_free_and_its_make_up_saturday_is_worked() -> None:
    assert planned(TWO, at(2026, 10, 1, 8), at(2026, 10, 8)) == {}
    made_up = planned(TWO, at(2026, 10, 10, 8), at(2026, 10, 10, 20))
    assert made_up == {(dt.date(2026, 10, 10), 1): int(10.5 * 3600)}
    assert planned(TWO, at(2026, 10, 17, 8), at(2026, 10, 18)) == {}  # any other Saturday


def test_people_have_the_last_word_on_a_day() -> None:
    own = Calendar(SHANGHAI, (EARLY,), True, {dt.date(2026, 10, 1): True, dt.date(2026, 11, 17): False})
    assert list(planned(own, at(2026, 10, 1), at(2026, 10, 2))) == [(dt.date(2026, 10, 1), 1)]
    assert planned(own, at(2026, 11, 17), at(2026, 11, 18)) == {}


@pytest.mark.parametrize(("year", "free", "worked"), [(2025, 28, 5), (2026, 33, 6)])
def test_holidays_are_as_the_state_council_announced_them(year: int, free: int, worked: int) -> None:
    """Sums of the days in the notices of 2024-11-12 (1+8+3+5+3+8) and 2025-11-04 (3+9+3+5+3+3+7)."""
    days = [dt.date(year, 1, 1) + dt.timedelta(days=n) for n in range(365)]
    said = [holidays.works(day) for day in days]
    assert (said.count(False), said.count(True)) == (free, worked)
    assert all(day.isoweekday() >= 6 for day, one in zip(days, said, strict=True) if one)
    assert not holidays.known(dt.date(2031, 1, 1))


def test_a_planned_stop_is_no_planned_time() -> None:
    start, end = at(2026, 11, 16, 8), at(2026, 11, 16, 20)
    with_stop = slices(TWO, start, end, SHANGHAI, [(at(2026, 11, 16, 9), at(2026, 11, 16, 12.5))])
    assert sum(one.end - one.start for one in with_stop if one.planned) == 7.5 * 3600  # the break lay half within


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 7), ((2026, 10, 25), 9)])
def test_a_night_on_which_clocks_change_is_as_long_as_it_really_is(day: tuple[int, int, int], hours: int) -> None:
    night = Calendar("Europe/Berlin", (Shift(1, dt.time(22), dt.time(6)),))
    evening = at(*day, zone="Europe/Berlin") - 6 * 3600
    (turn,) = [one for one in turns(night, evening, evening + 20 * 3600) if one.start >= evening][:1]
    assert (turn.end - turn.start) / 3600 == hours


@pytest.mark.parametrize(
    "shifts",
    [
        (EARLY, Shift(3, dt.time(19), dt.time(22), weekdays=frozenset({3}))),
        (Shift(1, dt.time(20), dt.time(8)), Shift(2, dt.time(7), dt.time(20))),
        (Shift(1, dt.time(8), dt.time(16), breaks("15:30-16:30")),),
    ],
    ids=["in the evening", "after midnight", "break beyond"],
)
def test_shifts_that_overlap_are_refused(shifts: tuple[Shift, ...]) -> None:
    with pytest.raises(Invalid):
        check(shifts)


def test_shifts_that_follow_each_other_are_accepted() -> None:
    check((EARLY, LATE))
    check((Shift(1, dt.time(0), dt.time(8)), Shift(2, dt.time(8), dt.time(16)), Shift(3, dt.time(16), dt.time(0))))


@given(st.text(max_size=30))
def test_any_text_of_breaks_is_read_or_refused(text: str) -> None:
    try:
        found = breaks(text)
    except Invalid:
        return
    assert all(isinstance(one, tuple) for one in found)


MINUTES = st.integers(0, 60 * 24 * 40).map(lambda minute: at(2026, 9, 10) + 60 * minute)
SHIFTS = st.sampled_from([TWO, Calendar(SHANGHAI, (LATE,)), Calendar("Europe/Berlin", (EARLY, LATE)), None])
STOPS = st.lists(st.tuples(MINUTES, st.integers(1, 900)).map(lambda one: (one[0], one[0] + one[1] * 60)), max_size=3)


@given(SHIFTS, MINUTES, st.integers(1, 60 * 24 * 9), STOPS)
def test_slices_cover_the_time_once_and_without_gap(
    calendar: Calendar | None, start: int, minutes: int, stops: list[tuple[int, int]]
) -> None:
    found = slices(calendar, start, start + 60 * minutes, SHANGHAI, stops)
    assert found[0].start == start
    assert found[-1].end == start + 60 * minutes
    assert all(one.end == other.start for one, other in itertools.pairwise(found))
    assert all(one.start < one.end for one in found)
    # The store is asked for exactly these minutes.
    covered = 0
    for one in grid.grids(found):
        hours = [
            int.from_bytes(bytes.fromhex(one.hours[4 * n : 4 * n + 4]), "little") for n in range(len(one.hours) // 4)
        ]
        cut = [
            int.from_bytes(bytes.fromhex(one.minutes[4 * n : 4 * n + 4]), "little")
            for n in range(len(one.minutes) // 4)
        ]
        for place, hour in enumerate(sorted((*one.tens, *one.cut))):
            block = cut[60 * place : 60 * place + 60]
            assert hours[hour] == 0x8000 + place
            assert (hour in one.tens) == all(block[n] == block[n - 1] for n in range(60) if n % 10)
        covered += 60 * sum(1 < number < 0x8000 for number in hours) + sum(number > 1 for number in cut)
    assert covered == minutes


@given(SHIFTS, MINUTES, st.integers(2, 60 * 24 * 5), st.integers(1, 60 * 24 * 5))
def test_planned_time_of_two_parts_is_that_of_the_whole(
    calendar: Calendar | None, start: int, minutes: int, first: int
) -> None:
    end, middle = start + 60 * minutes, start + 60 * min(first, minutes - 1)

    def total(low: int, high: int) -> int:
        return sum(one.end - one.start for one in slices(calendar, low, high, SHANGHAI) if one.planned)

    assert total(start, middle) + total(middle, end) == total(start, end)


def test_weekdays_are_digits() -> None:
    assert calendars.weekdays("135") == {1, 3, 5}
    with pytest.raises(Invalid):
        calendars.weekdays("08")

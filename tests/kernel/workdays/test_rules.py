"""Working days as the notices of the State Council say, and periods counted in them."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.errors import Invalid
from gongfu.kernel.workdays import rules

DAYS = st.dates(dt.date(2022, 1, 1), dt.date(2027, 12, 31))


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        ("2022-01-29", True),  # Saturday before Spring Festival
        ("2022-12-31", False),  # by the notice of 2023
        ("2023-06-25", True),
        ("2024-02-04", True),
        ("2024-02-18", True),
        *((f"2024-10-0{n}", False) for n in range(1, 8)),
        ("2024-10-12", True),
        ("2025-01-28", False),
        ("2025-10-08", False),
        ("2026-02-14", True),
        ("2026-02-23", False),
        ("2026-11-21", False),
    ],
)
def test_known_days(day: str, worked: bool) -> None:
    assert rules.is_workday(dt.date.fromisoformat(day)) is worked


def test_every_year_names_its_notice_and_a_plausible_number_of_working_days() -> None:
    calendar = rules.built_in()
    assert calendar.years == (2022, 2023, 2024, 2025, 2026)
    assert {one.document[:5] for one in calendar.notices} == {"国办发明电"}
    for year in calendar.years:
        assert 247 <= calendar.between(dt.date(year - 1, 12, 31), dt.date(year, 12, 31)) <= 252


def test_a_period_ends_at_the_last_moment_of_its_last_day_in_china() -> None:
    asked = dt.datetime(2024, 9, 30, 23, 30, tzinfo=dt.UTC)  # 1 October in China: the day that is not counted
    assert rules.deadline(asked, 1) == dt.datetime(2024, 10, 8, 23, 59, 59, 999999, rules.CHINA)
    assert rules.deadline(dt.datetime(2024, 9, 30, 1, tzinfo=rules.CHINA), 0).date() == dt.date(2024, 9, 30)


def test_a_year_without_notice_is_said_to_be_guessed() -> None:
    due = rules.built_in().due(dt.datetime(2026, 12, 31, tzinfo=rules.CHINA), 3)
    assert due.guessed == (2027,)
    assert due.warning() is not None
    assert "2027" in due.warning().text("zh-hans")
    assert rules.built_in().due(dt.datetime(2026, 11, 2, tzinfo=rules.CHINA), 3).warning() is None


@given(DAYS, st.integers(-60, 60))
def test_adding_and_counting_agree(day: dt.date, n: int) -> None:
    later = rules.add(day, n)
    assert n == 0 or rules.is_workday(later)
    counted = rules.between(day, later)
    # Backwards the first day is counted instead of the last: a free day is not.
    assert counted == n or (n < 0 and counted == n - rules.is_workday(day) + 1)


@given(DAYS, DAYS)
def test_between_counts_day_by_day(begin: dt.date, end: dt.date) -> None:
    first, last = sorted((begin, end))
    days = [first + dt.timedelta(days=n + 1) for n in range((last - first).days)]
    assert abs(rules.between(begin, end)) == sum(map(rules.is_workday, days))


def test_an_office_adds_days_and_the_node_next_years_notice(tmp_path: Path) -> None:
    own = tmp_path / "workdays" / "qingpu"
    own.mkdir(parents=True)
    (own / "expo.toml").write_text(
        'source = "进博会"\n[[holiday]]\nname = "进博会"\nfrom = 2026-11-05\nto = 2026-11-06\nworked = [2026-11-07]\n'
    )
    assert rules.calendar_of(tmp_path, "other").is_workday(dt.date(2026, 11, 5))
    calendar = rules.calendar_of(tmp_path, "qingpu")
    assert calendar.add(dt.date(2026, 11, 4), 1) == dt.date(2026, 11, 7)
    assert calendar.reason(dt.date(2026, 11, 5)) == "进博会"
    (tmp_path / "workdays" / "2027.toml").write_text('source = "…"\ncomplete = [2027]\n')
    assert rules.calendar_of(tmp_path, "qingpu").is_known(dt.date(2027, 5, 1))
    (own / "expo.toml").write_text("source = 3")
    with pytest.raises(Invalid, match=r"expo\.toml"):
        rules.calendar_of(tmp_path, "qingpu")


@given(st.text() | st.sampled_from(['source="x"\n[[holiday]]\nname="x"\nfrom=2026-01-03\nto=2026-01-01']))
def test_any_text_is_a_notice_or_told(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert rules.parse(text).source is not None


def test_absurd_periods_are_refused() -> None:
    for start, n in ((dt.datetime(2026, 1, 1), -1), (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), 10**6)):  # noqa: DTZ001
        with pytest.raises(Invalid):
            rules.deadline(start, n)

"""Exports run when people said, and cover whole hours, days, weeks and months."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.data.access.rules import Every, covered, next_run

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("every", "after", "due"),
    [
        (Every.HOUR, "2026-11-20T14:09", "2026-11-20T14:10"),
        (Every.HOUR, "2026-11-20T14:10", "2026-11-20T15:10"),
        (Every.DAY, "2026-11-20T01:00", "2026-11-20T01:10"),
        (Every.DAY, "2026-11-20T01:10", "2026-11-21T01:10"),
        (Every.WEEK, "2026-11-20T01:10", "2026-11-23T01:10"),  # a Friday; 23 November is a Monday
        (Every.MONTH, "2026-11-20T01:10", "2026-12-01T01:10"),
    ],
)
def test_the_next_run(every: Every, after: str, due: str) -> None:
    assert next_run(every, at(after), SHANGHAI, hour=1, minute=10, day=1) == at(due)


@pytest.mark.parametrize(
    ("every", "begin", "end"),
    [
        (Every.HOUR, "2026-11-20T13:00", "2026-11-20T14:00"),
        (Every.DAY, "2026-11-19T00:00", "2026-11-20T00:00"),
        (Every.WEEK, "2026-11-09T00:00", "2026-11-16T00:00"),
        (Every.MONTH, "2026-10-01T00:00", "2026-11-01T00:00"),
    ],
)
def test_what_a_run_covers(every: Every, begin: str, end: str) -> None:
    assert covered(every, at("2026-11-20T14:10"), SHANGHAI) == (at(begin), at(end))


def test_a_day_with_25_hours_is_whole() -> None:
    begin, end = covered(Every.DAY, at("2026-10-26T01:00", BERLIN), BERLIN)
    assert end - begin == timedelta(hours=25)


def test_an_hour_the_clock_leaves_out_runs_all_the_same() -> None:
    due = next_run(Every.DAY, at("2026-03-28T23:00", BERLIN), BERLIN, hour=2, minute=30, day=1)
    assert at("2026-03-29T00:00", BERLIN) < due < at("2026-03-29T05:00", BERLIN)


@given(
    st.sampled_from(list(Every)),
    st.integers(946_684_800, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(1, 7),
    st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("UTC")]),
)
def test_runs_come_one_after_the_other(
    every: Every, after: datetime, hour: int, minute: int, day: int, zone: ZoneInfo
) -> None:
    due = next_run(every, after, zone, hour=hour, minute=minute, day=day)
    assert after < due <= after + timedelta(days=33)
    begin, end = covered(every, due, zone)
    assert begin < end <= due

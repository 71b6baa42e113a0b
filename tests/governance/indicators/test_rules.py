"""Deadlines end at midnight, lights have reasons, absurd figures are refused."""

from __future__ import annotations

import contextlib
import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.governance.indicators import rules, table
from gongfu.governance.indicators.rules import Every, Judged, Light, Why
from gongfu.kernel.errors import Invalid

BEGINS, DEADLINE = dt.date(2025, 1, 1), dt.date(2026, 12, 31)


def judged(value: float | None, today: dt.date = dt.date(2026, 1, 1), chance: float | None = None) -> Judged:
    return rules.judge(
        value=value,
        taken=None if value is None else today - dt.timedelta(days=3),
        goal=100.0,
        at_most=False,
        begins=BEGINS,
        deadline=DEADLINE,
        today=today,
        chance=chance,
    )


@pytest.mark.parametrize(
    ("value", "today", "chance", "light", "why"),
    [
        (100, dt.date(2025, 2, 1), None, Light.DONE, Why.REACHED),
        (99, DEADLINE, 0.0, Light.RED, Why.UNLIKELY),
        (99, DEADLINE + dt.timedelta(days=1), None, Light.RED, Why.MISSED),
        (None, DEADLINE, None, Light.GREY, Why.NOTHING),
        (None, DEADLINE + dt.timedelta(days=1), None, Light.RED, Why.MISSED),
        (60, dt.date(2026, 1, 1), None, Light.GREEN, Why.AHEAD),
        (40, dt.date(2026, 1, 1), None, Light.YELLOW, Why.BEHIND),
        (10, dt.date(2026, 1, 1), None, Light.RED, Why.FAR_BEHIND),
        (10, dt.date(2026, 1, 1), 0.8, Light.GREEN, Why.SURE),
        (10, dt.date(2026, 1, 1), 0.79, Light.YELLOW, Why.OPEN),
        (10, dt.date(2026, 1, 1), 0.39, Light.RED, Why.UNLIKELY),
    ],
)
def test_a_light_and_its_reason(
    value: float | None, today: dt.date, chance: float | None, light: Light, why: Why
) -> None:
    found = judged(value, today, chance)
    assert (found.light, found.why) == (light, why)


def test_an_old_figure_is_no_news() -> None:
    found = rules.judge(
        value=90,
        taken=dt.date(2025, 3, 1),
        goal=100,
        at_most=False,
        begins=BEGINS,
        deadline=DEADLINE,
        today=dt.date(2026, 3, 1),
        chance=0.99,
    )
    assert (found.light, found.why) == (Light.YELLOW, Why.STALE)


@pytest.mark.parametrize(("value", "today", "light"), [(9, 1, Light.GREEN), (11, 1, Light.RED), (9, 900, Light.DONE)])
def test_what_may_not_be_exceeded(value: float, today: int, light: Light) -> None:
    found = rules.judge(
        value=value,
        taken=BEGINS,
        goal=10,
        at_most=True,
        begins=BEGINS,
        deadline=DEADLINE,
        today=BEGINS + dt.timedelta(days=today),
        chance=None,
    )
    assert found.light is light


@pytest.mark.parametrize(
    ("every", "day", "ends"),
    [
        (Every.MONTH, dt.date(2026, 11, 30), dt.date(2026, 10, 31)),
        (Every.MONTH, dt.date(2026, 12, 1), dt.date(2026, 11, 30)),
        (Every.MONTH, dt.date(2026, 1, 1), dt.date(2025, 12, 31)),
        (Every.QUARTER, dt.date(2026, 3, 31), dt.date(2025, 12, 31)),
        (Every.QUARTER, dt.date(2026, 4, 1), dt.date(2026, 3, 31)),
        (Every.YEAR, dt.date(2026, 12, 31), dt.date(2025, 12, 31)),
        (Every.YEAR, dt.date(2027, 1, 1), dt.date(2026, 12, 31)),
        (Every.MONTH, dt.date(2024, 3, 1), dt.date(2024, 2, 29)),
    ],
)
def test_a_period_is_over_at_midnight(every: Every, day: dt.date, ends: dt.date) -> None:
    assert rules.period_end(every, day) == ends


@given(st.sampled_from(Every), st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)))
def test_every_day_has_a_period_behind_it(every: Every, day: dt.date) -> None:
    ends = rules.period_end(every, day)
    assert ends < day
    assert rules.month_end(ends) == ends
    assert rules.period_end(every, ends + dt.timedelta(days=1)) == ends


def test_reminders_come_before_on_and_after_the_day() -> None:
    due = dt.date(2026, 11, 10)
    found = [rules.reminder(due, due + dt.timedelta(days=n)) for n in (-8, -7, -2, -1, 0, 1, 3, 30)]
    assert found == [None, 7, 7, 1, 0, 0, -3, -3]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1800", 1800), (" 1,800 ", 1800), ("1.5万", 15000), ("150亿", 15_000_000_000), ("１２", 12), ("0", 0)],
)
def test_figures_as_people_write_them(text: str, value: int) -> None:
    assert rules.number(text, "家") == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "-1", "1e99", "NaN", "Infinity", "=1+1", "1.5", "abc", "1_000", "9" * 60, "٣", "万", "1\x000"]
)
def test_absurd_figures_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        rules.number(text, "家")


def test_a_rate_may_have_decimals_but_not_many() -> None:
    assert rules.number("62.5", "%") == Decimal("62.5")
    with pytest.raises(Invalid):
        rules.number("62.55555", "%")


@given(st.text(max_size=50))
def test_no_text_breaks_the_reader_of_figures(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert 0 <= rules.number(text) <= rules.MOST


# the table of records
def test_a_table_is_read_as_people_write_it() -> None:
    text = "日期,名称,编号,数量,证明材料\n2026/3/1,,,,\n".replace("2026/3/1", "2026-03-01")
    rows, faults = table.read(
        (text + "2026-03-02,恒锐𠮷,91310118MA1GFHR01N,1,文号〔2026〕3号\n").encode("gb18030"), "a.csv"
    )
    assert [(fault.line, fault.column) for fault in faults] == [(2, "name")]
    assert [(row.name, row.amount, row.paper) for row in rows] == [("恒锐𠮷", Decimal(1), "文号〔2026〕3号")]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("yesterday,a,1,1,", "day"),
        ("2026-03-01,a,1,-1,", "amount"),
        ("2026-03-01,a,1,many,", "amount"),
        ("2026-03-01,a\x07,1,1,", "name"),
        (f"2026-03-01,{'n' * 121},1,1,", "name"),
    ],
)
def test_every_wrong_cell_is_named(line: str, column: str) -> None:
    rows, faults = table.read(f"日期,名称,编号,数量,证明材料\n{line}\n".encode(), "a.csv")
    assert rows == []
    assert [fault.column for fault in faults] == [column]


def test_a_thing_that_is_there_twice_is_named() -> None:
    rows, faults = table.read("日期,名称,编号\n2026-03-01,a,X1\n2026-03-02,b,X1\n".encode(), "a.csv")
    assert len(rows) == 1
    assert [(fault.line, fault.value) for fault in faults] == [(3, "X1")]


@given(st.binary(max_size=400))
def test_no_file_breaks_the_reader_of_tables(data: bytes) -> None:
    for start in (b"", b"PK\x03\x04", "日期,名称\n".encode()):
        with contextlib.suppress(Invalid):
            table.read(start + data, "a")

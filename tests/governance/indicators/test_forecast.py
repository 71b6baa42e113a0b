"""Forecasts are ranges that can be trusted as far as they say."""

from __future__ import annotations

import datetime as dt
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.governance.indicators.drawing import draw
from gongfu.governance.indicators.forecast import Point, forecast, months_between, theil_sen

START = dt.date(2024, 1, 1)


def month(number: int) -> dt.date:
    return dt.date(START.year + number // 12, number % 12 + 1, 1)


def series(steps: list[float], every: int = 1) -> tuple[Point, ...]:
    return tuple(Point(month(n * every), value) for n, value in enumerate(accumulate([0.0, *steps])))


steps = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=3, max_size=40)
any_steps = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=3, max_size=40)


@settings(max_examples=40, deadline=None)
@given(any_steps, st.integers(1, 48), st.floats(1, 1e7))
def test_a_range_is_a_range_and_a_chance_a_chance(found: list[float], ahead: int, goal: float) -> None:
    points = series(found)
    outlook = forecast(points, month(len(found) + ahead), goal)
    assert outlook is not None
    assert outlook.low <= outlook.middle <= outlook.high
    assert 0.0 <= outlook.chance <= 1.0
    assert outlook.months == ahead == len(outlook.path)
    assert all(low <= middle <= high for low, middle, high in outlook.path)


@settings(max_examples=40, deadline=None)
@given(steps, st.integers(1, 24))
def test_what_only_grows_is_not_forecast_to_fall(found: list[float], ahead: int) -> None:
    points = series(found)
    outlook = forecast(points, month(len(found) + ahead), 10.0)
    assert outlook is not None
    assert outlook.low >= points[-1].value - 1e-6 * (1 + points[-1].value)
    assert all(before[2] <= after[2] + 1e-6 for before, after in zip(outlook.path, outlook.path[1:], strict=False))


@settings(max_examples=30, deadline=None)
@given(steps, st.integers(1, 24), st.floats(1, 1e7), st.floats(1, 1e7))
def test_a_higher_goal_is_never_more_likely(found: list[float], ahead: int, one: float, other: float) -> None:
    points, deadline = series(found), month(len(found) + ahead)
    low, high = sorted((one, other))
    easier, harder = forecast(points, deadline, low), forecast(points, deadline, high)
    assert easier is not None
    assert harder is not None
    assert easier.chance >= harder.chance


def test_steady_growth_goes_on() -> None:
    outlook = forecast(series([100.0] * 12), month(18), 1700.0)
    assert outlook is not None
    assert (outlook.low, outlook.middle, outlook.high) == pytest.approx((1800.0,) * 3)
    assert outlook.chance == 1.0
    assert outlook.pace == pytest.approx(100.0)


def test_months_in_which_nothing_came_do_not_prove_that_nothing_will() -> None:
    outlook = forecast(series([0.0] * 6), month(12), 1.0)
    assert outlook is not None
    assert 0.2 < outlook.chance < 0.6
    assert outlook.high >= 1


def test_too_few_months_give_no_forecast_and_the_deadline_no_doubt() -> None:
    assert forecast(series([5.0, 5.0]), month(12), 100.0) is None
    over = forecast(series([50.0] * 4), month(4), 200.0)
    assert over is not None
    assert (over.low, over.high, over.chance, over.months) == (200.0, 200.0, 1.0, 0)


def test_a_wild_month_does_not_move_the_pace() -> None:
    calm = series([10.0] * 20)
    wild = (*calm[:10], Point(calm[10].month, 9e9), *calm[11:])
    assert theil_sen(wild) == pytest.approx(theil_sen(calm), rel=0.2)


def test_at_most_counts_the_other_way() -> None:
    outlook = forecast(series([100.0] * 12), month(18), 1500.0, True)
    assert outlook is not None
    assert outlook.chance == 0.0


@pytest.mark.parametrize("every", [1, 3])
def test_about_four_of_five_truths_lie_in_the_range(every: int) -> None:
    """Calibration: the pace of 200 made-up districts is known, and so is what came afterwards."""
    generator = np.random.default_rng(7)
    held = 0
    for _ in range(200):
        rate = generator.gamma(20, 5) * every
        past = generator.poisson(rate, 16 if every == 1 else 8).astype(float)
        ahead = 6 // every
        truth = past.sum() + generator.poisson(rate, ahead).sum()
        points = series(list(past), every)
        outlook = forecast(points, month(len(past) * every + 6), 1.0)
        assert outlook is not None
        held += outlook.low <= truth <= outlook.high
    assert 0.66 <= held / 200 <= 0.92


def test_the_same_points_say_the_same() -> None:
    points = series([float(n % 7) for n in range(20)])
    first = forecast(points, month(30), 80.0)
    forecast.cache_clear()
    assert forecast(points, month(30), 80.0) == first


@given(any_steps, st.integers(-3, 30))
def test_everything_drawn_lies_in_its_box(found: list[float], ahead: int) -> None:
    points = series(found)
    deadline = max(START, month(max(0, len(found) + ahead)))
    drawing = draw(points, forecast(points, deadline, 5.0), 5.0, START, deadline)
    assert drawing is not None
    for text in (drawing.line, drawing.band, drawing.middle):
        for pair in text.split():
            x, _comma, y = pair.partition(",")
            assert -0.1 <= float(x) <= drawing.width + 0.1
            assert -0.1 <= float(y) <= drawing.height + 0.1


def test_months_are_counted_over_years() -> None:
    assert months_between(dt.date(2025, 11, 30), dt.date(2026, 2, 1)) == 3

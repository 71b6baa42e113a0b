"""Computed tags over time: moments, grids, windows, meters, memory."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.data.computed.evaluate import Calculation, Result, Row
from gongfu.data.computed.functions import Kind
from gongfu.data.computed.rules import ComputedConfig, Input
from gongfu.data.computed.windows import Window
from gongfu.kernel.errors import Invalid
from gongfu.kernel.readings import Quality

_S = 1_000_000
_A, _B, _OUT = 1, 2, 9
_MIDNIGHT = 1_767_196_800  # 2026-01-01 00:00 in Shanghai


def _config(
    text: str, *, kind: Kind = Kind.NUMBER, every: float = 0, gap: float = 300, **more: Input
) -> ComputedConfig:
    inputs = {"a": Input((_A,)), "b": Input((_B,)), **more}
    return ComputedConfig(1, 1, _OUT, kind, text, inputs, every, gap)


def _run(config: ComputedConfig, rows: list[Row]) -> list[Result]:
    calculation = Calculation(config)
    return [*calculation.take(rows, 0), *calculation.finish()]


def _row(second: float, value: float | str, series: int = _A, quality: int = 0) -> Row:
    return Row(round(second * _S), series, value, quality)


def test_a_moment_is_computed_once_when_all_of_it_is_there() -> None:
    rows = [_row(1, 1, _A), _row(1, 10, _B), _row(2, 2, _A), _row(2, 20, _B)]
    assert _run(_config("a + b"), rows) == [Result(1 * _S, 11.0, 0), Result(2 * _S, 22.0, 0)]


def test_a_moment_closes_when_the_clock_says_so() -> None:
    calculation = Calculation(_config("a * 2"))
    assert calculation.take([_row(1, 4)], clock=0) == []
    assert calculation.tick(clock=100_000) == []
    assert calculation.tick(clock=600_000) == [Result(1 * _S, 8.0, 0)]
    assert calculation.tick(clock=700_000) == []


def test_late_readings_change_nothing_and_are_counted() -> None:
    calculation = Calculation(_config("a"))
    calculation.take([_row(5, 1), _row(6, 2)], 0)
    assert calculation.take([_row(5, 9), _row(3, 9)], 0) == []
    assert calculation.late == 2


def test_quality_is_that_of_the_worst_input() -> None:
    rows = [_row(1, 1, _A), _row(1, 2, _B, Quality.UNCERTAIN), _row(2, 1, _A, Quality.BAD), _row(400, 5, _A)]
    assert _run(_config("a + b"), rows) == [
        Result(1 * _S, 3.0, Quality.UNCERTAIN),
        Result(2 * _S, None, Quality.BAD),
        Result(400 * _S, 7.0, Quality.UNCERTAIN),  # b has been silent for longer than it holds
    ]


def test_power_becomes_energy_and_gaps_are_not_made_up() -> None:
    rows = [_row(second, 6.0) for second in range(60, 3661, 60)] + [_row(3660 + 7200, 6.0)]
    energy = _run(_config('total(a, "h")'), rows)
    assert energy[60].value == pytest.approx(6.0)
    assert energy[-1].value == pytest.approx(6.0)  # two hours of silence add nothing


def test_a_counter_that_begins_anew_goes_on() -> None:
    rows = [_row(number, value) for number, value in enumerate([990, 995, 3, 10], 1)]
    assert [one.value for one in _run(_config("increase(a)"), rows)] == [0.0, 5.0, 8.0, 15.0]


def test_a_day_begins_at_local_midnight() -> None:
    rows = [_row(_MIDNIGHT + offset, value) for offset, value in ((-120, 100), (-60, 101), (60, 103), (120, 106))]
    assert [one.value for one in _run(_config("today(a)"), rows)] == [0.0, 1.0, 2.0, 5.0]


def test_hours_starts_and_how_long_it_holds() -> None:
    rows = [_row(second, value) for second, value in ((60, 1), (120, 1), (180, 0), (240, 1), (300, 1))]
    assert [one.value for one in _run(_config("starts(a > 0)"), rows)] == [0, 0, 0, 1, 1]
    assert [one.value for one in _run(_config("held(a > 0)"), rows)] == [0, 60, 0, 0, 60]
    assert _run(_config("hours(a > 0)"), rows)[-1].value == pytest.approx(180 / 3600)


def test_a_grid_computes_at_full_multiples() -> None:
    found = _run(_config("a", every=10), [_row(3, 1), _row(12, 2), _row(35, 3)])
    assert [(one.time // _S, one.value) for one in found] == [(10, 1.0), (20, 2.0), (30, 2.0), (40, 3.0)]


def test_a_clock_that_jumps_by_a_year_does_not_make_a_year_of_values() -> None:
    found = _run(_config("a", every=1, gap=1e9), [_row(3, 1), _row(3 + 365 * 86400, 2)])
    assert len(found) < 1100


def test_a_group_is_taken_together() -> None:
    meters = Input((11, 12, 13), Kind.NUMBER, "sum")
    rows = [_row(1, 5, 11), _row(1, 6, 12), _row(1, 7, 13), _row(2, 1, 11)]
    found = _run(_config("all_meters / 2", all_meters=meters), rows)
    assert [one.value for one in found] == [9.0, 7.0]
    assert found[0].quality == Quality.GOOD
    assert _run(_config("all_meters", all_meters=meters), rows[:1])[0].quality == Quality.UNCERTAIN


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (_config("a", x=Input((1, 2))), "stands for 2 tags"),
        (_config("a", x=Input((_OUT,))), "its own input"),
        (_config("a", every=0.01), "too short"),
        (_config('"x" if a > 1 else "y"'), "the tag holds a number"),
        (ComputedConfig(1, 1, 9, Kind.NUMBER, "a", {"a": Input((1,))}, zone="Mars/Olympus"), "no time zone"),
    ],
)
def test_what_cannot_be_computed_is_refused(config: ComputedConfig, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        Calculation(config)


_HISTORIES = st.lists(
    st.tuples(st.integers(1, 400), st.integers(-5, 50), st.sampled_from([_A, _B]), st.sampled_from([0, 0, 0, 1, 2])),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_HISTORIES, st.sampled_from([0.0, 7.0]), st.integers(0, 59))
def test_a_restart_in_the_middle_changes_nothing(
    steps: list[tuple[int, int, int, int]], every: float, cut: int
) -> None:
    text = 'total(a, "h") + mean(b, "10m") + increase(a) + today(b) + held(a > 3) + first(rate(b), 0)'
    rows, time = [], 1_700_000_000
    for step, value, series, quality in steps:
        time += step
        rows.append(_row(time, float(value), series, quality))
    whole = _run(_config(text, every=every), rows)
    first = Calculation(_config(text, every=every))
    before = first.take(rows[:cut], 0)
    second = Calculation(_config(text, every=every))
    second.recall(first.memory())
    assert [*before, *second.take(rows[cut:], 0), *second.finish()] == whole


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(1, 90), st.floats(-1e6, 1e6)), min_size=1, max_size=80), st.integers(10, 3600))
def test_a_window_is_what_was_within_one_slot(steps: list[tuple[int, float]], length: int) -> None:
    window, time, samples = Window(length * _S), 10_000, []
    for step, value in steps:
        if samples:
            window.hold(samples[-1][0] * _S, (time + step) * _S, samples[-1][1])
        time += step
        window.take(time * _S, value)
        samples.append((time, value))
    window.advance(time * _S)
    assert window.least is not None
    assert window.most is not None
    inside = [value for at, value in samples if at > time - length]
    wider = [value for at, value in samples if at >= time - length - length / 300 - 1]
    held = [before for (_, before), (after, _) in pairwise(samples) if after > time - length - length / 300 - 1]
    assert min([*wider, *held]) <= window.least <= min(inside)
    assert max(inside) <= window.most <= max([*wider, *held])
    assert len(inside) <= window.count <= len(wider)


def test_a_window_costs_the_same_however_often_a_tag_speaks() -> None:
    window, rng = Window(600 * _S), random.Random(1)
    for number in range(50_000):
        window.hold(number * 10_000, (number + 1) * 10_000, rng.random())
        window.take((number + 1) * 10_000, rng.random())
    assert len(window.memory()) <= 302
    assert window.mean == pytest.approx(0.5, abs=0.02)

"""What a rule says of readings."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.data.alarms import bank, state
from gongfu.data.alarms.evaluate import Evaluator, as_columns
from gongfu.data.alarms.formula import compile_formula
from gongfu.data.alarms.rules import Binding, Direction, Kind, RuleConfig, Transition, check, text_code
from gongfu.kernel.errors import Invalid

S = 1_000_000
START = 1_700_000_000 * S


def rule(kind: Kind, limit: float = 0.0, *, number: int = 1, **more: object) -> RuleConfig:
    given_: dict[str, object] = {"bindings": [Binding(10, 5)], **more}
    return check(RuleConfig(id=number, org=1, kind=kind, limit=limit, **given_))  # type: ignore[arg-type]


def evaluator(*rules: RuleConfig) -> Evaluator:
    return Evaluator(bank.build(rules), START)


def told(found: list[Transition]) -> list[tuple[float, bool]]:
    """Seconds since the beginning, and whether it came or went."""
    return [((one.time - START) / S, one.active) for one in found]


def feed(to: Evaluator, *readings: tuple[float, float], series: int = 5, clock: int | None = None) -> list[Transition]:
    seconds, values = zip(*readings, strict=True)
    return to.take(*as_columns([series] * len(values), [START + int(s * S) for s in seconds], values), clock)


def test_a_limit_comes_beyond_it_and_goes_below_its_dead_band() -> None:
    one = evaluator(rule(Kind.HIGH, 80, deadband=5))
    assert told(feed(one, (0, 70), (1, 81), (2, 79), (3, 76), (4, 75), (5, 90))) == [(1, True), (4, False), (5, True)]


def test_a_low_limit_is_the_mirror() -> None:
    one = evaluator(rule(Kind.LOW_LOW, 10, deadband=1))
    assert told(feed(one, (0, 10), (1, 9), (2, 10.5), (3, 11))) == [(1, True), (3, False)]


def test_delays_are_kept_by_the_time_at_the_source() -> None:
    one = evaluator(rule(Kind.HIGH, 80, on_delay=3, off_delay=2))
    readings = [(0, 90), (2, 70), (3, 90), (6, 90), (7, 70), (8, 90), (9, 70), (12, 70)]
    assert told(feed(one, *readings)) == [(6, True), (11, False)]


def test_a_delay_ends_although_nobody_reports() -> None:
    one = evaluator(rule(Kind.HIGH, 80, on_delay=10))
    assert feed(one, (0, 90), clock=START) == []
    assert one.tick(START + 9 * S) == []
    assert told(one.tick(START + 11 * S)) == [(10, True)]
    assert one.tick(START + 20 * S) == []


def test_late_and_repeated_readings_change_nothing() -> None:
    one = evaluator(rule(Kind.HIGH, 80))
    assert told(feed(one, (10, 90))) == [(10, True)]
    assert feed(one, (5, 10)) == []
    assert feed(one, (10, 10)) == []
    assert one.ignored == 2
    assert told(feed(one, (11, 10))) == [(11, False)]


def test_a_source_whose_clock_was_set_back_is_followed_after_a_while() -> None:
    one = evaluator(rule(Kind.HIGH, 80))
    feed(one, (4000, 10), clock=START)
    assert feed(one, (400, 90), clock=START + 20 * S) == []
    assert told(feed(one, (411, 90), clock=START + 31 * S)) == [(411, True)]
    assert told(feed(one, (412, 10), clock=START + 32 * S)) == [(412, False)]


def test_missing_data_come_by_the_clock_and_go_with_the_next_reading() -> None:
    one = evaluator(rule(Kind.NO_DATA, window=30))
    feed(one, (0, 1), clock=START)
    assert one.tick(START + 29 * S) == []
    assert told(one.tick(START + 31 * S)) == [(30, True)]
    assert told(feed(one, (40, 1), clock=START + 40 * S)) == [(40, False)]
    assert told(feed(one, (100, 1), clock=None)) == [(70, True), (100, False)]


def test_who_never_reported_is_missing_too() -> None:
    one = evaluator(rule(Kind.NO_DATA, window=30))
    assert told(one.tick(START + 31 * S)) == [(30, True)]


def test_bad_readings_are_no_data_and_no_values() -> None:
    one = evaluator(rule(Kind.NO_DATA, window=30), rule(Kind.HIGH, 80, number=2), rule(Kind.BAD_QUALITY, number=3))
    columns = list(as_columns([5, 5], [START, START + 40 * S], [10, np.nan]))
    found = one.take(*columns, None)  # type: ignore[arg-type]
    assert [(one.rule, (one.time - START) // S, one.active) for one in found] == [(1, 30, True), (3, 40, True)]


def test_a_frozen_value_is_told_and_a_moving_one_is_not() -> None:
    one = evaluator(rule(Kind.FROZEN, window=10, deadband=0.1))
    moving = [(s, float(s)) for s in range(30)]
    assert feed(one, *moving) == []
    assert told(feed(one, *[(s, 7.05 if s % 2 else 7.0) for s in range(30, 60)])) == [(40, True)]
    assert told(feed(one, (60, 8.0))) == [(60, False)]


def test_a_rate_is_taken_over_its_window() -> None:
    one = evaluator(rule(Kind.RATE, 2.0, window=10, direction=Direction.UP))
    slow = [(s, s * 1.0) for s in range(60)]
    assert feed(one, *slow) == []
    assert [active for _, active in told(feed(one, *[(s, s * 5.0) for s in range(60, 90)]))] == [True]
    alone = evaluator(rule(Kind.RATE, 2.0))
    assert told(feed(alone, (0, 0), (1, 1), (2, 4), (3, 5))) == [(2, True), (3, False)]


def test_deviation_from_another_tag_follows_both() -> None:
    one = evaluator(rule(Kind.DEVIATION, 5, bindings=[Binding(10, 5, other=6)]))
    assert feed(one, (0, 50)) == []
    assert feed(one, (1, 52), series=6) == []
    assert told(feed(one, (2, 60), series=6)) == [(2, True)]
    assert told(feed(one, (3, 58))) == [(3, False)]


def test_a_gate_suppresses_by_design() -> None:
    one = evaluator(rule(Kind.LOW, 10, gate_value=1, bindings=[Binding(10, 5, gate=7)]))
    feed(one, (0, 0), series=7)
    assert feed(one, (1, 3)) == []
    assert told(feed(one, (2, 1), series=7)) == [(2, True)]
    ended = feed(one, (3, 0), series=7)
    assert told(ended) == [(3, False)]
    assert ended[0].reason == "suppressed"


def test_a_formula_names_several_tags() -> None:
    one = evaluator(rule(Kind.FORMULA, formula="flow < 5 and state == 1", bindings=[Binding(10, 5, inputs=[5, 6])]))
    assert feed(one, (0, 3)) == []
    assert told(feed(one, (1, 1), series=6)) == [(1, True)]
    assert told(feed(one, (2, 8))) == [(2, False)]


def test_a_formula_is_written_in_the_language_of_computed_tags() -> None:
    columns = {"flow": np.array([3.0, 9.0, np.nan]), "state": np.array([1.0, 1.0, 1.0])}
    for text in ("flow < 5 and state == 1", "flow ＜ 5 且 state == 1", "(1 if flow < 5 else 0) * clamp(state, 0, 1)"):
        formula = compile_formula(text)
        assert formula.names == ("flow", "state")
        np.testing.assert_array_equal(formula.evaluate(columns), [1.0, 0.0, np.nan])
    assert compile_formula("sqrt(state) > 0 or flow > 1").names == ("state", "flow")
    with pytest.raises(Invalid, match="has no memory"):
        compile_formula("mean(flow, '10m') > 3")


def test_a_text_is_compared_by_its_words() -> None:
    one = evaluator(rule(Kind.EQUALS, text="FAULT"))
    assert told(feed(one, (0, text_code("RUN")), (1, text_code("FAULT")))) == [(1, True)]


def test_readings_of_another_organisation_count_for_nothing() -> None:
    one = evaluator(rule(Kind.HIGH, 80))
    assert one.take(*as_columns([5], [START], [90.0], org=2), None) == []
    assert told(feed(one, (1, 90))) == [(1, True)]


def test_rules_that_change_keep_what_they_know_and_others_end() -> None:
    one = evaluator(rule(Kind.HIGH, 80), rule(Kind.HIGH, 80, number=2))
    feed(one, (0, 90))
    other = one.reconfigured(bank.build([rule(Kind.HIGH, 85), rule(Kind.LOW, 10, number=2)]), START)
    assert other.active() == [(1, 10)]
    assert [(gone.rule, gone.active, gone.reason) for gone in other.dropped] == [(2, False, "changed")]
    assert told(feed(other, (1, 84))) == [(1, False)]


RULES = (
    rule(Kind.HIGH, 5, deadband=2, on_delay=2, off_delay=1),
    rule(Kind.LOW, -5, number=2),
    rule(Kind.FROZEN, number=3, window=3),
    rule(Kind.NO_DATA, number=4, window=4),
    rule(Kind.RATE, 3, number=5, window=2),
    rule(Kind.DEVIATION, 4, number=6, setpoint=1, direction=Direction.DOWN),
    rule(Kind.EQUALS, 3, number=7, off_delay=2),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(-9, 9)), min_size=1, max_size=40),
    st.sets(st.integers(0, 40)),
    st.integers(0, 40),
)
def test_the_same_readings_in_other_batches_say_the_same(
    steps: list[tuple[int, int]], cuts: set[int], killed: int
) -> None:
    seconds = np.cumsum([step for step, _ in steps]).tolist()
    readings = [(float(s), float(v)) for s, (_, v) in zip(seconds, steps, strict=True)]
    whole = evaluator(*RULES)
    expected = feed(whole, *readings)
    parts = evaluator(*RULES)
    found: list[Transition] = []
    edges = sorted({0, *(cut for cut in cuts if cut < len(readings)), len(readings)})
    for begin, end in pairwise(edges):
        found += feed(parts, *readings[begin:end])
        if begin <= killed < end:  # written down, and what came before it delivered once more
            written = state.write(parts.bank, parts.state, parts.series, START)
            parts = evaluator(*RULES)
            state.read(written, parts.bank, parts.state, parts.series, START)
            found += feed(parts, *readings[begin:end])
    assert sorted(one.id for one in found) == sorted(one.id for one in expected)


def test_a_state_that_is_torn_is_refused() -> None:
    one = evaluator(*RULES)
    written = state.write(one.bank, one.state, one.series, START)
    for wrong in (b"", b"x", written[:-3], written[5:]):
        with pytest.raises(ValueError):  # noqa: PT011
            state.read(wrong, one.bank, one.state, one.series, START)


@pytest.mark.parametrize(
    "formula",
    [
        "",
        "1 + 1",
        "a.b",
        "a[0]",
        "a(1)",
        "__import__('os')",
        "mean(a, '10m') > 1",
        "total(a, 'h')",
        "a if b else",
        "(" * 300,
        "a+" * 300 + "a",
        "'x'",
        "abs()",
    ],
)
def test_a_formula_that_is_none_is_refused(formula: str) -> None:
    with pytest.raises(Invalid):
        check(RuleConfig(id=1, org=1, kind=Kind.FORMULA, formula=formula))


def test_ten_thousand_rules_meet_a_hundred_thousand_readings() -> None:
    rules = [rule(Kind.HIGH, 80, number=n, deadband=1, bindings=[Binding(n, n)]) for n in range(1, 10_001)]
    one = evaluator(*rules)
    series = np.tile(np.arange(1, 10_001), 10)
    times = np.repeat(START + np.arange(10) * S, 10_000)
    values = np.where((series % 100 == 0) & (times == START + 5 * S), 90.0, 10.0)
    bad = np.zeros(len(series), np.bool_)
    begin = time.process_time()
    found = one.take(series, np.ones(len(series), np.int64), times, values, bad, START)
    assert len(found) == 200
    assert time.process_time() - begin < 5

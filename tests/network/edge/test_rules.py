"""What local rules do, given values and time; and what no rule document can make them do."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.edge.contract import (
    Comparison,
    Condition,
    EdgeRules,
    EventAction,
    Rule,
    WriteAction,
    genuine,
    signed,
)
from gongfu.network.edge.control import raw_value
from gongfu.network.edge.rules import STALE, Engine, problems
from gongfu.network.gateway.config import TagConfig

OPEN = WriteAction(device=2, tag="valve", value=True)
SHUT = WriteAction(device=2, tag="valve", value=False)
KEY = "k" * 64


def hot(seconds: float = 0.0, pause: float = 0.0, deadband: float = 5.0) -> Rule:
    return Rule(
        number=1,
        name="too hot",
        when=[
            Condition(
                device=1,
                tag="temperature",
                comparison=Comparison.ABOVE,
                limit=80.0,
                deadband=deadband,
                seconds=seconds,
            )
        ],
        then=[OPEN, EventAction(text="too hot")],
        otherwise=[SHUT],
        pause=pause,
    )


def engine(*rules: Rule) -> Engine:
    return Engine(EdgeRules(edge="e", version=1, rules=list(rules)))


def acted(firings: object) -> list[bool]:
    return [firing.began for firing in firings]  # type: ignore[attr-defined]


def test_a_rule_acts_once_and_ends_when_the_value_is_back_by_its_deadband() -> None:
    one = engine(hot())
    assert acted(one.take(1, "temperature", 79.0, 0.0)) == []
    (firing,) = one.take(1, "temperature", 81.0, 1.0)
    assert firing.actions == [OPEN, EventAction(text="too hot")]
    assert acted(one.take(1, "temperature", 90.0, 2.0)) == []
    assert acted(one.take(1, "temperature", 76.0, 3.0)) == [], "within the dead-band"
    (firing,) = one.take(1, "temperature", 74.0, 4.0)
    assert (firing.began, firing.actions) == (False, [SHUT])


def test_a_rule_waits_for_its_seconds_even_when_no_value_comes() -> None:
    one = engine(hot(seconds=10))
    assert acted(one.take(1, "temperature", 85.0, 100.0)) == []
    assert acted(one.tick(109.9)) == []
    assert acted(one.tick(110.0)) == [True]


def test_an_interruption_starts_the_seconds_anew() -> None:
    one = engine(hot(seconds=10, deadband=0.0))
    one.take(1, "temperature", 85.0, 100.0)
    one.take(1, "temperature", 70.0, 105.0)
    one.take(1, "temperature", 85.0, 106.0)
    assert acted(one.tick(111.0)) == []
    assert acted(one.tick(116.0)) == [True]


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_bad_value_neither_starts_nor_ends_anything(value: float | None) -> None:
    one = engine(hot())
    assert acted(one.take(1, "temperature", value, 0.0)) == []
    assert acted(one.take(1, "temperature", 85.0, 1.0)) == [True]
    assert acted(one.take(1, "temperature", value, 2.0)) == []
    assert acted(one.tick(3.0)) == []


def test_an_old_value_makes_no_rule_act() -> None:
    one = engine(hot(seconds=STALE + 10))
    one.take(1, "temperature", 85.0, 0.0)
    assert acted(one.tick(STALE + 20)) == []


def test_every_condition_must_hold_and_the_pause_must_be_over() -> None:
    door = Condition(device=1, tag="door", comparison=Comparison.EQUAL, limit=1.0)
    one = engine(msgspec.structs.replace(hot(pause=60.0), when=[*hot().when, door]))
    assert acted(one.take(1, "temperature", 85.0, 0.0)) == []
    assert acted(one.take(1, "door", 1.0, 1.0)) == [True]
    assert acted(one.take(1, "door", 0.0, 2.0)) == [False]
    assert acted(one.take(1, "door", 1.0, 3.0)) == [], "the pause"
    assert acted(one.tick(61.0)) == [True]


def test_a_number_is_written_as_the_tag_scales_it() -> None:
    tag = TagConfig(series=1, name="speed", address="x", scale=0.1, offset=-40.0)
    assert raw_value(60.0, tag) == 1000.0
    assert raw_value(True, tag) is True


def test_rules_that_anyone_changed_are_not_the_nodes() -> None:
    rules = signed(EdgeRules(edge="e", version=3, rules=[hot()]), KEY)
    again = msgspec.json.decode(msgspec.json.encode(rules), type=EdgeRules)
    assert genuine(again, KEY)
    changed = msgspec.structs.replace(again, rules=[hot(seconds=1)])
    assert not genuine(changed, KEY)
    assert not genuine(again, "x" * 64)
    assert not genuine(msgspec.structs.replace(again, signature=""), KEY)


def test_what_cannot_be_obeyed_is_named() -> None:
    infinite = msgspec.structs.replace(hot(), then=[WriteAction(device=1, tag="x", value=math.inf)])
    assert problems(EdgeRules(edge="e", version=1, rules=[hot(), hot()]), "other") == [
        "made for e",
        "two rules have one number",
    ]
    assert problems(EdgeRules(edge="e", version=1, rules=[infinite]), "e") == ["rule 1: not a number"]


values = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))
conditions = st.builds(
    Condition,
    device=st.integers(1, 3),
    tag=st.sampled_from(["a", "b"]),
    comparison=st.sampled_from(list(Comparison)),
    limit=st.floats(-10, 10),
    deadband=st.floats(0, 5),
    seconds=st.floats(0, 20),
)
rules = st.builds(
    Rule,
    number=st.integers(1, 100),
    name=st.just("r"),
    when=st.lists(conditions, min_size=1, max_size=3),
    then=st.just([OPEN]),
    otherwise=st.just([SHUT]),
    pause=st.floats(0, 10),
)
steps = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["a", "b"]), values, st.floats(0, 30)), max_size=40)


@given(rules, steps)
def test_whatever_comes_a_rule_alternates_between_acting_and_ending(
    rule: Rule, given_steps: list[tuple[int, str, float | None, float]]
) -> None:
    one = engine(rule)
    at, seen = 0.0, []
    for device, tag, value, later in given_steps:
        at += later
        seen += acted(one.take(device, tag, value, at)) + acted(one.tick(at))
    assert seen == [number % 2 == 0 for number in range(len(seen))]


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_rules(data: bytes) -> None:
    try:
        msgspec.json.decode(data, type=EdgeRules)
    except msgspec.DecodeError:
        return

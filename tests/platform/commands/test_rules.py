"""What may be written: pure rules, and tickets that the gateway accepts once."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid
from gongfu.network.gateway import tickets
from gongfu.network.gateway.asking import Write
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.platform.commands import rules
from gongfu.platform.commands.rules import Bounds, Value

DEVICE = DeviceConfig(device=7, org=1, org_code="acme", name="press", driver="modbus")
KEY = b"secret"
values = st.one_of(st.floats(allow_nan=False), st.booleans(), st.text(max_size=20))


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1,5", "١٢ 3", "0x10"])
def test_what_is_no_number_is_refused_with_what_was_typed(text: str) -> None:
    with pytest.raises(Invalid, match="no number"):
        rules.parse_value("number", text)


@given(st.text(max_size=40), st.sampled_from(["number", "boolean", "text"]))
def test_whatever_is_typed_is_a_value_or_refused(text: str, kind: str) -> None:
    try:
        value = rules.parse_value(kind, text)
    except GongfuError:
        return
    assert rules.parse_value(kind, rules.said(value)) == (value if kind != "number" else pytest.approx(value))


@given(
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(0, 1e6),
    st.one_of(st.none(), st.floats(-2e6, 2e6)),
    st.floats(-2e6, 2e6),
)
def test_nothing_outside_limits_and_step_passes(
    low: float, width: float, step: float, now: float | None, value: float
) -> None:
    high = low + abs(width)
    try:
        rules.check(value, Bounds("number", low, high, step), now)
    except GongfuError:
        return
    assert low <= value <= high
    assert now is not None
    assert abs(value - now) <= step * 1.000001


@given(st.text(max_size=100))
def test_interlocks_are_conditions_or_refused(text: str) -> None:
    try:
        found = rules.parse_interlocks(text)
    except Invalid:
        return
    assert rules.parse_interlocks("\n".join(map(str, found))) == found


@given(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
def test_an_interlock_whose_tag_cannot_be_read_never_holds(operator: str) -> None:
    with pytest.raises(Conflict, match="cannot be read"):
        rules.require(rules.parse_interlocks(f"speed {operator} 5"), {"speed": None})
    with pytest.raises(Conflict):
        rules.require(rules.parse_interlocks(f"speed {operator} 5"), {})


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("state != 2", 2.0, False),
        ("state != 2", 1.0, True),
        ("speed <= 10", 10.0, True),
        ("speed < 10", 10.0, False),
        ("door = closed", "Closed", True),
        ("door != closed", "open", True),
        ("guard = on", True, True),
        ("guard = 0", True, False),
        ("door < 3", "open", False),
        ("speed = fast", 3.0, False),
    ],
)
def test_interlocks(condition: str, value: Value, holds: bool) -> None:
    interlocks = rules.parse_interlocks(condition)
    if holds:
        rules.require(interlocks, {interlocks[0].tag: value})
    else:
        with pytest.raises(Conflict):
            rules.require(interlocks, {interlocks[0].tag: value})


@given(st.floats(-1e5, 1e5), st.sampled_from([0.1, 1.0, 10.0, -2.0]), st.floats(-100, 100))
def test_what_is_written_is_what_is_read_by_the_same_scale(value: float, scale: float, offset: float) -> None:
    raw = rules.raw(value, scale, offset)
    assert isinstance(raw, float)
    assert rules.arrived(value, raw * scale + offset, 1e-6)
    assert not rules.arrived(value, value + 1.0, 0.5)


def write(ticket: str, value: Value = 5.0, address: str = "holding:0") -> Write:
    return Write(device=7, tag=TagConfig(series=1, name="speed", address=address), value=value, ticket=ticket)


def test_a_ticket_is_good_once_for_exactly_one_write() -> None:
    check = tickets.guard(KEY, clock=lambda: 1000.0)
    ticket = tickets.issue(KEY, 7, "holding:0", 5.0, clock=lambda: 1000.0)
    for other in (write(ticket, 6.0), write(ticket, True), write(ticket, "5.0"), write(ticket, address="holding:1")):
        with pytest.raises(Forbidden):
            check(other, DEVICE)
    with pytest.raises(Forbidden):
        check(write(tickets.issue(KEY, 8, "holding:0", 5.0, clock=lambda: 1000.0)), DEVICE)
    with pytest.raises(Forbidden):
        check(write(tickets.issue(b"another", 7, "holding:0", 5.0, clock=lambda: 1000.0)), DEVICE)
    check(write(ticket), DEVICE)
    with pytest.raises(Forbidden, match="used before"):
        check(write(ticket), DEVICE)


@pytest.mark.parametrize("now", [1000.0 + tickets.SECONDS + 1, 1000.0 - 2 * tickets.SECONDS])
def test_a_ticket_of_another_time_is_refused(now: float) -> None:
    ticket = tickets.issue(KEY, 7, "holding:0", 5.0, clock=lambda: 1000.0)
    with pytest.raises(Forbidden, match="clocks"):
        tickets.guard(KEY, clock=lambda: now)(write(ticket), DEVICE)


@given(st.text(max_size=80), values)
def test_no_ticket_is_so_wrong_that_the_guard_breaks(ticket: str, value: Value) -> None:
    with pytest.raises(Forbidden):
        tickets.guard(KEY)(write(ticket, value), DEVICE)


def test_used_tickets_are_forgotten_when_they_are_over() -> None:
    now = [1000.0]
    check = tickets.guard(KEY, clock=lambda: now[0])
    for _ in range(100):
        check(write(tickets.issue(KEY, 7, "holding:0", 5.0, clock=lambda: now[0])), DEVICE)
        now[0] += 1.0
    assert math.isfinite(now[0])

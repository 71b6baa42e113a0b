"""Levels, rates and next steps, as a report would state them."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.data.retrofit import rules
from gongfu.data.retrofit.rules import Evidence, Interface, Judged, Level, Situation
from gongfu.kernel.errors import GongfuError

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
FRESH, OLD = NOW - dt.timedelta(days=29), NOW - dt.timedelta(days=31)


@pytest.mark.parametrize(
    ("evidence", "level", "cloud"),
    [
        (Evidence(), Level.DUMB, False),
        (Evidence(delivered=OLD, roles={"state": OLD}), Level.DUMB, False),
        (Evidence(delivered=FRESH), Level.DELIVERING, False),
        (Evidence(delivered=FRESH, roles={"power": FRESH}), Level.DELIVERING, True),
        (Evidence(delivered=FRESH, roles={"state": FRESH, "count": OLD}), Level.STATE, True),
        (Evidence(delivered=FRESH, roles={"state": FRESH, "count": FRESH}), Level.MEASURED, True),
        (
            Evidence(delivered=FRESH, roles={"state": FRESH, "energy": FRESH}, commanded=OLD),
            Level.CONTROLLED,
            True,
        ),
        (Evidence(delivered=FRESH, commanded=FRESH), Level.DELIVERING, False),
        (Evidence(delivered=OLD, roles={"state": FRESH}), Level.DUMB, False),
    ],
)
def test_a_level_is_what_stored_data_show(evidence: Evidence, level: Level, cloud: bool) -> None:
    judged = rules.judge(evidence, NOW)
    assert (judged.level, judged.on_cloud) == (level, cloud)


def test_the_rates_of_a_workshop_of_ten() -> None:
    machines = [
        *[Judged(Level.DUMB, False, False)] * 4,
        *[Judged(Level.DUMB, False, True)] * 1,
        *[Judged(Level.DELIVERING, False, True)] * 2,
        *[Judged(Level.MEASURED, True, True)] * 3,
    ]
    found = rules.rates(machines)
    assert (found.connection_rate, found.cloud_rate) == (50.0, 30.0)
    assert (found.digital_rate, found.digital_connection_rate) == (60.0, 83.3)
    assert found.levels == (5, 2, 0, 3, 0)


def test_no_machines_have_no_rate() -> None:
    assert rules.rates([]).connection_rate is None


@given(st.lists(st.builds(Judged, st.sampled_from(Level), st.booleans(), st.booleans()), max_size=40))
def test_rates_lie_between_nothing_and_all(machines: list[Judged]) -> None:
    found = rules.rates(machines)
    assert sum(found.levels) == found.machines
    for rate in (found.connection_rate, found.digital_connection_rate):
        assert rate is None or 0 <= rate <= 100


def test_a_definition_is_the_one_in_force_on_the_day() -> None:
    assert rules.definition(dt.date(2026, 11, 21)).days == 30
    assert rules.definition(dt.date(1999, 1, 1)) == rules.DEFINITIONS[0]


@pytest.mark.parametrize(
    ("situation", "part", "cost"),
    [
        (Situation(level=Level.DUMB), "current clamp", 1000),
        (Situation(level=Level.DUMB, interfaces=frozenset({Interface.STACK_LIGHT, Interface.PULSE})), "pulse", 700),
        (
            Situation(level=Level.DUMB, interfaces=frozenset({Interface.ETHERNET}), controller="SIEMENS 828D"),
            "network port",
            500,
        ),
        (Situation(level=Level.DUMB, linked=True), "silent", 0),
        (Situation(level=Level.DELIVERING, linked=True, clamp="Current"), "Derive its state", 0),
        (Situation(level=Level.STATE, linked=True), "energy meter", 600),
        (Situation(level=Level.MEASURED, linked=True, writes=True), "set-point", 0),
    ],
)
def test_the_cheapest_next_step_follows_from_what_a_machine_offers(situation: Situation, part: str, cost: int) -> None:
    step = rules.next_steps(situation)[0]
    assert part in step.what
    assert step.cost == cost
    assert step.reaches > situation.level


def test_a_two_way_machine_needs_nothing() -> None:
    assert rules.next_steps(Situation(level=Level.CONTROLLED, writes=True)) == []


@pytest.mark.parametrize(
    ("controller", "driver"),
    [("西门子 S7-1200", "s7"), ("三菱 FX5U", "melsec"), ("FANUC 0i", "mtconnect"), ("", "modbus")],
)
def test_a_controller_names_the_driver_to_try(controller: str, driver: str) -> None:
    assert rules.driver_for(controller) == driver


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_file_breaks_the_reader(data: bytes) -> None:
    from gongfu.data.retrofit import sheet

    with contextlib.suppress(GongfuError):
        sheet.read(data, "x.csv")

"""Figures worked out by hand, and what holds for any durations and counts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gongfu.data.performance import rules
from gongfu.data.performance.rules import Loss, Note, Sums, judge, together
from gongfu.data.performance.standing import standings

H = 3600.0
# An eight hour shift with half an hour of breaks; 20 min of faults, 40 min of changeover, 30 min of waiting.
SHIFT = Sums(
    calendar=8 * H,
    planned=7.5 * H,
    states={"running": 6 * H, "fault": H / 3, "setup": 2 * H / 3, "idle": H / 2},
    outside={"idle": H / 2},
    pieces=324.0,
    possible=360.0,  # a minute a piece
    rejects=27.0,
    start_up=9.0,
)


def test_a_shift_worked_out_by_hand() -> None:
    """A = 6/7.5 = 80 %, P = 324/360 = 90 %, Q = 297/324 = 91.7 %; good time 297 min of 450 min planned = 66 %."""
    found = judge(SHIFT)
    assert found.availability.percent == 80.0
    assert found.performance.percent == 90.0
    assert found.quality.percent == 91.7
    assert found.oee == pytest.approx(297 / 450)
    assert found.utilisation.percent == 75.0
    assert {one.loss: round(one.seconds / 60) for one in found.losses} == {
        Loss.SETUP: 40,
        Loss.SPEED: 36,
        Loss.IDLING: 30,
        Loss.BREAKDOWN: 20,
        Loss.DEFECTS: 18,
        Loss.START_UP: 9,
    }
    assert found.lost / 60 == pytest.approx(450 - 297)  # every minute that is not good is somewhere


def test_performance_above_what_is_possible_says_that_the_ideal_cycle_is_wrong() -> None:
    found = judge(rules.msgspec.structs.replace(SHIFT, pieces=720.0))
    assert found.performance.value is None
    assert Note.CYCLE_WRONG in found.notes
    assert found.oee is None
    assert found.at_most == pytest.approx(0.8 * (720 - 27) / 720)


def test_a_piece_that_was_begun_before_is_no_wrong_cycle() -> None:
    found = judge(rules.msgspec.structs.replace(SHIFT, pieces=361.0))
    assert found.performance.percent == 100.0
    assert Note.CYCLE_WRONG not in found.notes


def test_without_rejects_quality_is_unknown_and_oee_only_an_upper_bound() -> None:
    found = judge(rules.msgspec.structs.replace(SHIFT, rejects=None))
    assert (found.quality.value, found.oee) == (None, None)
    assert found.percent == 72.0
    assert Note.NO_REJECTS in found.notes


def test_without_a_state_nothing_is_said() -> None:
    found = judge(Sums(calendar=8 * H, planned=8 * H, pieces=10.0, notes=frozenset({Note.NO_STATE})))
    assert (found.at_most, found.availability.value, found.losses) == (None, None, ())


def test_gaps_are_neither_operation_nor_loss_and_too_many_leave_it_unknown() -> None:
    part = judge(Sums(calendar=8 * H, planned=8 * H, states={"running": 3 * H, "idle": 2 * H}))
    assert part.availability.percent == 60.0
    assert Note.STATE_GAPS in part.notes
    assert part.confidence == pytest.approx(5 / 8)
    assert judge(Sums(calendar=8 * H, planned=8 * H, states={"running": 3 * H})).availability.value is None


def test_time_for_which_nothing_was_planned_is_no_loss() -> None:
    found = judge(Sums(calendar=8 * H, outside={"off": 8 * H}))
    assert (found.at_most, found.losses) == (None, ())
    assert Note.NOTHING_PLANNED in found.notes


def test_a_reason_moves_time_from_what_the_machine_says_to_what_people_say() -> None:
    told = rules.msgspec.structs.replace(
        SHIFT, states={**SHIFT.states, "idle": 0.0, "fault": 0.0}, reasons={4: H / 2, 5: H / 3}
    )
    found = judge(told, {4: Loss.IDLING, 5: Loss.PLANNED})
    assert [(one.loss, one.reason) for one in found.losses][2] == (Loss.IDLING, 4)
    assert found.availability.value == pytest.approx(6 * 60 / (450 - 20))
    assert [one.reason for one in found.excused] == [5]


def test_two_machines_count_by_their_time() -> None:
    small = judge(Sums(calendar=H, planned=H, states={"running": H}))
    large = judge(Sums(calendar=9 * H, planned=9 * H, states={"off": 9 * H}))
    assert together([small, large]).availability.percent == 10.0
    assert not together([small, large]).known


SECONDS = st.floats(0, 1e6, allow_nan=False)
SUMS = st.builds(
    lambda states, outside, gap, pieces, possible, rejects, start_up: Sums(
        calendar=sum(states.values()) + sum(outside.values()) + gap,
        planned=sum(states.values()) + gap,
        states=states,
        outside=outside,
        pieces=pieces,
        possible=possible,
        rejects=rejects,
        start_up=start_up,
    ),
    st.fixed_dictionaries(dict.fromkeys(rules.STATES, SECONDS)),
    st.fixed_dictionaries(dict.fromkeys(rules.STATES, SECONDS)),
    SECONDS,
    st.none() | SECONDS,
    st.none() | SECONDS,
    st.none() | SECONDS,
    SECONDS,
)


TINY = Sums(calendar=1.0, planned=1.0, states={"running": 1.0}, pieces=5e-324, possible=5e-324, rejects=5e-324)


@given(SUMS)
@example(TINY)
def test_no_figure_is_above_what_is_possible(sums: Sums) -> None:
    found = judge(sums)
    for figure in (found.availability, found.performance, found.quality, found.utilisation):
        assert figure.value is None or 0 <= figure.value <= 1
    assert found.at_most is None or 0 <= found.at_most <= 1
    assert found.lost <= sums.planned * (1 + 1e-9) + 1e-6
    assert all(one.seconds > 0 for one in found.losses)


@given(st.lists(SUMS, min_size=1, max_size=5), st.randoms())
def test_sums_add_up_in_any_order(parts: list[Sums], random: object) -> None:
    forward, backward = Sums(), Sums()
    for one in parts:
        forward += one
    for one in reversed(parts):
        backward += one
    assert forward.states == pytest.approx(backward.states)
    assert forward.planned == pytest.approx(sum(one.planned for one in parts))
    assert (forward.pieces is None) == all(one.pieces is None for one in parts)


@given(st.lists(SUMS, max_size=5))
def test_many_machines_stay_between_their_worst_and_their_best(parts: list[Sums]) -> None:
    machines = [judge(one) for one in parts]
    values = [one.availability.value for one in machines if one.availability.value is not None]
    whole = together(machines).availability.value
    assert whole is None or min(values) - 1e-9 <= whole <= max(values) + 1e-9


# stretches in which a machine stood
def test_a_stop_is_what_lies_between_two_times_in_operation() -> None:
    changes = [(0.0, "running", False), (100.0, "idle", False), (160.0, "fault", False), (400.0, "running", False)]
    (one,) = standings(changes, 0.0, 500.0, 3600)
    assert (one.start, one.end, one.state) == (100.0, 400.0, "fault")


def test_silence_ends_a_stop_after_the_time_a_state_is_held() -> None:
    (one,) = standings([(100.0, "idle", True)], 0.0, 9000.0, 3600)
    assert (one.start, one.end) == (100.0, 3700.0)


@given(
    st.lists(
        st.tuples(st.floats(-100, 1000), st.sampled_from([None, "running", "idle", "fault", "off"]), st.booleans()),
        max_size=20,
    ),
    st.randoms(),
)
def test_stops_do_not_overlap_whatever_the_order_of_readings(changes: list, random: object) -> None:  # type: ignore[type-arg]
    found = standings(changes, 0.0, 800.0, 60.0)
    assert all(0 <= one.start < one.end <= 800 for one in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    distinct = list({at: (at, state, silent) for at, state, silent in changes}.values())
    random.shuffle(distinct)  # type: ignore[attr-defined]
    assert standings(distinct, 0.0, 800.0, 60.0) == standings(
        sorted(distinct, key=lambda one: one[0]), 0.0, 800.0, 60.0
    )

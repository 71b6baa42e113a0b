"""What was forwarded is remembered through every crash; times of a wrong clock are corrected, or marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.kernel import readings
from gongfu.kernel.readings import Quality
from gongfu.network.edge.clock import Clock
from gongfu.network.edge.contract import ForwardOrder
from gongfu.network.edge.ledger import UNKNOWN_SHIFT, Block, Ledger
from gongfu.network.edge.packing import Stored, corrected, pack_readings
from tests.network.edge.rig import batch

NEWEST, OLDEST = ForwardOrder.NEWEST, ForwardOrder.OLDEST


def test_a_crash_between_sending_and_confirming_sends_the_same_block_again(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l", "a") as ledger:
        ledger.plan(Block(1, 10, 5))
        ledger.plan(Block(11, 20))
        ledger.confirm(11, 20)
    with Ledger(tmp_path / "l", "a") as ledger:
        assert list(ledger.sent.values()) == [Block(1, 10, 5)]
        assert (ledger.floor, ledger.next(OLDEST, 30, 100)) == (0, (21, 30))
        assert ledger.confirm(1, 10)
        assert ledger.floor == 20


def test_a_line_that_was_cut_off_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l", "a") as ledger:
        ledger.plan(Block(1, 10))
    with (tmp_path / "l").open("ab") as file:
        file.write(b'["done",1,')
    with Ledger(tmp_path / "l", "a") as ledger:
        assert ledger.sent == {1: Block(1, 10)}


def test_of_another_stream_nothing_was_forwarded(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l", "a") as ledger:
        ledger.confirm(1, 10)
    with Ledger(tmp_path / "l", "b") as ledger:
        assert (ledger.floor, ledger.next(OLDEST, 10, 4)) == (0, (1, 4))


def test_newest_first_takes_what_is_new_before_the_rest_of_the_backlog(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l", "a") as ledger:
        taken = []
        last = 100
        while interval := ledger.next(NEWEST, last, 30):
            taken.append(interval)
            ledger.plan(Block(*interval))
            if last == 100:
                last = 103  # meanwhile something was read
        assert taken == [(71, 100), (101, 103), (41, 70), (11, 40), (1, 10)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([NEWEST, OLDEST]), st.integers(1, 9), st.booleans()), max_size=40))
def test_in_whatever_order_everything_is_sent_once(
    tmp_path_factory: object, moves: list[tuple[ForwardOrder, int, bool]]
) -> None:
    folder: Path = tmp_path_factory.mktemp("ledger")  # type: ignore[attr-defined]
    seen: list[int] = []
    last, sent = 0, []
    ledger = Ledger(folder / "l", "a")
    for order, most, confirm in moves:
        last += most
        if interval := ledger.next(order, last, most):
            ledger.plan(Block(*interval))
            sent.append(interval)
            seen += range(interval[0], interval[1] + 1)
        if confirm and sent:
            ledger.confirm(*sent.pop())
            ledger.close()
            ledger = Ledger(folder / "l", "a")
    while interval := ledger.next(OLDEST, last, 7):
        ledger.plan(Block(*interval))
        seen += range(interval[0], interval[1] + 1)
    ledger.close()
    assert sorted(seen) == list(range(1, last + 1))


def test_the_same_block_makes_the_same_messages(tmp_path: Path) -> None:
    stored = [Stored(one, f"readings.1.{5 + one % 2}", readings.encode(batch(one, 10, at=10))) for one in range(20)]
    stored.append(Stored(20, "readings.1.5", b"no readings"))
    first, second = (pack_readings(stored, Block(0, 20), "edge-r") for _ in range(2))
    assert first == second
    assert [(out.subject, out.rows) for out in first] == [
        ("readings.1.5", 100),
        ("readings.1.6", 100),
        ("readings.1.5", 0),
    ]
    assert len({out.id for out in first}) == 3


def test_of_a_clock_nobody_can_account_for_times_stay_and_are_uncertain() -> None:
    own = batch(0, 2, at=1_000_000_000)
    own = readings.Readings(
        own.org, own.device, own.arrived, own.series, np.array([1_000_000_000, 5]), own.values, own.qualities, []
    )
    got = corrected(own, UNKNOWN_SHIFT)
    assert got.times.tolist() == [1_000_000_000, 5]
    assert got.qualities.tolist() == [Quality.UNCERTAIN, Quality.GOOD]


def test_a_jump_of_the_clock_while_cut_off_is_corrected_for_both_sides(tmp_path: Path) -> None:
    hour = 3_600_000_000
    wall, boot = 1_000 * hour, 10 * hour
    clock = Clock(tmp_path / "c", "boot", lambda: (wall, boot))
    assert not clock.look({"READINGS": 0})
    boot += hour
    wall += hour + 2 * hour  # somebody set it two hours ahead
    assert clock.look({"READINGS": 40})
    clock.measure(wall - hour, wall, wall)  # and the node says that it is one hour too much
    assert clock.shift("READINGS", 10) == (hour, 41)
    assert clock.shift("READINGS", 41) == (-hour, None)
    later = Clock(tmp_path / "c", "next boot", lambda: (5 * hour, 0))
    later.look({"READINGS": 50})
    assert later.shift("READINGS", 60)[0] == UNKNOWN_SHIFT
    assert later.shift("READINGS", 10) == (hour, 41)

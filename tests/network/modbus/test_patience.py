"""Dead units of a shared line rest, the living are read."""

from __future__ import annotations

from gongfu.network.drivers.modbus.patience import LONGEST, Patience


def test_a_unit_that_is_alone_is_asked_again_at_once() -> None:
    line = Patience()
    for now in range(10):
        line.silent(1, 3.0, float(now))
        assert line.rest(1, float(now)) == 0


def test_one_lost_answer_costs_no_rest() -> None:
    line = Patience()
    line.answered(1)
    line.answered(2)
    line.silent(2, 3.0, 0.0)
    assert line.rest(2, 0.0) == 0


def test_a_dead_unit_rests_longer_and_longer_until_it_answers() -> None:
    line = Patience()
    line.answered(1)
    rests = []
    now = 0.0
    for _ in range(10):
        line.silent(2, 1.0, now)
        rests.append(line.rest(2, now))
        now += rests[-1]
    assert rests[:4] == [0.0, 3.0, 4.0, 8.0]
    assert rests[-1] == LONGEST
    assert line.rest(1, now) == 0
    line.answered(2)
    assert line.rest(2, now) == 0


def test_all_the_dead_together_have_a_quarter_of_the_line() -> None:
    line = Patience()
    line.answered(1)
    dead, now, lost = range(2, 30), 0.0, 0.0
    for unit in dead:
        line.silent(unit, 1.0, now)
        line.silent(unit, 1.0, now)
    now += 3.0
    while now < 1000:
        asked = next((unit for unit in dead if line.rest(unit, now) == 0), None)
        now += 1.0
        if asked is not None:
            line.silent(asked, 1.0, now)
            lost += 1.0
    assert lost <= 250

"""Rounds of datagrams are gathered when many ask, and only then."""

from gongfu.identity.resolver.server import MANY, Gathering


def _waits(per_s: int, each: int, seconds: float = 1.0) -> float:
    """The share of rounds that a pause follows, when rounds of ``each`` come ``per_s`` datagrams a second."""
    gathering = Gathering()
    rounds = int(per_s * seconds / each)
    return sum(gathering.pays(each, 100 + number * each / per_s) for number in range(rounds)) / rounds


def test_a_client_that_waits_for_each_answer_never_waits_longer() -> None:
    assert _waits(MANY // 2, 1) == 0


def test_when_many_ask_small_rounds_are_gathered() -> None:
    assert _waits(2 * MANY, 2) > 0.9


def test_full_rounds_follow_each_other_at_once() -> None:
    assert _waits(5 * MANY, 64) == 0


def test_it_ends_when_fewer_ask() -> None:
    gathering = Gathering()
    for number in range(1000):
        gathering.pays(2, 100 + number * 2 / (2 * MANY))
    assert gathering.pays(2, 100 + 1000 / MANY)
    gathering.pays(1, 110)
    assert not gathering.pays(1, 110.001)
    assert not gathering.pays(0, 110.2)

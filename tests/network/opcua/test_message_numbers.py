"""Which messages of a subscription did not come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.opcua.message_numbers import MOST, MessageNumbers

LAST = 2**32 - 1


def test_nothing_is_missing_while_numbers_follow_each_other() -> None:
    numbers = MessageNumbers()
    assert [numbers.missing(n, holds_data=True) for n in (1, 2, 3)] == [[], [], []]
    assert numbers.missing(4, holds_data=False) == []  # a keep-alive tells the number to come
    assert numbers.missing(4, holds_data=True) == []


def test_a_gap_is_seen_by_data_and_by_keep_alive() -> None:
    numbers = MessageNumbers()
    numbers.missing(7, holds_data=True)
    assert numbers.missing(10, holds_data=True) == [8, 9]
    assert numbers.missing(12, holds_data=False) == [11]
    assert numbers.missing(12, holds_data=True) == []


def test_after_the_last_number_comes_one_and_never_zero() -> None:
    numbers = MessageNumbers()
    numbers.missing(LAST - 1, holds_data=True)
    assert numbers.missing(2, holds_data=True) == [LAST, 1]
    numbers = MessageNumbers()
    numbers.missing(LAST, holds_data=True)
    assert numbers.missing(1, holds_data=True) == []


def test_a_number_that_goes_back_is_taken_as_it_is() -> None:
    numbers = MessageNumbers()
    numbers.missing(500, holds_data=True)
    assert numbers.missing(1, holds_data=True) == []
    assert numbers.missing(2, holds_data=True) == []


@given(st.lists(st.tuples(st.integers(-1, 2**33), st.booleans())))
def test_whatever_a_server_numbers_the_gap_is_short_and_in_range(messages: list[tuple[int, bool]]) -> None:
    numbers = MessageNumbers()
    for number, holds_data in messages:
        missing = numbers.missing(number, holds_data=holds_data)
        assert len(missing) <= MOST
        assert all(0 < each <= LAST and each != number for each in missing)

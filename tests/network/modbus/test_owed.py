"""A question whose answer cannot be a late one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.modbus.owed import FORGOTTEN, Owed
from gongfu.network.drivers.modbus.wire import Framing, Request, encode, find

reads = st.builds(
    lambda function, offset, count: bytes([function]) + offset.to_bytes(2, "big") + count.to_bytes(2, "big"),
    st.sampled_from([1, 2, 3, 4]),
    st.integers(0, 65535),
    st.integers(1, 120),
)


@given(st.lists(reads, min_size=1, max_size=8))
def test_no_late_answer_passes_for_that_to_the_question(pdus: list[bytes]) -> None:
    owed = Owed()
    for pdu in pdus:
        owed.silent(1, pdu, 0.0)
    question = owed.question(1, 1.0)
    for pdu in pdus:
        count = int.from_bytes(pdu[3:5], "big")
        size = 2 * count if pdu[0] > 2 else (count + 7) // 8
        late = encode(Framing.RTU, 1, bytes([pdu[0], size]) + bytes(size))
        assert find(Request(Framing.RTU, 1, question), late).answer == b""
    assert question[:3] == pdus[-1][:3]


def test_who_owes_nothing_is_asked_nothing() -> None:
    owed = Owed()
    assert owed.question(1, 0.0) == b""
    owed.silent(1, bytes.fromhex("0600010001"), 0.0)  # the answer to a write tells what was written
    assert owed.question(1, 0.0) == b""
    owed.silent(1, bytes.fromhex("0300010001"), 0.0)
    assert owed.question(1, 1.0) == bytes.fromhex("0300010002")
    assert owed.any(1.0)
    assert owed.question(2, 1.0) == b""
    owed.settled(1)
    assert owed.question(1, 1.0) == b""


def test_an_answer_that_is_too_old_does_not_come_any_more() -> None:
    owed = Owed()
    owed.silent(1, bytes.fromhex("0300010001"), 0.0)
    assert owed.question(1, FORGOTTEN + 1) == b""
    assert not owed.any(FORGOTTEN + 1)

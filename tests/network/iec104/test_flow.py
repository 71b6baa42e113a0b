"""Sequence numbers as a captured connection counts them, and connections that miscount."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.iec104 import wire
from gongfu.network.drivers.iec104.flow import Flow, OutOfSequence
from gongfu.network.drivers.iec104.wire import Information, Supervisory

from .capture import CAPTURE, frames


def test_a_captured_connection_counts_as_this_one() -> None:
    ours, theirs = Flow(12, 8), Flow(40, 8)
    for direction, data in frames(CAPTURE):
        frame = wire.decode_frame(data)
        if not isinstance(frame, Information | Supervisory):
            continue
        sender, receiver = (ours, theirs) if direction == ">" else (theirs, ours)
        receiver.take(frame, 0.0)
        if isinstance(frame, Information):
            assert sender.send(frame.asdu, 0.0).send == frame.send
        else:
            assert sender.confirm() == frame


def test_a_lost_frame_and_one_twice_are_noticed() -> None:
    flow = Flow(12, 8)
    flow.take(Information(0, 0, b""), 0.0)
    with pytest.raises(OutOfSequence, match="frame 2 instead of 1"):
        flow.take(Information(2, 0, b""), 0.0)
    with pytest.raises(OutOfSequence, match="frame 0 instead of 1"):
        flow.take(Information(0, 0, b""), 0.0)


def test_a_confirmation_of_what_was_not_sent_is_noticed() -> None:
    flow = Flow(12, 8)
    flow.send(b"", 0.0)
    flow.send(b"", 0.0)
    flow.take(Supervisory(1), 0.0)
    for wrong in (0, 3, 32767):
        with pytest.raises(OutOfSequence, match="confirmed"):
            flow.take(Supervisory(wrong), 0.0)
    flow.take(Supervisory(2), 0.0)
    assert flow.oldest_sent is None


def test_no_more_than_k_frames_are_on_their_way_and_w_are_confirmed() -> None:
    flow = Flow(2, 3)
    flow.send(b"", 1.0)
    flow.send(b"", 2.0)
    assert not flow.may_send
    assert flow.oldest_sent == 1.0
    flow.take(Supervisory(1), 3.0)
    assert flow.may_send
    assert flow.oldest_sent == 2.0
    for number in range(3):
        assert not flow.must_confirm
        flow.take(Information(number, 2, b""), 4.0 + number)
    assert flow.must_confirm
    assert flow.oldest_received == 4.0
    assert flow.confirm() == Supervisory(3)
    assert flow.oldest_received is None


@given(st.lists(st.sampled_from(["send", "receive", "confirm"]), max_size=80), st.integers(0, 32767))
def test_two_ends_agree_over_the_turn_of_the_numbers(steps: list[str], start: int) -> None:
    left, right = Flow(200, 8), Flow(200, 8)
    for flow in (left, right):
        flow._send = flow._receive = start
    for step in steps:
        sender, receiver = (left, right) if step == "send" else (right, left)
        if step == "confirm":
            right.take(left.confirm(), 0.0)
        else:
            receiver.take(sender.send(b"", 0.0), 0.0)
    right.take(left.confirm(), 0.0)
    left.take(right.confirm(), 0.0)
    assert left.oldest_sent is None
    assert right.oldest_sent is None

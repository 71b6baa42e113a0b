"""Messages longer than a packet."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import MAX_PACKET, EnvelopeFlag
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.fragments import PIECE, Assembly, split


def join(packets: list[bytes]) -> bytes | None:
    assembly = Assembly(wire.decode_envelope(packets[0]))
    whole = None
    for packet in packets:
        whole = assembly.add(wire.decode_envelope(packet), packet[20:]) or whole
    return whole


@settings(max_examples=60, deadline=None)
@given(st.integers(PIECE + 1, 8_000), st.randoms())
def test_packets_in_any_order_and_repeated_make_the_message(length: int, random: Random) -> None:
    payload = random.randbytes(length)
    packets = split(wire.Envelope(5, length), payload)
    assert all(len(packet) <= MAX_PACKET for packet in packets)
    assert all(wire.decode_envelope(packet).flags & EnvelopeFlag.TRUNCATED for packet in packets)
    packets += packets[:1]
    random.shuffle(packets)
    assert join(packets) == payload


@pytest.mark.parametrize(("length", "number"), [(1, 1), (PIECE, 1), (PIECE + 1, 2), (2 * PIECE, 2), (2 * PIECE + 1, 3)])
def test_a_packet_is_filled_before_the_next_begins(length: int, number: int) -> None:
    assert len(split(wire.Envelope(5, length), bytes(length))) == number


def test_a_missing_packet_leaves_the_message_incomplete() -> None:
    packets = split(wire.Envelope(5, 1_200), bytes(1_200))
    assert join(packets[:-1]) is None


@pytest.mark.parametrize(
    ("sequence", "length", "size"),
    [(3, 1_200, 10), (2**32 - 1, 1_200, PIECE), (0, 1_200, PIECE - 1), (0, 1_201, PIECE), (2, 1_200, PIECE)],
)
def test_a_packet_that_does_not_fit_its_message_is_refused(sequence: int, length: int, size: int) -> None:
    assembly = Assembly(wire.Envelope(5, 1_200))
    with pytest.raises(Malformed):
        assembly.add(wire.Envelope(5, length, sequence), bytes(size))

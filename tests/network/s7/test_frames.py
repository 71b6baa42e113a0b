"""Frames of S7 as python-snap7 makes and reads them, and bytes that are none."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snap7.async_client import AsyncISOTCPConnection
from snap7.datatypes import S7WordLen
from snap7.error import S7Error
from snap7.s7protocol import S7Protocol

from gongfu.network.drivers.s7 import frames


def answer(data: bytes, size: int = 0x04, code: int = 0xFF) -> bytes:
    """A good answer to a read, in the layout of the library."""
    length = len(data) * 8 if size in (4, 5) else len(data)
    head = struct.pack(">BBHHHHBB", 0x32, 3, 0, 1, 2, 4 + len(data), 0, 0)
    return head + bytes((4, 1, code, size)) + length.to_bytes(2, "big") + data


def by_the_library(pdu: bytes, size: int) -> bytes | None:
    protocol = S7Protocol()
    try:
        return bytes(protocol.extract_read_data(protocol.parse_response(pdu), S7WordLen.BYTE, size))
    except (S7Error, struct.error, IndexError):
        return None


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
@given(st.binary(min_size=1, max_size=200), st.sampled_from([3, 4, 5, 6, 7, 9]))
def test_what_was_read_is_what_the_library_reads(data: bytes, size: int) -> None:
    pdu = answer(data, size)
    assert frames.data_of_read(pdu, len(data)) == data == by_the_library(pdu, len(data))


@given(st.binary(min_size=1, max_size=30), st.integers(0, 60), st.integers(0, 255), st.integers(-1, 1))
def test_a_damaged_answer_is_never_taken_for_another_value(data: bytes, place: int, byte: int, longer: int) -> None:
    pdu = bytearray(answer(data))
    if place < 18:
        pdu[place] = byte
    changed = bytes(pdu)[: len(pdu) + min(longer, 0)] + bytes(max(longer, 0))
    found = frames.data_of_read(changed, len(data))
    assert found is None or found == data


@given(st.binary(max_size=60), st.integers(1, 40))
def test_no_bytes_do_more_than_say_no(noise: bytes, size: int) -> None:
    found = frames.data_of_read(noise, size)
    assert found is None or len(found) == size
    for look in (frames.rest, frames.unwrap):
        try:
            look(noise.ljust(4, b"\0"))
        except ValueError:
            continue


def test_a_frame_is_that_of_the_library() -> None:
    library = AsyncISOTCPConnection("127.0.0.1")
    pdu = b"\x32\x01\0\0\0\x01\0\0\0\0"
    assert frames.wrap(pdu) == library._build_tpkt(b"\x02\xf0\x80" + pdu)
    head = frames.wrap(pdu)[: frames.HEAD]
    assert frames.unwrap(frames.wrap(pdu)[frames.HEAD :][: frames.rest(head)]) == pdu
    with pytest.raises(ValueError, match="no TPKT"):
        frames.rest(b"\x04\0\0\x16")

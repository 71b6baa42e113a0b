"""Frames of a serial line: the bytes, and finding an answer among whatever a line delivers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerAscii, FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadCoilsResponse
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadHoldingRegistersResponse

from gongfu.network.drivers.modbus.wire import (
    Finding,
    Framing,
    Request,
    bits,
    crc,
    encode,
    find,
    lrc,
    read_data,
    read_pdu,
)

READ = Request(Framing.RTU, 1, bytes.fromhex("0300640002"))
"""Two holding registers from 100, of unit 1."""
ANSWER = bytes.fromhex("030440f00000")
WRITE = Request(Framing.RTU, 1, bytes.fromhex("0600640007"))
framings = st.sampled_from(Framing)
pdus = st.binary(min_size=1, max_size=250)


def test_the_check_sum_of_the_standards_example() -> None:
    # MODBUS over Serial Line V1.02 §6.2.2: "02 07" has the CRC 1241 (hex), low byte first.
    assert crc(bytes.fromhex("0207")) == bytes.fromhex("4112")


@given(st.integers(0, 255), pdus)
def test_frames_are_those_of_a_foreign_program(unit: int, pdu: bytes) -> None:
    decoder = DecodePDU(False)
    assert encode(Framing.RTU, unit, pdu) == FramerRTU(decoder).encode(pdu, unit, 0)
    assert encode(Framing.ASCII, unit, pdu) == FramerAscii(decoder).encode(pdu, unit, 0)
    assert lrc(pdu) == FramerAscii.compute_LRC(pdu)


@given(framings, st.binary(max_size=40), st.binary(max_size=40))
def test_an_answer_is_found_among_noise(framing: Framing, before: bytes, behind: bytes) -> None:
    request = Request(framing, READ.unit, READ.pdu)
    assert find(request, before + encode(framing, 1, ANSWER) + b"\x00" + behind).answer in (ANSWER, b"")
    if framing is Framing.RTU or b":" not in before:
        assert find(request, before + encode(framing, 1, ANSWER)).answer == ANSWER


@given(framings, st.binary(max_size=600), pdus, st.booleans())
def test_no_bytes_make_it_fail(framing: Framing, data: bytes, pdu: bytes, echoes: bool) -> None:
    assert isinstance(find(Request(framing, 1, pdu), data, echoes=echoes), Finding)


@given(framings, st.data())
def test_every_single_bit_error_is_noticed(framing: Framing, data: st.DataObject) -> None:
    frame = bytearray(encode(framing, 1, ANSWER))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    found = find(Request(framing, 1, READ.pdu), bytes(frame)).answer
    # Bit 5 of a hexadecimal letter is its case, which means nothing.
    assert found in (b"", ANSWER) if framing is Framing.ASCII else found == b""


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize(
    "foreign",
    [
        (2, ANSWER),  # of another unit
        (1, bytes.fromhex("040440f00000")),  # to another function
        (1, bytes.fromhex("030240f0")),  # to a shorter request
        (1, bytes.fromhex("81")),  # nothing at all
    ],
)
def test_an_answer_to_another_question_is_none(framing: Framing, foreign: tuple[int, bytes]) -> None:
    request = Request(framing, READ.unit, READ.pdu)
    other = encode(framing, *foreign)
    assert find(request, other).answer == b""
    assert find(request, other + encode(framing, 1, ANSWER)).answer == ANSWER


@pytest.mark.parametrize("framing", Framing)
def test_an_exception_is_an_answer(framing: Framing) -> None:
    assert find(Request(framing, 1, READ.pdu), encode(framing, 1, b"\x83\x02")).answer == b"\x83\x02"


@pytest.mark.parametrize("framing", Framing)
def test_the_echo_of_a_write_is_not_its_confirmation(framing: Framing) -> None:
    request = Request(framing, 1, WRITE.pdu)
    once = request.frame
    assert find(request, once, echoes=True) == Finding(echoed=True)
    assert find(request, once + once, echoes=True) == Finding(WRITE.pdu, echoed=True)
    assert find(request, once).answer == WRITE.pdu


def test_an_answer_arrives_in_parts() -> None:
    frame = encode(Framing.RTU, 1, ANSWER)
    assert [bool(find(READ, frame[:n]).answer) for n in range(len(frame) + 1)] == [False] * len(frame) + [True]
    assert find(READ, frame[:4]).begun
    assert find(READ, frame[:-1] + b"\xff").broken


def test_the_length_of_an_identification_is_read_from_it() -> None:
    answer = ReadDeviceInformationResponse(1, {0: b"Acme", 1: b"PM 100", 2: b"1.4"})
    pdu = bytes([answer.function_code]) + answer.encode()
    request = Request(Framing.RTU, 1, bytes.fromhex("2b0e0100"))
    frame = encode(Framing.RTU, 1, pdu)
    assert find(request, b"\x01" + frame).answer == pdu
    assert not any(find(request, frame[:n]).answer for n in range(len(frame)))


@given(st.integers(0, 65535), st.lists(st.integers(0, 65535), min_size=1, max_size=125))
def test_reading_registers_is_what_a_foreign_program_makes_of_it(offset: int, registers: list[int]) -> None:
    asked = read_pdu(3, offset, len(registers))
    assert asked == b"\x03" + ReadHoldingRegistersRequest(address=offset, count=len(registers)).encode()
    answer = b"\x03" + ReadHoldingRegistersResponse(registers=registers).encode()
    assert read_data(asked, answer) == b"".join(register.to_bytes(2, "big") for register in registers)
    assert read_data(asked, answer[:-1]) is None
    assert read_data(read_pdu(4, offset, len(registers)), answer) is None


@given(st.lists(st.booleans(), min_size=1, max_size=100))
def test_reading_bits_is_what_a_foreign_program_makes_of_it(states: list[bool]) -> None:
    asked = read_pdu(1, 7, len(states))
    assert asked == b"\x01" + ReadCoilsRequest(address=7, count=len(states)).encode()
    data = read_data(asked, b"\x01" + ReadCoilsResponse(bits=states).encode())
    assert data is not None
    assert bits(data, len(states)) == states


@given(pdus, st.integers(1, 125))
def test_no_answer_makes_reading_fail(answer: bytes, count: int) -> None:
    data = read_data(read_pdu(3, 0, count), answer)
    assert data is None or len(data) == 2 * count

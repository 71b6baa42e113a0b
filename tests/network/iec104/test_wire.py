"""The codec reads what foreign stations wrote, writes it again, and survives everything else."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gongfu.network.drivers.iec104 import times, wire
from gongfu.network.drivers.iec104.codes import Cause, Flag, Function, TypeId
from gongfu.network.drivers.iec104.elements import FORMS, Command, Counter, Element, Information, System
from gongfu.network.drivers.iec104.times import Time
from gongfu.network.drivers.iec104.wire import Asdu, Malformed, Supervisory, UnknownType, Unnumbered

from .capture import CAPTURE, COMMANDS, TELEGRAMS, ZEEK, frames


def asdu_of(text: str) -> Asdu:
    frame = wire.decode_frame(bytes.fromhex(text))
    assert isinstance(frame, wire.Information)
    return wire.decode_asdu(frame.asdu)


@pytest.mark.parametrize("data", [data for _, data in frames(CAPTURE) + frames(COMMANDS)], ids=bytes.hex)
def test_every_captured_frame_is_read_and_written_again_octet_by_octet(data: bytes) -> None:
    frame = wire.decode_frame(data)
    assert wire.encode_frame(frame) == data
    if isinstance(frame, wire.Information):
        assert wire.encode_asdu(wire.decode_asdu(frame.asdu)) == frame.asdu


@pytest.mark.parametrize("text", [*ZEEK.values(), *TELEGRAMS.values()], ids=[*ZEEK, *TELEGRAMS])
def test_frames_of_other_collections_are_written_again(text: str) -> None:
    frame = wire.decode_frame(bytes.fromhex(text))
    assert isinstance(frame, wire.Information)
    assert wire.encode_asdu(wire.decode_asdu(frame.asdu)) == frame.asdu


def test_frames_mean_what_the_capture_shows() -> None:
    first = frames(CAPTURE)
    assert [wire.decode_frame(data) for _, data in first[:4]] == [
        Unnumbered(Function.TESTFR_ACT),
        Unnumbered(Function.TESTFR_CON),
        Unnumbered(Function.STARTDT_ACT),
        Unnumbered(Function.STARTDT_CON),
    ]
    assert wire.decode_frame(bytes.fromhex("680401001a00")) == Supervisory(13)
    begin = wire.decode_frame(bytes.fromhex("680e02000200640107000a0000000014"))
    assert isinstance(begin, wire.Information)
    assert (begin.send, begin.receive) == (1, 1)
    assert wire.decode_asdu(begin.asdu) == Asdu(
        type=TypeId.C_IC_NA_1, cause=Cause.ACTIVATION_CONFIRMED, common=10, objects=(System(0, 20),)
    )


def test_values_mean_what_zeek_says() -> None:
    scaled = asdu_of(ZEEK["seven scaled values"])
    assert (scaled.type, scaled.cause, scaled.common) == (TypeId.M_ME_NB_1, Cause.SPONTANEOUS, 12)
    assert [(point.address, point.value) for point in points(scaled)] == [
        (12304, 2494),
        (12305, 2448),
        (12302, 117),
        (12328, 2341),
        (12329, 117),
        (12303, 2575),
        (12334, 1454),
    ]
    short = asdu_of(ZEEK["short floats in sequence"])
    assert [point.address for point in points(short)] == [5575, 5576]
    assert [point.value for point in points(short)] == pytest.approx([6.209, -0.426], abs=0.001)
    assert points(asdu_of(ZEEK["short float"]))[0].value == pytest.approx(-4.7155, abs=0.001)
    single = asdu_of(ZEEK["single points in sequence"])
    assert points(single) == (Information(1001, False), Information(1002, False), Information(1003, False))
    assert single.cause == Cause.INTERROGATED
    refused = asdu_of(ZEEK["set-point with time, refused"])
    assert (refused.type, refused.cause, refused.negative) == (TypeId.C_SE_TB_1, Cause.ACTIVATION_CONFIRMED, True)
    at = Time(millisecond=55773, minute=3, hour=9, day=16, month=7, year=24)
    assert refused.objects == (Command(8002, 1, time=at),)


def points(asdu: Asdu) -> tuple[Information, ...]:
    assert all(isinstance(element, Information) for element in asdu.objects)
    return asdu.objects  # type: ignore[return-value]


AT = Time(millisecond=12345, minute=30, hour=10, day=9, weekday=2, month=6, year=20)
EVENING = Time(millisecond=45500, minute=30, hour=14, day=20, weekday=6, month=6, year=26)
PETRI: list[tuple[TypeId, Element, str]] = [
    (TypeId.M_SP_NA_1, Information(100, True, Flag.NOT_TOPICAL | Flag.INVALID), "c1"),
    (
        TypeId.M_ST_TB_1,
        Information(100, -5, Flag.OVERFLOW | Flag.SUBSTITUTED | Flag.INVALID, AT, True),
        "fba139301e0a490614",
    ),
    (TypeId.M_IT_NA_1, Counter(1, 0x12345678, 5, carried=True, invalid=True), "78563412a5"),
    (TypeId.M_IT_TB_1, Counter(100, 4660, 5, carried=True, invalid=True, time=AT), "34120000a539301e0a490614"),
    (TypeId.C_DC_NA_1, Command(0x010203, 2, 1, True), "86"),
    (TypeId.C_RC_TA_1, Command(0x010203, 2, 3, True, EVENING), "8ebcb11e0ed4061a"),
    (TypeId.C_SE_TC_1, Command(100, 1.5, 5, True, AT), "0000c03f8539301e0a490614"),
    (TypeId.C_CI_NA_1, System(0, 0x85), "85"),
]


@pytest.mark.parametrize(("type_id", "element", "octets"), PETRI, ids=lambda value: getattr(value, "name", ""))
def test_elements_have_the_octets_that_another_codec_derives(type_id: TypeId, element: Element, octets: str) -> None:
    assert FORMS[type_id].encode(element) == bytes.fromhex(octets)
    assert FORMS[type_id].decode(bytes.fromhex(octets), 0, element.address) == element


def test_the_originator_stands_behind_the_cause() -> None:
    asdu = Asdu(
        type=TypeId.M_SP_NA_1,
        cause=Cause.SPONTANEOUS,
        common=10,
        originator=5,
        objects=(Information(100, True, Flag.NOT_TOPICAL | Flag.INVALID),),
    )
    assert wire.encode_asdu(asdu).hex() == "010103050a00640000c1"  # digitalpetri/iec60870, AsduRoundTripTest
    assert wire.encode_asdu(asdu, 1).hex() == "010103050a640000c1"
    assert wire.decode_asdu(bytes.fromhex("010103050a640000c1"), 1) == asdu


def test_negative_and_test_are_bits_of_the_cause() -> None:
    # A recorded session with the program c104: cause 7 with P/N is 47, cause 6 in test is 86.
    negative = asdu_of("680e02000200640147000100 00000014")
    assert (negative.cause, negative.negative, negative.test) == (7, True, False)
    test = asdu_of("680e00000200640186000100 00000014")
    assert (test.cause, test.negative, test.test) == (6, False, True)


@pytest.mark.parametrize(
    ("octets", "time"),
    [
        ("bcb11e0ed4061a", EVENING),
        (
            "bcb1de8ed4061a",
            Time(45500, 30, 14, 20, 6, 26, weekday=6, invalid=True, substituted=True, summer=True),
        ),
    ],
)
def test_time_tags_have_the_octets_that_another_codec_derives(octets: str, time: Time) -> None:
    assert times.encode(time) == bytes.fromhex(octets)  # digitalpetri/iec60870, Cp56Time2aTest
    assert times.decode(bytes.fromhex(octets), 0) == time


def test_a_time_tag_is_a_moment_of_the_stations_clock() -> None:
    utc = 1_781_965_845_500_000  # 2026-06-20 14:30:45.500 UTC
    assert times.microseconds(EVENING, 0) == utc
    assert times.microseconds(EVENING, 480) == utc - 8 * 3_600_000_000
    summer = Time(45500, 30, 14, 20, 6, 26, summer=True)
    assert times.microseconds(summer, 60) == utc - 2 * 3_600_000_000
    assert times.tag(utc, 0) == EVENING
    assert times.microseconds(times.tag(utc, 480), 480) == utc


@pytest.mark.parametrize(
    "time",
    [
        Time(0, 0, 0, 31, 2, 26),
        Time(0, 0, 0, 0, 0, 0),
        Time(60000, 0, 0, 1, 1, 26),
        Time(0, 60, 0, 1, 1, 26),
        Time(45500, 30, 14, 20, 6, 26, invalid=True),
    ],
)
def test_a_time_that_no_calendar_has_is_none(time: Time) -> None:
    assert times.microseconds(time, 480) == 0


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("690400000000", "starts with 68"),
        ("680300000000", "a frame of 3 octets"),
        ("68fe00000000", "a frame of 254 octets"),
        ("68040700", "says something else"),
        ("680507000000ff", "longer than six"),
        ("680403000000", "a U frame of 03"),
    ],
)
def test_what_is_no_frame_is_said_so(data: str, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        wire.decode_frame(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("010103", "an ASDU of 3 octets"),
        ("010003000a00", "without an object"),
        ("010203000a0001000001", "2 objects has 10 octets instead of 14"),
        ("018203000a00ffffff0101", "object address 16777216"),
        ("2a0103000a0001000001", "type 42 is not known"),
    ],
)
def test_what_is_no_asdu_is_said_so(data: str, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        wire.decode_asdu(bytes.fromhex(data))


def test_a_value_that_does_not_fit_is_refused() -> None:
    for type_id, value in [
        (TypeId.C_SE_NA_1, 1.0),
        (TypeId.C_SE_NB_1, 32768),
        (TypeId.C_SE_NC_1, 1e39),
        (TypeId.C_SE_NA_1, math.inf),
        (TypeId.C_SE_NA_1, math.nan),
        (TypeId.C_BO_NA_1, 1 << 32),
    ]:
        asdu = Asdu(type=type_id, cause=6, common=1, objects=(Command(1, value),))
        with pytest.raises(ValueError, match=r"."):
            wire.encode_asdu(asdu)


flags = st.sampled_from([0, 0x10, 0x20, 0x40, 0x80, 0xF0]).map(Flag)
tags = st.builds(
    Time,
    millisecond=st.integers(0, 65535),
    minute=st.integers(0, 63),
    hour=st.integers(0, 31),
    day=st.integers(0, 31),
    month=st.integers(0, 15),
    year=st.integers(0, 127),
    weekday=st.integers(0, 7),
    invalid=st.booleans(),
    substituted=st.booleans(),
    summer=st.booleans(),
)
shorts = st.floats(width=32, allow_nan=False)
words = st.integers(-32768, 32767)
normals = words.map(lambda word: word / 32768)
VALUES: dict[str, st.SearchStrategy[bool | int | float]] = {
    "SP": st.booleans(),
    "SC": st.booleans(),
    "DP": st.integers(0, 3),
    "DC": st.integers(0, 3),
    "RC": st.integers(0, 3),
    "ST": st.integers(-64, 63),
    "BO": st.integers(0, 2**32 - 1),
    "NA": normals,
    "TA": normals,
    "TD": normals,
    "ND": normals,
    "NB": words,
    "TB": words,
    "TE": words,
    "NC": shorts,
    "TC": shorts,
    "TF": shorts,
}


def elements(type_id: TypeId, address: int) -> st.SearchStrategy[Element]:
    direction, group, kind, _ = type_id.name.split("_")
    time = tags if kind[0] == "T" or type_id is TypeId.C_CS_NA_1 else st.none()
    if group == "IT":
        numbers = st.integers(-(2**31), 2**31 - 1), st.integers(0, 31), st.booleans(), st.booleans(), st.booleans()
        return st.builds(Counter, st.just(address), *numbers, time)
    value = VALUES.get(kind if group in ("ME", "SE") else group)
    if value is None:
        qualifier = st.integers(0, 255) if type_id not in (TypeId.C_RD_NA_1, TypeId.C_CS_NA_1) else st.just(0)
        return st.builds(System, st.just(address), qualifier, time)
    if direction == "M":
        quality = flags if type_id is not TypeId.M_ME_ND_1 else st.just(Flag.NONE)
        return st.builds(
            Information, st.just(address), value, quality, time, st.booleans() if group == "ST" else st.just(False)
        )
    if group == "BO":
        return st.builds(Command, st.just(address), value, time=time)
    return st.builds(
        Command, st.just(address), value, st.integers(0, 127 if group == "SE" else 31), st.booleans(), time
    )


@st.composite
def asdus(draw: st.DrawFn) -> Asdu:
    type_id = draw(st.sampled_from(TypeId))
    sequence = draw(st.booleans())
    count = draw(st.integers(1, min(4, wire.room(type_id))))
    first = draw(st.integers(0, wire.LAST_ADDRESS - 4))
    addresses = [first + i if sequence else draw(st.integers(0, wire.LAST_ADDRESS)) for i in range(count)]
    return Asdu(
        type=type_id,
        cause=draw(st.integers(0, 63)),
        common=draw(st.integers(0, 255)),
        objects=tuple(draw(elements(type_id, address)) for address in addresses),
        sequence=sequence,
        negative=draw(st.booleans()),
        test=draw(st.booleans()),
        originator=draw(st.integers(0, 255)),
    )


@given(asdus(), st.sampled_from([1, 2]))
def test_what_is_written_is_read_again(asdu: Asdu, size: int) -> None:
    assert wire.decode_asdu(wire.encode_asdu(asdu, size), size) == asdu


@given(st.binary(max_size=260), st.sampled_from([1, 2]))
def test_hostile_octets_are_an_asdu_or_malformed(data: bytes, size: int) -> None:
    with contextlib.suppress(Malformed):
        wire.decode_asdu(data, size)


@given(st.sampled_from(TypeId), st.integers(0, 255), st.binary(min_size=4, max_size=247))
def test_hostile_objects_of_known_types_are_an_asdu_or_malformed(type_id: TypeId, shape: int, rest: bytes) -> None:
    try:
        asdu = wire.decode_asdu(bytes((type_id, shape)) + rest)
    except UnknownType:
        pytest.fail("the type is known")
    except Malformed:
        return
    assert len(asdu.objects) == shape & 127
    again = wire.encode_asdu(asdu)
    assert repr(wire.decode_asdu(again)) == repr(asdu)  # repr, for a NaN is not itself


@given(st.binary(max_size=260))
def test_hostile_frames_are_frames_or_malformed(data: bytes) -> None:
    try:
        frame = wire.decode_frame(data)
    except Malformed:
        return
    assert wire.decode_frame(wire.encode_frame(frame)) == frame


@pytest.mark.parametrize("sequence", [False, True])
@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("type_id", TypeId, ids=lambda type_id: type_id.name)
def test_as_many_objects_fit_as_the_codec_says(type_id: TypeId, size: int, sequence: bool) -> None:
    element = FORMS[type_id].decode(bytes(16), 0, 7)
    count = wire.room(type_id, size, sequence=sequence)
    asdu = Asdu(type=type_id, cause=3, common=1, objects=(element,) * count, sequence=sequence)
    assert len(wire.encode_asdu(asdu, size)) <= wire.LONGEST_ASDU
    if count < 127:
        with pytest.raises(ValueError, match="octets"):
            wire.encode_asdu(replace(asdu, objects=(element,) * (count + 1)), size)

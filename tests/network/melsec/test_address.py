"""MELSEC addresses as GX Works writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.melsec.address import Address, parse
from gongfu.network.drivers.melsec.devices import DEVICES


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("D100", Address(DEVICES["D"], 100, "int16")),
        ("d100:float32", Address(DEVICES["D"], 100, "float32", 2)),
        ("D100.5", Address(DEVICES["D"], 100, "bit", bit=5)),
        ("D100.a", Address(DEVICES["D"], 100, "bit", bit=10)),
        ("D200:string20", Address(DEVICES["D"], 200, "string", 10, length=20)),
        ("D200:string5", Address(DEVICES["D"], 200, "string", 3, length=5)),
        ("X1F", Address(DEVICES["X"], 0x1F, "bool")),
        ("XA0", Address(DEVICES["X"], 0xA0, "bool")),
        ("BFF", Address(DEVICES["B"], 0xFF, "bool")),
        ("W1A:uint16", Address(DEVICES["W"], 0x1A, "uint16")),
        ("WC", Address(DEVICES["W"], 12, "int16")),
        ("M10", Address(DEVICES["M"], 10, "bool")),
        ("SM400", Address(DEVICES["SM"], 400, "bool")),
        ("SD210", Address(DEVICES["SD"], 210, "int16")),
        ("SB4F", Address(DEVICES["SB"], 0x4F, "bool")),
        ("ZR40000:int32", Address(DEVICES["ZR"], 40000, "int32", 2)),
        ("R5", Address(DEVICES["R"], 5, "int16")),
        ("T5", Address(DEVICES["TN"], 5, "int16")),
        ("TS5", Address(DEVICES["TS"], 5, "bool")),
        ("C7", Address(DEVICES["CN"], 7, "int16")),
        ("CC7", Address(DEVICES["CC"], 7, "bool")),
        ("STN3", Address(DEVICES["STN"], 3, "int16")),
        ("ST3", Address(DEVICES["STN"], 3, "int16")),
        ("DX10", Address(DEVICES["DX"], 0x10, "bool")),
    ],
)
def test_notation(text: str, address: Address) -> None:
    assert parse(text) == address


def test_x_and_y_of_an_fx5_are_octal() -> None:
    assert parse("X17", octal=True).number == 15
    assert parse("Y10", octal=True).number == 8
    assert parse("W10", octal=True).number == 16
    with pytest.raises(BadConfiguration, match="base 8"):
        parse("X18", octal=True)


@pytest.mark.parametrize(
    "text",
    ["", "D", "Q5", "D1A", "M1F", "M10:int16", "M10.1", "X1G", "D100.10", "D100:real", "D100:string0", "D100:string501",
     "D100:int8", "D-1", "D99999999", "D1 0", "D٤", "D100.5:int16", "TNA"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        parse(text)
    assert text in str(refusal.value)


@given(st.text() | st.from_regex(r"[A-Z]{1,3}[0-9A-F]{1,8}(\.[0-9A-F]|:[a-z0-9]{1,9})?", fullmatch=True), st.booleans())
def test_no_text_breaks_the_parser(text: str, octal: bool) -> None:
    try:
        address = parse(text, octal=octal)
    except BadConfiguration:
        return
    assert 0 <= address.number < address.number + address.count <= 0x1000000


def test_values_of_the_wire() -> None:
    # Low byte and low word first; 1.5 = 3FC00000.
    assert parse("D0:float32").decode(bytes.fromhex("0000c03f")) == 1.5
    assert parse("D0").decode(b"\xfe\xff") == -2
    assert parse("D0.A").decode(b"\x00\x04") is True
    assert parse("D0:string5").decode(b"OP1\0\0\0") == "OP1"
    assert parse("M0").decode(b"\x01") is True


@given(
    st.sampled_from(["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]),
    st.integers(0, 32767),
)
def test_what_is_written_is_read_back(kind: str, value: int) -> None:
    address = parse(f"D0:{kind}")
    words = address.encode(value)
    assert len(words) == address.count
    assert address.decode(b"".join(word.to_bytes(2, "little") for word in words)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("D0", 40000), ("D0", 1.5), ("D0:uint16", -1), ("D0", "x"), ("D0.1", 2), ("D0.1", "on"), ("D0:string2", "abc"),
     ("D0:int64", float("nan")), ("D0", float("inf"))],
)  # fmt: skip
def test_what_does_not_fit_is_refused(text: str, value: float | str) -> None:
    with pytest.raises(ValueError, match=r"is no|neither|needs"):
        parse(text).encode(value)


def test_a_bit_leaves_its_neighbours_alone() -> None:
    assert parse("D0.3").encode(True, before=0x8001) == [0x8009]
    assert parse("D0.0").encode(0, before=0x8001) == [0x8000]

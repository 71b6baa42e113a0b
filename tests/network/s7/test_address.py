"""S7 addresses as STEP 7 writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.s7.address import Address, Area, parse


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("DB1.DBD4:real", Address(Area.BLOCK, 1, 4, "real", 4)),
        ("db1.dbx0.3", Address(Area.BLOCK, 1, 0, "bool", 1, 3)),
        ("DB1.DBW2:int", Address(Area.BLOCK, 1, 2, "int", 2)),
        ("DB1.DBW2", Address(Area.BLOCK, 1, 2, "word", 2)),
        ("DB20.DBB10:string20", Address(Area.BLOCK, 20, 10, "string", 22)),
        ("DB20.DBB10:wstring20", Address(Area.BLOCK, 20, 10, "wstring", 44)),
        ("DB3.DBB8:lreal", Address(Area.BLOCK, 3, 8, "lreal", 8)),
        ("M10.0", Address(Area.FLAGS, 0, 10, "bool", 1)),
        ("MW10:int", Address(Area.FLAGS, 0, 10, "int", 2)),
        ("MD12:dint", Address(Area.FLAGS, 0, 12, "dint", 4)),
        ("I0.7", Address(Area.INPUTS, 0, 0, "bool", 1, 7)),
        ("E0.7", Address(Area.INPUTS, 0, 0, "bool", 1, 7)),
        ("QB3", Address(Area.OUTPUTS, 0, 3, "byte", 1)),
        ("AW4:uint", Address(Area.OUTPUTS, 0, 4, "uint", 2)),
    ],
)
def test_notation(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DB1",
        "DB0.DBW0",
        "DB65536.DBW0",
        "DB1.DBX0.8",
        "DB1.DBX0",
        "DB1.DB0.3",
        "DB1.DBW0:real",
        "DB1.DBD0:int",
        "DB1.DBB0:string0",
        "DB1.DBB0:string255",
        "DB1.DBW0:string10",
        "DB1.DBD65533",
        "M10",
        "T1",
        "MX",
        "M10.0:int",
        "DB1.DBD٤",
    ],
)
def test_what_is_no_address_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        parse(text)
    assert text in str(refusal.value)


@given(st.text() | st.from_regex(r"(DB\d{1,6}\.DB|[MIQEA])[XBWD]?\d{1,6}(\.\d)?(:[a-z0-9]{1,9})?", fullmatch=True))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        address = parse(text)
    except BadConfiguration:
        return
    assert 0 <= address.start < address.start + address.size <= 65536


def test_values_of_the_wire() -> None:
    # Big-endian throughout; REAL 1.5 and STRING as in Siemens "Data types" (STEP 7 manual).
    assert parse("DB1.DBD0:real").decode(bytes.fromhex("3fc00000")) == 1.5
    assert parse("DB1.DBW0:int").decode(b"\xff\xfe") == -2
    assert parse("DB1.DBB0:lreal").decode(bytes.fromhex("3ff8000000000000")) == 1.5
    assert parse("M0.5").decode(b"\x20") is True
    assert parse("DB1.DBB0:string10").decode(b"\x0a\x03OP1" + bytes(7)) == "OP1"
    assert parse("DB1.DBB0:wstring3").decode(b"\x00\x03\x00\x02" + "工赋".encode("utf-16-be") + bytes(2)) == "工赋"


def test_a_string_that_claims_more_than_its_room_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        parse("DB1.DBB0:string4").decode(b"\x04\xffABCD")


@given(
    st.sampled_from(["DBB0:usint", "DBW0:uint", "DBW0:int", "DBD0:dint", "DBD0:real", "DBB0:lreal", "DBB0:lint"]),
    st.integers(0, 255),
)
def test_what_is_written_is_read_back(place: str, value: int) -> None:
    address = parse(f"DB1.{place}")
    assert len(address.encode(value)) == address.size
    assert address.decode(address.encode(value)) == value


@given(st.sampled_from(["string", "wstring"]), st.text(st.characters(max_codepoint=255, min_codepoint=1), max_size=20))
def test_texts_are_read_back(kind: str, text: str) -> None:
    address = parse(f"DB1.DBB0:{kind}20")
    assert address.decode(address.encode(text)) == text

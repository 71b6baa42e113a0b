"""Modbus addresses as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.modbus.address import Address, Order, Table, parse


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("holding:100:float32", Address(Table.HOLDING, 100, "float32", 2)),
        ("holding:100:float32:cdab", Address(Table.HOLDING, 100, "float32", 2, Order.CDAB)),
        (" INPUT:30:Int16 ", Address(Table.INPUT, 30, "int16", 1)),
        ("input:30", Address(Table.INPUT, 30, "uint16", 1)),
        ("coil:5", Address(Table.COIL, 5, "bit", 1)),
        ("discrete:7", Address(Table.DISCRETE, 7, "bit", 1)),
        ("holding:7:bit15", Address(Table.HOLDING, 7, "bit", 1, Order.ABCD, 15)),
        ("holding:7:string9", Address(Table.HOLDING, 7, "string", 5)),
        ("holding:65535", Address(Table.HOLDING, 65535)),
    ],
)
def test_notation(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "holding",
        "holding:",
        "holding:-1",
        "holding:65536",
        "holding:65535:float32",
        "holding:1:float16",
        "holding:1:float32:abdc",
        "holding:1:bit16",
        "holding:1:bit3:cdab",
        "holding:1:string4:dcba",
        "holding:1:string0",
        "holding:1:string251",
        "coil:5:int16",
        "40001",
        "register:1",
        "holding:1:float32:cdab:x",
        "holding:٣",
    ],
)
def test_what_is_no_address_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        parse(text)
    assert text in str(refusal.value)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        address = parse(text)
    except BadConfiguration:
        return
    assert 0 <= address.offset < address.offset + address.count <= 65536


# The four orders of 123456.0 = 0x47F12000, as vendors' manuals show them.
@pytest.mark.parametrize(
    ("order", "registers"),
    [
        ("abcd", [0x47F1, 0x2000]),
        ("cdab", [0x2000, 0x47F1]),
        ("badc", [0xF147, 0x0020]),
        ("dcba", [0x0020, 0xF147]),
    ],
)
def test_byte_orders(order: str, registers: list[int]) -> None:
    address = parse(f"holding:0:float32:{order}")
    assert address.decode(registers) == 123456.0
    assert address.encode(123456.0) == registers


def test_negative_numbers_bits_and_strings() -> None:
    assert parse("holding:0:int16").decode([0xFFFE]) == -2
    assert parse("holding:0:int32").decode([0xFFFF, 0xFFFE]) == -2
    assert parse("holding:0:uint64").decode([0, 0, 1, 0]) == 65536
    assert parse("holding:0:bit3").decode([0b1000]) is True
    assert parse("holding:0:string6").decode([0x4F50, 0x3130, 0x0000]) == "OP10"
    assert parse("holding:0:string6:badc").decode([0x504F, 0x3031, 0x0000]) == "OP10"
    assert parse("holding:0:string4").decode([0xB9A4, 0xB8B3], "gbk") == "工赋"
    assert math.isnan(parse("holding:0:float32").decode([0x7FC0, 0]))


def test_a_bit_is_set_without_touching_its_neighbours() -> None:
    assert parse("holding:0:bit2").encode(True, before=0b1010) == [0b1110]
    assert parse("holding:0:bit1").encode(False, before=0b1110) == [0b1100]


@pytest.mark.parametrize(("text", "value"), [("holding:0:int16", 40000), ("holding:0:uint16", -1)])
def test_what_does_not_fit_a_type_is_refused(text: str, value: float) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse(text).encode(value)


@given(
    st.sampled_from(["int16", "uint16", "int32", "uint32", "float64"]),
    st.sampled_from(list(Order)),
    st.integers(0, 32767),
)
def test_what_is_written_is_read_back(kind: str, order: Order, value: int) -> None:
    address = parse(f"input:10:{kind}:{order}")
    assert address.decode(address.encode(value)) == value

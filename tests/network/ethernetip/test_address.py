"""Tag addresses as Studio 5000 writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.ethernetip.address import AttributeAddress, Component, TagAddress, parse
from gongfu.network.drivers.ethernetip.cip import decode_path


def tag(*components: str | tuple[str, tuple[int, ...]], bit: int | None = None) -> TagAddress:
    return TagAddress(tuple(Component(c) if isinstance(c, str) else Component(*c) for c in components), bit)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Speed", tag("Speed")),
        ("Status.5", tag("Status", bit=5)),
        ("Status.63", tag("Status", bit=63)),
        ("Counts[5]", tag(("Counts", (5,)))),
        ("Grid[1,2,3].Value", tag(("Grid", (1, 2, 3)), "Value")),
        ("Program:Main.Line[3].Speed", tag("Program:Main", ("Line", (3,)), "Speed")),
        ("Local:1:I.Data.5", tag("Local:1:I", "Data", bit=5)),
        ("_private.x_1", tag("_private", "x_1")),
        ("cip:1/1/7:SHORT_STRING", AttributeAddress(1, 1, 7, "SHORT_STRING")),
        ("CIP:0xF5/1/0x05:udint", AttributeAddress(0xF5, 1, 5, "UDINT")),
    ],
)
def test_notation(text: str, address: TagAddress | AttributeAddress) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    "text",
    ["", ".", "Speed.", ".Speed", "1x", "Speed.64", "Speed.5.6", "A[", "A[]", "A[-1]", "A[1,2,3,4]", "A[1]B", "A B",
     "Program:Main", "Program:Main.5", "Program:Main[1].A", "A.Local:1:I", "速度", "A[٤]", "A.٤", "x" * 300,
     "cip:1/1", "cip:1/1/7", "cip:1/1/7:STRUCT", "cip:70000/1/1:INT", "cip:x/1/1:INT", "cip:1/1/1/1:INT"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        parse(text)
    assert text[:200] in str(refusal.value)


@given(
    st.text() | st.from_regex(r"(Program:)?[A-Za-z_:]{1,9}(\[[0-9,]{1,9}\])?(\.[A-Za-z0-9]{1,4}){0,3}", fullmatch=True)
)
def test_no_text_breaks_the_parser_and_every_address_has_a_path(text: str) -> None:
    try:
        address = parse(text)
    except BadConfiguration:
        return
    assert len(address.path) % 2 == 0
    assert decode_path(address.path)


def test_an_address_is_written_as_it_is_read() -> None:
    for text in ("Program:Main.Line[3].Speed", "Grid[1,2].x.5", "Speed"):
        assert str(parse(text)) == text

"""Addresses as people write them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.iec104.address import Address, Kind, parse
from gongfu.network.drivers.iec104.times import clock_offset


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1/16385", Address(1, 16385, None, 16385, None)),
        ("1/0x4001:nc", Address(1, 0x4001, Kind.NC, 0x4001, Kind.NC)),
        (" 65534/16777215:SP ", Address(65534, 0xFFFFFF, Kind.SP, 0xFFFFFF, Kind.SP)),
        ("1/1001:dp>24577", Address(1, 1001, Kind.DP, 24577, Kind.DP)),
        ("1/1001:dp>0x6001:sp", Address(1, 1001, Kind.DP, 0x6001, Kind.SP)),
        ("1/1001>0x6001:sp", Address(1, 1001, None, 0x6001, Kind.SP)),
        ("1/25601:it", Address(1, 25601, Kind.IT, 25601, Kind.IT)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is not an address"),
        ("16385", "is not an address"),
        ("1/", "is not an address"),
        ("1/2/3", "is not an address"),
        ("-1/2", "is not an address"),
        ("1/2:float", "is not an address"),
        ("1/٣", "is not an address"),
        ("1/2:xx", "xx is not a type of point"),
        ("0/2", "common addresses are 1 to 65534"),
        ("65535/2", "common addresses are 1 to 65534"),
        ("1/0", "object addresses are 1 to 16777215"),
        ("1/16777216", "object addresses are 1 to 16777215"),
        ("1/2>0", "object addresses are 1 to 16777215"),
        ("1/2:it>3", "a counter takes no command"),
    ],
)
def test_what_is_no_address_is_said_so(text: str, complaint: str) -> None:
    with pytest.raises(BadConfiguration, match=complaint):
        parse(text)


@given(st.text() | st.from_regex(r"[0-9x]{1,9}/[0-9x]{1,9}(:[a-z]{2})?(>[0-9x]{1,9})?", fullmatch=True))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    with suppress(BadConfiguration):
        assert 0 < parse(text).object < 1 << 24


@pytest.mark.parametrize(("text", "minutes"), [("utc", 0), ("UTC", 0), ("+08:00", 480), ("-3:30", -210), ("+0:00", 0)])
def test_clocks_are_read(text: str, minutes: int) -> None:
    assert clock_offset(text) == minutes


@pytest.mark.parametrize("text", ["", "8", "+8", "+15:00", "+08:60", "Asia/Shanghai", "local"])
def test_what_is_no_clock_is_said_so(text: str) -> None:
    with pytest.raises(BadConfiguration, match="is not the clock"):
        clock_offset(text)

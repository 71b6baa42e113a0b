"""Addresses in lines, and the values they stand for."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.lines.address import Command, Reading, Type, parse, unescape
from gongfu.network.drivers.lines.units import factor
from gongfu.network.gateway.config import TagConfig


def tag(address: str, kind: str = "number") -> TagConfig:
    return TagConfig(series=1, name="x", address=address, kind=kind)


@pytest.mark.parametrize(
    ("address", "kind", "text", "value"),
    [
        ("x", "number", "100.00", 100.0),
        ("x", "number", "  +  0.5 ", 0.5),
        ("x", "number", "-   12", -12.0),
        ("x", "number", "-1.5E-3", -0.0015),
        ("x", "number", ".5", 0.5),
        ("x", "number", "1,234,567.8", 1234567.8),
        ("x", "number", "-1,234", -1234.0),
        ("x", "number", "1,5", None),
        ("x", "number", "1 234", None),
        ("x", "number", "----", None),
        ("x", "number", "", None),
        ("x", "number", "1e999", math.inf),
        ("x", "number", "１２", None),
        ("x:comma", "number", "1,5", 1.5),
        ("x:comma", "number", "-1.234.567,8", -1234567.8),
        ("x:comma", "number", "12 345,6", 12345.6),
        ("x:comma", "number", "100.00", 100.0),
        ("x:hex", "number", "0x1F", 31.0),
        ("x:hex", "number", "ff", 255.0),
        ("x:hex", "number", "xyz", None),
        ("x", "text", " AB 12 ", "AB 12"),
        ("x", "boolean", "ON", True),
        ("x", "boolean", "0", False),
        ("x", "boolean", "maybe", None),
        ("x:is=S", "boolean", "S", True),
        ("x:is=S", "boolean", "D", False),
        ("x:present", "boolean", "M", True),
        ("x:present", "boolean", " ", False),
        ("x:present", "boolean", None, False),
        ("x", "number", None, None),
    ],
)
def test_what_a_text_means(address: str, kind: str, text: str | None, value: object) -> None:
    reading = parse(tag(address, kind))
    assert isinstance(reading, Reading)
    assert reading.value({"x": text}) == value


@given(st.text(max_size=30), st.sampled_from(["x", "x:comma", "x:hex", "x@kg"]))
def test_no_text_makes_it_fail(text: str, address: str) -> None:
    reading = parse(tag(address))
    assert isinstance(reading, Reading)
    value = reading.value({"x": text, "unit": text})
    assert value is None or isinstance(value, float)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_printed_number_is_read_back(number: float) -> None:
    reading = Reading("x", Type.NUMBER)
    assert reading.value({"x": repr(number)}) == number
    assert Reading("x", Type.COMMA).value({"x": f"{number:.3f}".replace(".", ",")}) == pytest.approx(round(number, 3))


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        ("g", "kg", 0.001),
        ("kg", "g", 1000.0),
        ("KG", "kg", 1.0),
        ("lb", "kg", 0.45359237),
        ("µm", "mm", 0.001),
        ("in", "mm", 25.4),
        ("mm", "kg", None),
        ("", "kg", None),
        ("pcs", "pcs", 1.0),
        ("PCS", "pcs", 1.0),
        ("mN", "N", 0.001),
        ("MN", "N", 1e6),
        ("mn", "N", None),
    ],
)
def test_units(found: str, wanted: str, expected: float | None) -> None:
    assert factor(found, wanted) == expected


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("", "number"),
        ("a b", "number"),
        ("x:float", "number"),
        ("x:text", "number"),
        ("x:number", "text"),
        ("x@kg", "text"),
        ("x:hex@kg", "number"),
        ("x:is=", "boolean"),
        (">T\\q", "boolean"),
        (">T\\", "boolean"),
    ],
)
def test_a_wrong_address_is_refused(address: str, kind: str) -> None:
    with pytest.raises(BadConfiguration):
        parse(tag(address, kind))


def test_a_command() -> None:
    assert parse(tag('>D "{}"\\r\\n => ^D A', "text")) == Command('D "{}"\\r\\n', "^D A")
    assert unescape(r"\x05SI\r\n\\\t\0", "ascii") == b"\x05SI\r\n\\\t\0"
    with pytest.raises(BadConfiguration, match="character set ascii"):
        unescape("称", "ascii")


@given(st.text(max_size=40))
def test_no_escapes_make_it_fail(text: str) -> None:
    with contextlib.suppress(BadConfiguration):
        unescape(text, "utf-8")

"""Addresses as people write them, and values as devices may send them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from bacpypes3.constructeddata import Any
from bacpypes3.pdu import PDUData
from bacpypes3.primitivedata import (
    BitString,
    Boolean,
    CharacterString,
    Date,
    Double,
    Enumerated,
    Integer,
    Null,
    ObjectIdentifier,
    Real,
    TagList,
    Unsigned,
)
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.bacnet import units, values
from gongfu.network.drivers.bacnet.address import Item, Property, parse
from gongfu.network.drivers.contract import BadConfiguration, Refusal


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("analog-input,3", Property(Item(0, 3))),
        (" Binary-Value,1:Out-Of-Service ", Property(Item(5, 1), 81)),
        ("multi-state-input,2:state-text[1]", Property(Item(13, 2), 110, 1)),
        ("analog-output,2:priority-array[0]", Property(Item(1, 2), 87, 0)),
        ("130,5:512", Property(Item(130, 5), 512)),
        ("device,4194303:system-status", Property(Item(8, 4194303), 112)),
    ],
)
def test_addresses_are_read(text: str, address: Property) -> None:
    assert parse(text) == address


def test_an_object_is_written_as_it_is_read() -> None:
    for text in ("analog-input,3", "130,5", "multi-state-value,0"):
        assert str(parse(text).item) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is not a BACnet address"),
        ("analog-input", "is not a BACnet address"),
        ("analog-input:3", "is not a BACnet address"),
        ("analog-input,-1", "is not a BACnet address"),
        ("analog-input,٣", "is not a BACnet address"),
        ("analog-input,1[2]", "is not a BACnet address"),
        ("anlog-input,1", "BACnet knows no anlog-input"),
        ("analog-input,1:presentvalue", "BACnet knows no presentvalue"),
        ("analog-input,4194304", "instances are 0 to 4194303"),
        ("1024,1", "1024 is more than 1023"),
    ],
)
def test_what_is_no_address_is_said_so(text: str, complaint: str) -> None:
    with pytest.raises(BadConfiguration, match=complaint):
        parse(text)


@given(
    st.text()
    | st.from_regex(r"([a-z-]{1,12}|[0-9]{1,5}),[0-9]{1,8}(:[a-z0-9-]{1,9}(\[[0-9]{1,3}\])?)?", fullmatch=True)
)
def test_any_text_is_an_address_or_refused(text: str) -> None:
    with suppress(BadConfiguration):
        assert 0 <= parse(text).item.instance < 1 << 22


@given(st.binary(max_size=60))
def test_hostile_octets_are_values_or_said_not_to_be(data: bytes) -> None:
    tags = TagList()
    with suppress(Exception):
        tags = TagList.decode(PDUData(data))
    found = values.atoms(Any(tags))
    assert (
        isinstance(found, str) or values.content(found) is None or isinstance(values.content(found), bool | float | str)
    )


@pytest.mark.parametrize(
    ("atom", "value"),
    [
        (Real(21.5), 21.5),
        (Double(1e300), 1e300),
        (Unsigned(7), 7.0),
        (Integer(-7), -7.0),
        (Enumerated(1), 1.0),
        (Boolean(1), True),
        (CharacterString("王工"), "王工"),
        (BitString([1, 0, 1]), "101"),
        (Null(()), None),
        (ObjectIdentifier(("analog-input", 3)), "analog-input,3"),
        (Date((126, 6, 20, 6)), "2026-6-20 sat"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_what_their_tags_say(atom: object, value: object) -> None:
    assert values.content([atom]) == value


def test_none_and_several_are_no_value() -> None:
    assert values.content([]) is None
    assert values.content([Real(1.0), Real(2.0)]) is None


@pytest.mark.parametrize(
    ("flags", "reliability", "grade"),
    [
        ([0, 0, 0, 0], None, Quality.GOOD),
        ([1, 0, 0, 0], None, Quality.GOOD),
        ([0, 1, 0, 0], None, Quality.BAD),
        ([0, 0, 1, 0], None, Quality.UNCERTAIN),
        ([0, 0, 0, 1], None, Quality.UNCERTAIN),
        (None, 0, Quality.GOOD),
        (None, 1, Quality.BAD),
        (None, None, Quality.GOOD),
    ],
)
def test_quality_is_that_of_flags_or_reliability(flags, reliability, grade) -> None:
    assert (
        values.quality(
            "property: unknown-property" if flags is None else [BitString(flags)],
            None if reliability is None else [Enumerated(reliability)],
        )
        is grade
    )


def test_a_value_is_written_in_the_type_that_is_there() -> None:
    assert values.like([Real(1.0)], 5) == 5.0
    assert type(values.like([Enumerated(0)], True)).__name__ == "Enumerated"
    assert type(values.like([Real(1.0)], "null")).__name__ == "Null"
    assert values.like([CharacterString("x")], "null") == "null"
    for before, value in [(Unsigned(1), 1.5), (Boolean(0), 2), (Integer(1), "x"), (Null(()), 1.0)]:
        with pytest.raises(Refusal):
            values.like([before], value)


def test_units_have_their_usual_symbols() -> None:
    assert [units.symbol(number) for number in (62, 98, 95, 19, 60_000)] == ["°C", "%", "", "kWh", ""]
    assert units.symbol(0) == "square meters"

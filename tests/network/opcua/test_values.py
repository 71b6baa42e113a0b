"""From OPC UA values to samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.opcua import values
from gongfu.network.gateway.config import TagConfig


def tag(kind: str) -> TagConfig:
    return TagConfig(series=1, name="x", address="i=1", kind=kind)


def data(value: object, kind: ua.VariantType | None = None, status: int = 0, **more: object) -> ua.DataValue:
    return ua.DataValue(ua.Variant(value, kind), StatusCode=ua.StatusCode(status), **more)


# Names and numbers of the status codes: OPC UA StatusCode.csv.
@pytest.mark.parametrize(
    ("code", "grade"),
    [
        (0x00000000, Quality.GOOD),
        (0x00960000, Quality.GOOD),  # GoodLocalOverride
        (0x408F0000, Quality.UNCERTAIN),  # UncertainNoCommunicationLastUsableValue
        (0x80310000, Quality.BAD),  # BadNoCommunication
        (0xC0000000, Quality.BAD),  # reserved severity
    ],
)
def test_severity_becomes_quality(code: int, grade: Quality) -> None:
    assert values.quality(code) is grade


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("number", data(3, ua.VariantType.Int16), 3.0),
        ("number", data(True), 1.0),
        ("number", data(2**64 - 1, ua.VariantType.UInt64), float(2**64)),
        ("boolean", data(True), True),
        ("boolean", data(1, ua.VariantType.Byte), True),
        ("text", data("O1234"), "O1234"),
        ("text", data(ua.LocalizedText("运行")), "运行"),
    ],
)
def test_a_value_becomes_what_the_tag_is(kind: str, value: ua.DataValue, expected: object) -> None:
    assert values.read(tag(kind), value) == (Sample(1, expected), "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", data("12")),
        ("number", data([1.0, 2.0], ua.VariantType.Double)),
        ("number", data(None, ua.VariantType.Null)),
        ("number", data(datetime(2026, 1, 1, tzinfo=UTC))),
        ("boolean", data(2, ua.VariantType.Byte)),
        ("boolean", data("true")),
        ("text", data(5.0)),
        ("text", data(b"abc", ua.VariantType.ByteString)),
        ("number", ua.DataValue()),
    ],
)
def test_another_kind_of_value_is_bad_and_said_so(kind: str, value: ua.DataValue) -> None:
    sample, problem = values.read(tag(kind), value)
    assert sample == Sample(1, None, 0, Quality.BAD)
    assert problem.endswith(f"the tag is a {kind}")


def test_a_bad_status_is_no_mismatch() -> None:
    value = data(None, ua.VariantType.Null, 0x80310000)
    assert values.read(tag("number"), value) == (Sample(1, None, 0, Quality.BAD), "")


@given(st.integers(0, 4_000_000_000_000_000))
def test_source_times_are_kept_to_the_microsecond(time: int) -> None:
    stamp = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
    assert values.microseconds(stamp) == time
    assert values.microseconds(stamp.replace(tzinfo=None)) == time


def test_a_clock_that_was_never_set_gives_no_time() -> None:
    assert values.microseconds(datetime(1601, 1, 1, tzinfo=UTC)) == 0
    assert values.microseconds(None) == 0


def test_lost_values_and_values_still_to_come_are_recognised() -> None:
    assert values.has_overflow(data(1.0, status=0x00000480))
    assert not values.has_overflow(data(1.0, status=0x00000080))
    assert values.read(tag("number"), data(None, ua.VariantType.Null, 0x80320000)) == (None, "")


def test_an_element_of_an_array_is_a_value_and_says_when_it_is_not_there() -> None:
    curve = data([1.0, 2.5], ua.VariantType.Double)
    assert values.read(tag("number"), curve, None, 1) == (Sample(1, 2.5), "")
    missing, problem = values.read(tag("number"), curve, None, 2)
    assert missing == Sample(1, None, 0, Quality.BAD)
    assert problem == "the value has 2 elements, the tag is element 2"
    assert values.read(tag("number"), data(5.0), None, 0)[1] == "the value is no array, the tag is element 0"

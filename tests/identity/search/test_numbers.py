"""Numbers as words: what lies between has one of the words, and nothing else but by rounding; units are exact."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.business import library
from gongfu.identity.business.fields import Field
from gongfu.identity.search import numbers, typed
from gongfu.identity.search.typed import Range
from gongfu.network.models.types import Text

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite, finite)
def test_what_lies_between_has_exactly_one_of_the_words(one: float, other: float, number: float) -> None:
    low, high = sorted((one, other))
    cover = numbers.between("x", low, high)
    common = set(cover) & set(numbers.of("x", number))
    assert len(cover) == len(set(cover)) <= 120
    if low <= number <= high:
        assert len(common) == 1
    elif common:
        assert any(math.isclose(number, end, rel_tol=1e-4, abs_tol=1e-300) for end in (low, high))


@given(st.integers(0, 30_000), st.integers(0, 2_000), st.integers(0, 32_767))
def test_days_are_told_apart_to_the_day(first: int, length: int, day: int) -> None:
    found = set(numbers.between("d", first, first + length)) & set(numbers.of("d", day))
    assert bool(found) == (first <= day <= first + length)


@pytest.mark.parametrize(("low", "high"), [(-math.inf, math.inf), (0, math.inf), (-math.inf, 0.5), (-0.0, 0.0)])
def test_ends_may_be_open(low: float, high: float) -> None:
    for number in (0.0, -0.0, 0.25):
        common = set(numbers.between("x", low, high)) & set(numbers.of("x", number))
        assert bool(common) == (low <= number <= high)


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("18500W", "kW", "18.5"),
        ("18,500 W", "kW", "18.5"),
        ("18.5千瓦", "kW", "18.5"),
        ("1 bar", "MPa", "0.1"),
        ("2.5t", "kg", "2500"),
        ("36min", "h", "0.6"),
        ("1e3 mm", "m", "1"),
        ("−7", "°C", "-7"),
        ("7 pcs", "pcs", "7"),
        ("7", "", "7"),
        ("7 kg", "mm", None),
        ("7 r/min", "Hz", None),
        ("7 mW", "kW", None),  # not MW
        ("seven", "kW", None),
        ("7 8", "kW", None),
    ],
)
def test_quantities_are_read_in_the_unit_of_their_field(text: str, unit: str, expected: str | None) -> None:
    field = Field(key="x", name=Text("x", "x"), type="number", unit=unit, index=1000)
    assert typed.quantity(field, text) == (None if expected is None else Decimal(expected))


POWER = Field(key="power", name=Text("功率", "Power"), type="number", unit="kW", index=1000)
SEEN = Field(key="seen", name=Text("时间", "Time"), type="datetime", index=1001)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_text_breaks_a_comparison(low: str, high: str, value: str) -> None:
    for spec in (library.starter("machinery"), library.starter("food")):
        for field in (*spec.fields, POWER, SEEN):
            wanted = Range(field.key, low, high)
            typed.words([field], wanted)
            typed.holds(field, value, wanted)
            typed.spelling(field, value)
            typed.number(field, value)


@pytest.mark.parametrize(
    ("wanted", "inside"),
    [
        (Range("seen", "2026-11-20", "2026-11-20"), True),  # the whole day in China
        (Range("seen", "2026-11-20T15:00:00Z", ""), True),
        (Range("seen", "2026-11-20T15:30:00Z", "", above=True), False),
        (Range("seen", "2026-11-20", "", above=True), False),
        (Range("seen", "", "2026-11-20T23:30:00+08:00", below=True), False),
        (Range("seen", "2026-11-19", "2026-11-21", below=True), True),
    ],
)
def test_a_day_of_moments_is_chinas_day(wanted: Range, inside: bool) -> None:
    assert typed.holds(SEEN, "2026-11-20T15:30:00Z", wanted) == inside

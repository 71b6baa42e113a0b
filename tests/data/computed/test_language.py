"""What people can write as a computed tag, what comes out, and that nothing else gets in."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gongfu.data.computed.functions import Kind, Moment, Value
from gongfu.data.computed.language import LONGEST, compile_expression
from gongfu.kernel.errors import Invalid

_KINDS = {"a": Kind.NUMBER, "b": Kind.NUMBER, "on": Kind.BOOLEAN, "状态": Kind.TEXT, "功率": Kind.NUMBER}
_ZONE = ZoneInfo("Asia/Shanghai")


def _value(text: str, **values: Value) -> Value:
    return compile_expression(text, _KINDS).value(Moment(0, values, 300_000_000, _ZONE))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", 7.0),
        ("(a + b) / 2", 2.0),
        ("（a＋b）÷ 2", 2.0),
        ("a ** b", 1.0),
        ("min(a, b, 5)", 1.0),
        ("clamp(b * 10, 0, 25)", 25.0),
        ("a if on else b", 3.0),
        ("功率 × 0.8 if 状态 == “运行” else 0", 8.0),
        ("a ≥ 1 且 b < 10", 1.0),
        ("1 < b < 3", 0.0),
        ("not on", 1.0),
        ('convert(功率, "kW", "W")', 10_000.0),
        ('convert(a, "°C", "℉")', pytest.approx(33.8)),
        ("round(b / 7, 2)", 0.43),
        ("first(sqrt(-1), a)", 1.0),
        ("known(1 / 0 + a)", 0.0),
        ('"高" if b > 2 else "低"', None),
    ],
)
def test_expressions_give_what_they_say(text: str, expected: Value) -> None:
    if expected is None:  # an expression needs no number, but an input
        expected = "高"
    assert _value(text, a=1.0, b=3.0, on=0.0, 状态="运行", 功率=10.0) == expected


@pytest.mark.parametrize("text", ["a / 0", "sqrt(a - 5)", "a ** 9999999 * 10 ** 300 * 10 ** 300", "exp(a * 1e9)"])
def test_what_is_not_defined_is_unknown(text: str) -> None:
    assert _value(text, a=2.0) is None


def test_unknown_goes_through_except_where_it_does_not_matter() -> None:
    assert _value("a + b", a=1.0) is None
    assert _value("a > 0 or b > 0", a=1.0) == 1.0
    assert _value("a > 0 and b > 0", a=0.0) == 0.0
    assert _value("a > 0 and b > 0", a=1.0) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a +", "cannot be read"),
        ("c + 1", "'c' is none of the inputs"),
        ("foo(a)", "no function 'foo'"),
        ("状态 + 1", "a text where a number is needed"),
        ("状态 > 3", "compares a text"),
        ("a.real", "not part of the language"),
        ("a[0]", "not part of the language"),
        ("__import__('os').system('id') or a", "not part of the language"),
        ("(lambda: a)()", "not part of the language"),
        ("[a for b in a]", "not part of the language"),
        ("f'{a}'", "not part of the language"),
        ('mean(a, "40d")', "no length of time"),
        ('convert(a, "kW", "°C")', "cannot be converted"),
        ('convert(a, "Schmurz", "W")', "no unit"),
        ("1 + 2", "uses no input"),
        ("", "is empty"),
        ("-" * 60 + "a", "nested"),
        ("a" + "+a" * 900, "parts"),
        ("a" * (LONGEST + 1), "longer"),
        ("+".join(["today(a)"] * 31), "remembers in more"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        compile_expression(text, _KINDS)


_TOKENS = st.sampled_from(
    [
        "a",
        "b",
        "on",
        "状态",
        "功率",
        "1",
        "0",
        "9e99",
        "(",
        ")",
        "（",
        "+",
        "-",
        "*",
        "**",
        "/",
        "//",
        "%",
        "<",
        "==",
        "and",
        "or",
        "not",
        "if",
        "else",
        ",",
        "min(",
        "mean(",
        "total(",
        "today(",
        "convert(",
        '"10m"',
        '"h"',
        '"kW"',
        "“",
        "[",
        ".",
        "lambda",
        ":=",
        "await",
        "\x00",
        "且",
        "非",
        "𝒂",
    ]
)


@settings(deadline=None)
@given(st.lists(_TOKENS, max_size=25).map(" ".join) | st.text(max_size=60))
@example("a\x00")
@example("(" * 300 + "a" + ")" * 300)
def test_whatever_is_typed_is_refused_clearly_or_computed(text: str) -> None:
    try:
        expression = compile_expression(text, _KINDS)
    except Invalid:
        return
    for given_ in (0.0, -1.0, 1e300, None):
        value = expression.value(Moment(1, {"a": given_, "b": 2.0, "on": 1.0, "状态": "x"}, 1, _ZONE))
        assert value is None or isinstance(value, str) or math.isfinite(value)

"""Patterns find what Python's own matcher finds, and never take long."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.lines.matcher import Matcher, TooMuchWork

ATOMS = st.sampled_from(
    ["a", "b", "1", " ", ".", r"\d", r"\w", r"\S", "[ab]", "[^a]", "[0-9.]", r"\.", r"\x61", "[a-c-]"]
)
QUANTIFIERS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}", "*?", "+?", "??", "{1,2}?"])


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Patterns without repeated groups, in which matchers may differ about what an empty turn has caught."""
    made = ""
    for index in range(draw(st.integers(1, 5))):
        body = "".join(draw(ATOMS) + draw(QUANTIFIERS) for _ in range(draw(st.integers(1, 3))))
        if draw(st.booleans()):
            other = draw(ATOMS) + draw(QUANTIFIERS)
            body = f"{body}|{other}"
        kind = draw(st.sampled_from(["named", "plain", "optional"]))
        made += (
            f"(?P<g{index}>{body})"
            if kind == "named"
            else f"(?:{body})"
            if kind == "plain"
            else f"(?P<g{index}>{body})?"
        )
    return draw(st.sampled_from(["", "^"])) + made + draw(st.sampled_from(["", "$"]))


@given(patterns(), st.text("ab1 .\nä-", max_size=12))
def test_it_finds_what_pythons_matcher_finds(pattern: str, line: str) -> None:
    # re.DOTALL: a line has no line end inside; \Z: nor one behind its end that "$" would overlook.
    foreign = re.compile(re.sub(r"\$$", r"\\Z", pattern), re.DOTALL | re.ASCII).search(line)
    found = Matcher(pattern).search(line)
    assert found == (None if foreign is None else foreign.groupdict())


@pytest.mark.parametrize(
    ("pattern", "line", "groups"),
    [
        (r"S (?P<s>[SD]) +(?P<x>[-0-9.]+) (?P<u>\w+)", "S S     100.00 g", {"s": "S", "x": "100.00", "u": "g"}),
        (r"(?i)(?P<x>kg|G)", "12 KG", {"x": "KG"}),
        (r"(?P<all>.*)", "温度 25℃", {"all": "温度 25℃"}),
        (r"(?P<t>[温湿]度) (?P<n>[^℃]+)", "温度 25℃", {"t": "温度", "n": "25"}),
        (r"(?P<a>a{2,3}?)(?P<b>a*)", "aaaa", {"a": "aa", "b": "aa"}),
        (r"a(?P<x>)b", "ab", {"x": ""}),
        (r"[]x]+(?P<n>\])", "x]]", {"n": "]"}),
        (r"(?P<n>a{x)", "a{x", {"n": "a{x"}),
        (r"(?P<n>(?:(?:a|b*)*)+)c", "abbac", {"n": "abba"}),
    ],
)
def test_examples(pattern: str, line: str, groups: dict[str, str]) -> None:
    assert Matcher(pattern).search(line) == groups


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "a)", "[", "[a", "*", "a**", "a*+", "(?P<>a)", "(?P<1>a)", "(?P<a>x)(?P<a>y)", "(?=a)", "(?<a>b)"),
        *("(?P=a)", r"\1", r"\b", "\\", "[b-a]", "a{3,2}", "a{999}", "^*", "x{1}{2}?+", "(" * 50 + ")" * 50, r"\xg1"),
        *("((a{200}){200}){200}", "((((((){200}){200}){200}){200}){200}){200}", r"[\d-z]"[:5]),
    ],
)
def test_what_it_does_not_know_is_refused_with_the_place(pattern: str) -> None:
    with pytest.raises(BadConfiguration, match="The pattern"):
        Matcher(pattern)


@given(st.text(r"ab(){}[]|*+?^$\.,0123456789dswxP<>:-=!i", max_size=30), st.text("ab01", max_size=30))
def test_no_pattern_makes_it_fail_or_hang(pattern: str, line: str) -> None:
    with contextlib.suppress(BadConfiguration, TooMuchWork):
        Matcher(pattern).search(line)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+",
        r"(a|a)*",
        r"(a|aa)+",
        r"(.*a){20}",
        r"a*a*a*a*a*a*a*a*",
        r"(?:(?:(?:a*)*)*)*",
        r"(a?){200}a{200}",
    ],
)
def test_patterns_that_make_others_hang_end_in_time(pattern: str) -> None:
    start = time.process_time()
    with contextlib.suppress(TooMuchWork):
        assert Matcher(pattern + "b").search(4096 * "a" + "!") is None
    assert time.process_time() - start < 2

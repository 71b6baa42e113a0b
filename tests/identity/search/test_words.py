"""By which words an identifier is found."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.search import asking, words

PUMP = Record(
    parse("88.118.1/CNC-0012_a"),
    (
        Value(2, "NAME", "一号循环泵 Type-C".encode()),
        Value(5, "MODEL", "XK-7 大".encode()),
        Value(100, "HS_ADMIN", b"secret"),
        Value(101, "RAW", b"\xff\xfe"),
    ),
    1,
    1,
)


def fits(record: Record, text: str) -> bool:
    return asking.fits(record, None, asking.resolve(words.ask(text), {}))


@pytest.mark.parametrize(
    "text",
    [
        "", "循环", "循环泵", "泵", "一号循环泵", "type", "Type-C", "cnc", "CNC-0012", "88.118.1/CNC-0012", "0012 循环",
        "MODEL=\"xk-7 大\"", "ＣＮＣ", "NAME=\"一号循环泵 type-c\"", "cnc MODEL=\"XK-7 大\"",
    ],
)  # fmt: skip
def test_it_is_found_by_its_words(text: str) -> None:
    assert fits(PUMP, text)


@pytest.mark.parametrize("text", ["压机", "环循", "001", "cncx", "secret", "MODEL=XK-7", "NAME=循环", "循环 压机"])
def test_and_not_by_others(text: str) -> None:
    assert not fits(PUMP, text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=120), st.text(max_size=60))
def test_an_identifier_is_found_by_the_whole_of_any_of_its_values(value: str, other: str) -> None:
    record = Record(parse("88.118.1/A"), (Value(2, "NAME", value.encode()), Value(3, "X", other.encode())), 1, 1)
    asked = words.ask(re.sub("[=＝<>≤≥/]", " ", value[:100]))
    runs_cut = any(len(word) > 1 for word in asked.words) and len(value) > 100
    assert runs_cut or asking.fits(record, None, asking.resolve(asked, {}))
    assert len(words.of(record)) <= words.MAX_WORDS

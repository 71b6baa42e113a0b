"""The targets are those of the documents, word for word."""

from __future__ import annotations

import contextlib
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.governance.indicators import catalogue, measuring
from gongfu.governance.indicators.catalogue import Bound, Document, Kind, Target
from gongfu.kernel.errors import Invalid, NotFound

SEEDS = Path(__file__).parents[4] / "shared/seeds"
"""Folder of the documents themselves, which are not part of the repository."""
FILES = {
    "shanghai-2020": "000_*.txt",
    "shanghai-2017": "001_*.txt",
    "qingpu-2021": "002_*.txt",
    "national-2021": "003_*.txt",
    "luan-draft": "004_*.txt",
}
NUMBERS = {"shanghai-2020": 21, "shanghai-2017": 5, "qingpu-2021": 28, "national-2021": 47, "luan-draft": 5}
TARGETS = [(one, target) for one in catalogue.documents() for target in one.target]
_ONE = """title = "t"
title_en = "t"
short = "t"
short_en = "t"
number = ""
issuer = "i"
issuer_en = "i"
since = 2021-01-01
until = 2023-12-31
"""


def _plain(text: str) -> str:
    return re.sub(r"[\s*]+", "", text)


def test_each_document_has_its_targets() -> None:
    assert {one.key: len(one.target) for one in catalogue.documents()} == NUMBERS


@pytest.mark.parametrize("document", catalogue.documents(), ids=lambda one: one.key)
def test_words_stand_in_the_document(document: Document) -> None:
    found = next(SEEDS.glob(FILES[document.key]), None) if SEEDS.exists() else None
    if found is None:
        pytest.skip("the documents are not here")
    text = _plain(found.read_text(encoding="utf-8"))
    assert [one.key for one in document.target if _plain(one.words) not in text] == []
    departments = {name for one in document.target for name in one.departments}
    assert [name for name in departments if name not in text] == []


@pytest.mark.parametrize(("document", "target"), TARGETS, ids=[f"{one.key}-{target.key}" for one, target in TARGETS])
def test_the_number_stands_in_the_words(document: Document, target: Target) -> None:
    if target.cite == "附件1":
        return  # its numbers stand in columns
    words = _plain(target.words)
    goal = target.by[-1]
    spelt = {f"{goal.least:f}", *_SPELT.get(int(goal.least), ())}
    assert any(one in words for one in spelt), target.words
    if goal.most is not None:
        assert f"{goal.most:f}" in words
    if target.bound is Bound.AT_LEAST:
        assert re.search("以上|不少于|不低于|至少|超过", words)


_SPELT = {
    100: ("百",),
    200: ("翻一番",),
    1: ("Ｚ", "Z", "PB"),
    20000: ("2万",),
    150000: ("15万",),
    10000: ("1万",),
    500000: ("50万",),
    30000000: ("3000万",),
    10000000: ("千万",),
    15000000000: ("150亿",),
}


def test_the_annex_of_qingpu_is_complete() -> None:
    """青浦附件1: twelve rows, two of them with two figures, each for two years."""
    annex = catalogue.document("qingpu-2021").annex
    assert sorted({one.row for one in annex}) == list(range(1, 13))
    assert [(one.key, *(int(goal.least) for goal in one.by)) for one in annex] == [
        ("A1", 1, 1),
        ("A2", 1, 1),
        ("A3", 2, 3),
        ("A4", 1, 2),
        ("A5", 5000, 7000),
        ("A6", 50, 70),
        ("A7", 2, 2),
        ("A8a", 1600, 1800),
        ("A8b", 25, 40),
        ("A9", 10, 10),
        ("A10", 5, 5),
        ("A11a", 1, 1),
        ("A11b", 3, 3),
        ("A12", 1, 1),
    ]
    assert all([goal.year for goal in one.by] == [2022, 2023] for one in annex)
    assert all(one.kind is Kind.CUMULATIVE for one in annex)


def test_every_measure_has_a_function() -> None:
    assert set(measuring.MEASURES) == catalogue.MEASURES


def test_what_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        catalogue.document("qingpu-1999")
    with pytest.raises(NotFound):
        catalogue.document("qingpu-2021").find("A99")


def _target(**changed: str) -> str:
    fields = {
        "key": '"a"',
        "cite": '"一"',
        "name": '"n"',
        "name_en": '"n"',
        "words": '"w"',
        "unit": '"个"',
        "by": '[{ year = 2022, least = "1" }]',
    }
    return "[[target]]\n" + "\n".join(f"{name} = {value}" for name, value in (fields | changed).items()) + "\n"


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": "[]"},
        {"by": '[{ year = 2030, least = "1" }]'},
        {"by": '[{ year = 2022, least = "0" }]'},
        {"by": '[{ year = 2022, least = "-1" }]'},
        {"by": '[{ year = 2022, least = "1e40" }]'},
        {"by": '[{ year = 2022, least = "1", most = "2" }]'},
        {"by": '[{ year = 2023, least = "1" }, { year = 2022, least = "1" }]'},
        {"bound": '"range"'},
        {"measure": '"luck"'},
        {"kind": '"wish"'},
        {"words": '""'},
    ],
)
def test_a_document_that_cannot_be_right_is_refused(wrong: dict[str, str]) -> None:
    assert catalogue.parse(_ONE + _target(), "x").target[0].by[0].least == Decimal(1)
    with pytest.raises(Invalid):
        catalogue.parse(_ONE + _target(**wrong), "x")


def test_a_key_used_twice_is_refused() -> None:
    with pytest.raises(Invalid):
        catalogue.parse(_ONE + _target() + _target(), "x")


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(Invalid):
        catalogue.parse(text, "x")

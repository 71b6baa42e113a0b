"""Which identifiers may be registered, and which spellings name the same one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.handle import names
from gongfu.identity.handle.errors import BadHandle


@pytest.mark.parametrize(
    "text", ["88.118.1/CNC-01", "88.118.1/a/b?c=d", "88.100.ABC123/数控机床-01", "88.118/x", "88.118.1/" + "x" * 246]
)
def test_a_good_identifier_is_kept_as_written(text: str) -> None:
    assert str(names.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "88.118.1",
        "88.118.1/",
        "/x",
        "10.1000/182",
        "88/x",
        "88.118.1.2/x",
        "88.118.一/x",
        "88.١١٨.1/x",
        "88.118.1/a\x00b",
        "88.118.1/a\u200bb",
        "88.118.1/a\ud800",
        "88.118.1/ x",
        "88.118.1/x\n",
        "88.118.1/" + "x" * 247,
        "88.118.1/" + "机" * 83,
    ],
)
def test_a_bad_identifier_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(BadHandle) as caught:
        names.parse(text)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("88.118.1/cnc-01", "88.118.1/CNC-01"),
        ("88.118.abc/x", "88.118.ABC/X"),
        ("88.118.1/cafe\u0301", "88.118.1/caf\u00e9"),
    ],
)
def test_case_and_normal_form_do_not_matter_to_a_look_up(one: str, other: str) -> None:
    assert names.key(one.encode()) == names.key(other.encode()) == names.parse(one).key == names.parse(other).key


def test_letters_beyond_ascii_are_not_folded() -> None:
    assert names.key("88.118.1/é".encode()) != names.key("88.118.1/É".encode())


@given(st.text(max_size=40))
def test_what_may_be_registered_is_found_under_every_way_to_look_it_up(suffix: str) -> None:
    text = f"88.118.1/{suffix}"
    try:
        handle = names.parse(text)
    except BadHandle:
        return
    assert handle.key == names.key(text.encode()) == names.key(str(handle).encode())
    assert names.prefix_key(handle.key) == b"88.118.1"


@pytest.mark.parametrize("raw", [b"\xff/x", b"no-slash", b"/" * 2049, "机".encode()])
def test_a_look_up_of_what_is_no_identifier_is_refused(raw: bytes) -> None:
    with pytest.raises(BadHandle):
        names.key(raw)


def test_secondary_and_enterprise_prefixes_are_told_apart() -> None:
    assert names.is_secondary("88.118")
    assert not names.is_enterprise("88.118")
    assert names.is_enterprise("88.118.1")
    assert not names.is_secondary("88.118.1")
    assert names.parent("88.118.1") == "88.118"

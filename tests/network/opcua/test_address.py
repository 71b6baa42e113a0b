"""OPC UA node ids as text."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.opcua.address import Address, IdType, parse


# The examples of OPC UA Part 6 §5.3.1.10, and the namespace by URI.
@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("i=13", Address(0, "", IdType.NUMBER, 13)),
        ("ns=10;i=1", Address(10, "", IdType.NUMBER, 1)),
        ("ns=10;s=Hello:World", Address(10, "", IdType.STRING, "Hello:World")),
        (
            "g=09087e75-8e5e-499b-954f-f2a9603db28a",
            Address(0, "", IdType.GUID, uuid.UUID("09087e75-8e5e-499b-954f-f2a9603db28a")),
        ),
        (
            "ns=1;b=M/RbKBsRVkePCePcx24oRA==",
            Address(1, "", IdType.BYTES, bytes.fromhex("33f45b281b1156478f09e3dcc76e2844")),
        ),
        ("nsu=urn:maker:press;s=主轴;转速=1", Address(0, "urn:maker:press", IdType.STRING, "主轴;转速=1")),
        ("nsu=http://a.example/%3B;i=7", Address(0, "http://a.example/;", IdType.NUMBER, 7)),
        (' ns=3;s="DB"."x" ', Address(3, "", IdType.STRING, '"DB"."x"')),
    ],
)
def test_notation(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ns=2",
        "ns=2;",
        "ns=2;x=1",
        "ns=65536;i=1",
        "ns=-1;i=1",
        "i=abc",
        "i=4294967296",
        "i=٣",
        "g=123",
        "b=*",
        "s=",
        "nsu=;i=1",
    ],
)
def test_what_is_no_node_id_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        parse(text)
    assert text in str(refusal.value)


@given(st.text() | st.from_regex(r"(ns=\d{1,6};|nsu=[^;]{1,9};)?[isgb]=.{1,20}", fullmatch=True))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        address = parse(text)
    except BadConfiguration:
        return
    assert 0 <= address.namespace <= 65535

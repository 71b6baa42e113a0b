"""OPC UA node ids as text."""

from __future__ import annotations

import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.opcua.address import (
    Address,
    Deadband,
    Events,
    IdType,
    Method,
    Variable,
    parse,
    parse_deadband,
    parse_target,
    write,
)


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


@given(st.text() | st.from_regex(r"(ns=\d{1,6};|nsu=[^;]{1,9};)?[isgb]=.{1,20}", fullmatch=True))
def test_what_is_written_is_read_again(text: str) -> None:
    try:
        address = parse(text)
    except BadConfiguration:
        return
    assert parse(write(address)) == (address if not address.uri else msgspec.structs.replace(address, namespace=0))


X = Address(2, "", IdType.STRING, "Press.X")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("ns=2;s=Press.X", Variable(X)),
        ("ns=2;s=Press.X | deadband=0.5", Variable(X, deadband=Deadband(0.5))),
        (
            "ns=2;s=Press.X | sampling=0.05 queue=7 deadband=2%",
            Variable(X, sampling=0.05, queue=7, deadband=Deadband(2, percent=True)),
        ),
        ("ns=2;s=Press.X | index=0", Variable(X, index=0)),
        ("ns=2;s=a|b", Variable(Address(2, "", IdType.STRING, "a|b"))),
        ("ns=2;s=a | b", Variable(Address(2, "", IdType.STRING, "a | b"))),
        ("event:ns=2;s=Press.X", Events(X)),
        ("method:i=85/ns=2;s=Press.X", Method(Address(0, "", IdType.NUMBER, 85), X)),
        (
            "method:nsu=http://maker.example/press/;s=A/B/ns=2;s=Press.X",
            Method(Address(0, "http://maker.example/press/", IdType.STRING, "A/B"), X),
        ),
    ],
)
def test_a_tag_is_a_variable_a_source_of_events_or_a_method(text: str, target: object) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text",
    [
        "event:",
        "event:x",
        "method:i=85",
        "method:i=85/x",
        "method:/i=85",
        "ns=2;s=x | sampling=fast",
        "ns=2;s=x | sampling=nan",
        "ns=2;s=x | queue=0",
        "ns=2;s=x | deadband=wide",
        "ns=2;s=x | deadband=101%",
        "ns=2;s=x | index=-1",
        "ns=2;s=x | colour=red",
    ],
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration):
        parse_target(text)


@given(st.text(alphabet="nsi=2;|/ :%.methodvqu0", max_size=40))
def test_no_text_breaks_the_parser_of_targets(text: str) -> None:
    try:
        target = parse_target(text)
    except BadConfiguration:
        return
    assert isinstance(target, Variable | Events | Method)


def test_no_dead_band_is_none() -> None:
    assert parse_deadband(" ") == Deadband()

"""What peers answer to the probes that read themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.discovery import banners

AGENT = b"""HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<?xml version="1.0"?>
<MTConnectDevices xmlns="urn:mtconnect.org:MTConnectDevices:1.3"><Header/><Devices><Device id="d" name="VMC-4Axis">
<Description manufacturer="Mazak" model="VCN-530C" serialNumber="272237">A mill</Description>"""


def test_an_mtconnect_agent_says_maker_and_model_even_when_its_answer_is_cut_off() -> None:
    found = banners.mtconnect(AGENT)
    assert found is not None
    assert (found.vendor, found.product, found.serial_number) == ("Mazak", "VCN-530C", "272237")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 404 Not Found\r\n\r\n<MTConnectDevices/>",
        b"HTTP/1.1 200 OK\r\n\r\n<html><MTConnectDevices/></html>",
        b"HTTP/1.1 200 OK\r\n\r\n<!DOCTYPE a [<!ENTITY b 'c'>]><MTConnectDevices/>",
        b"HTTP/1.1 200 OK\r\n\r\n<not closed",
    ],
)
def test_other_answers_are_no_agent(answer: bytes) -> None:
    assert banners.mtconnect(answer) is None


def test_a_broker_tells_whether_it_asks_for_a_password() -> None:
    open_one, closed = banners.mqtt(bytes.fromhex("20020000")), banners.mqtt(bytes.fromhex("20020005"))
    assert open_one is not None
    assert closed is not None
    assert (open_one.product, open_one.detail, closed.detail) == ("MQTT broker", "", "asks for a password")
    assert banners.mqtt(b"HTTP") is None


def test_a_web_server_is_named_by_its_page() -> None:
    found = banners.http(b"HTTP/1.1 200 OK\r\nServer: GoAhead\r\n\r\n<html><TITLE>SIMATIC 1200</TITLE>")
    assert found is not None
    assert (found.product, found.detail) == ("SIMATIC 1200", "GoAhead")
    assert banners.http(b"SSH-2.0-OpenSSH_9\r\n") is None


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    for read in (banners.mtconnect, banners.http, banners.mqtt):
        read(data)
        read(b"HTTP/1.1 200 OK\r\n\r\n<" + data)

"""Authorities on the other side: what they answer, what they refuse, and when they cannot be reached."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.schemes import asking, codes, dns_messages, routing
from gongfu.identity.schemes.dns_messages import Kind
from gongfu.identity.schemes.errors import NotConfigured, UnknownCode, Unreachable
from gongfu.identity.schemes.routing import Authority, Route
from tests.identity.schemes import standin

GTIN = "(01)09506000134352(21)A/1"


def way(text: str, servers: Mapping[Authority, str]) -> Route:
    return routing.route(codes.parse(text), servers)


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# --- whom to ask ---


@pytest.mark.parametrize(
    ("text", "setting"),
    [(GTIN, "gs1_resolver_url"), ("did:bid:byo1", "did_resolver_url"), ("Ecode:100011", "ecode_resolver_url")],
)
def test_a_scheme_without_a_configured_authority_is_answered_with_the_setting_to_fill(text: str, setting: str) -> None:
    with pytest.raises(NotConfigured) as caught:
        way(text, {})
    assert setting in caught.value.text("en")
    assert setting in caught.value.text("zh-hans")


def test_nobody_answers_for_a_uuid() -> None:
    with pytest.raises(UnknownCode):
        way("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", {})


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/01/09506000134352/21/A%2F1",
        "http://169.254.169.254/01/09506000134352/10/..%2F..%2Fadmin",
        "https://user:secret@evil.example:8080/some/stem/01/09506000134352?linkType=all",
        "(01)09506000134352(10)?x=http://evil.ex/",
        "https://hdl.handle.net/10.1000/http://evil.example/",
        "did:web:evil.example",
        "VAA0881/http://evil.example/",
    ],
)
def test_only_the_configured_server_is_ever_called_whatever_address_the_code_holds(text: str) -> None:
    servers = {
        Authority.GS1: "https://resolver.example",
        Authority.DID: "https://did.example",
        Authority.HANDLE: "127.0.0.1:2641",
    }
    route = way(text, servers)
    assert route.server in servers.values()
    if route.authority is not Authority.HANDLE:
        assert route.question.startswith(route.server + "/")
        assert ".." not in route.question.partition("?")[0].split("/")


def test_an_object_identifier_too_long_for_the_dns_is_not_asked() -> None:
    with pytest.raises(UnknownCode):
        way("1.2." + ".".join(["123456789"] * 30), {Authority.ORS: "127.0.0.1:53"})


# --- GS1 and DID over HTTP ---


def test_the_links_of_a_gs1_resolver_are_shown() -> None:
    seen: list[tuple[str, str]] = []

    def answer(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        seen.append((path, headers["accept"]))
        target = {"href": "https://maker.example/p", "title": "产品", "hreflang": ["zh"], "type": "text/html"}
        hidden = {"href": "javascript:alert(1)"}
        linkset = {"linkset": [{"anchor": "x", "https://gs1.org/voc/pip": [target, hidden]}]}
        return 200, {"Content-Type": "application/linkset+json"}, json.dumps(linkset).encode()

    with standin.http(answer) as base:
        found = asking.ask(way(GTIN, {Authority.GS1: base}))
    assert seen == [("/01/09506000134352/21/A%2F1?linkType=linkset", "application/linkset+json")]
    assert [(link.linktype, link.href, link.title) for link in found.links] == [
        ("https://ref.gs1.org/voc/pip", "https://maker.example/p", "产品")
    ]


def test_a_redirect_is_shown_and_not_followed() -> None:
    asked: list[str] = []

    def answer(path: str, _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        asked.append(path)
        return 307, {"Location": "http://127.0.0.1:1/internal"}, b""

    with standin.http(answer) as base:
        found = asking.ask(way(GTIN, {Authority.GS1: base}))
    assert len(asked) == 1
    assert [link.href for link in found.links] == ["http://127.0.0.1:1/internal"]


def test_a_did_document_is_shown_line_by_line() -> None:
    document = {"didDocument": {"id": "did:bid:byo1", "service": [{"type": "DIDSubResolver"}]}}

    def answer(path: str, _: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        assert path == "/1.0/identifiers/did:bid:byo1"
        return 200, {}, json.dumps(document).encode()

    with standin.http(answer) as base:
        found = asking.ask(way("did:bid:byo1", {Authority.DID: base + "/"}))
    assert [(fact.name, fact.value) for fact in found.facts] == [
        ("didDocument.id", "did:bid:byo1"),
        ("didDocument.service.0.type", "DIDSubResolver"),
    ]


def test_an_authority_that_knows_nothing_says_so() -> None:
    with standin.http(lambda *_: (404, {}, b"")) as base, pytest.raises(UnknownCode, match="knows nothing"):
        asking.ask(way("Ecode:100011", {Authority.ECODE: base}))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (200, b"<html>"),
        (200, b"[1]"),
        (200, b'{"linkset": {}}'),
        (200, b'{"linkset": [{"x": [{"title": "no target"}]}]}'),
        (200, b'{"linkset": [{"x": [{"href": "https://a.example", "hreflang": "en"}]}]}'),
        (200, b"[" * 100_000),
    ],
)
def test_an_answer_that_cannot_be_understood_is_an_unreachable_authority(status: int, body: bytes) -> None:
    with standin.http(lambda *_: (status, {}, body)) as base, pytest.raises(Unreachable):
        asking.ask(way(GTIN, {Authority.GS1: base}))


def test_an_authority_that_refuses_or_is_silent_is_named_within_the_time() -> None:
    with pytest.raises(Unreachable) as caught:
        asking.ask(way(GTIN, {Authority.GS1: f"http://user:secret@127.0.0.1:{closed_port()}"}))
    assert "secret" not in caught.value.text("en")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(Unreachable, match="timed out"):
            asking.ask(way(GTIN, {Authority.GS1: base}), seconds=0.3)
        assert time.monotonic() - start < 1.5


def test_an_authority_that_answers_drop_by_drop_does_not_hold_the_page() -> None:
    ended = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            try:
                while not ended.wait(0.05):
                    connection.sendall(b" ")
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,), daemon=True)
        thread.start()
        start = time.monotonic()
        with pytest.raises(Unreachable):
            asking.ask(way(GTIN, {Authority.GS1: f"http://127.0.0.1:{server.getsockname()[1]}"}), seconds=0.5)
        assert time.monotonic() - start < 2
        ended.set()
        thread.join()


# --- DNS and the OID resolution system ---


@pytest.mark.parametrize("truncate", [False, True])
def test_a_domain_name_is_asked_of_the_dns(truncate: bool) -> None:
    zone = {
        ("example.com", 1): [standin.record(1, bytes([192, 0, 2, 1]))],
        ("example.com", 28): [standin.record(28, bytes(15) + b"\1")],
    }
    with standin.dns(zone, truncate=truncate) as server:
        found = asking.ask(way("Example.com", {Authority.DNS: server}))
        assert [(fact.name, fact.value) for fact in found.facts] == [("A", "192.0.2.1"), ("AAAA", "::1")]
        with pytest.raises(UnknownCode):
            asking.ask(way("nobody.example", {Authority.DNS: server}))


def test_an_object_identifier_is_asked_of_the_oid_resolution_system() -> None:
    zone = {
        ("1.156.16.2.oid-res.org", 35): [
            standin.naptr("ORS+RINF", "!^.*$!https://oid.example/2.16.156.1.xml!"),
            standin.naptr("ORS+CINF", "!(a+)+$!http://evil.example/\\1!"),
        ]
    }
    with standin.dns(zone) as server:
        found = asking.ask(way("urn:oid:2.16.156.1", {Authority.ORS: server}))
    assert [fact.name for fact in found.facts] == ["NAPTR", "NAPTR"]
    assert [(link.linktype, link.href) for link in found.links] == [
        ("ORS+RINF", "https://oid.example/2.16.156.1.xml")
    ], "a stranger's regular expression is shown, never run"


def test_a_dns_server_that_is_silent_is_named_within_the_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
            asking.ask(way("example.com", {Authority.DNS: f"127.0.0.1:{silent.getsockname()[1]}"}), seconds=0.3)


@pytest.mark.parametrize(
    ("configured", "server"), [("192.0.2.53", "192.0.2.53:53"), ("192.0.2.53:5353", "192.0.2.53:5353")]
)
def test_the_dns_server_of_the_settings_wins(configured: str, server: str) -> None:
    assert asking.nameserver(configured) == server


@given(st.binary(max_size=120))
def test_no_octets_break_the_reader_of_dns_answers(octets: bytes) -> None:
    question = dns_messages.question(7, "example.com", Kind.NAPTR)
    for packet in (octets, question[:2] + b"\x81\x80" + question[4:6] + b"\0\5" + question[8:] + octets):
        try:
            found = dns_messages.answer(packet, 7, "example.com", Kind.NAPTR)
        except Unreachable:
            continue
        for record in found.records if found else ():
            dns_messages.naptr_target(record)


def test_a_name_that_points_at_itself_ends() -> None:
    question = dns_messages.question(7, "example.com", Kind.CNAME)
    loop = question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:]
    here = len(loop)
    loop += bytes([0xC0 | here >> 8, here & 0xFF]) + b"\0\5\0\1\0\0\0\0\0\0"
    with pytest.raises(Unreachable):
        dns_messages.answer(loop, 7, "example.com", Kind.CNAME)

"""Identifiers and prefixes in the console, for everybody with a phone, and for programs."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from django.test import Client

from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import device_identifiers, resolving, services
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.registry.values import Nameplate
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.counters import Counters, Transport, shared
from gongfu.identity.resolver.server import bind, serve_udp
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.settings import Settings, settings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]
Commit = Callable[..., AbstractContextManager[object]]
Plants = tuple[Organisation, Organisation]

HANDLE = "88.118.1/CNC-01"


@pytest.fixture
def pump(plants: Plants, commit: Commit) -> str:
    with commit(execute=True):
        plate = Nameplate(
            "一号循环泵", "centrifugal-pump", plants[0].name, manufacturer="<b>南方</b>泵业", serial_number="S-77"
        )
        device_identifiers.register(HANDLE, plate)
    found = services.resolve_local(HANDLE)
    assert found is not None
    secret = Value(100, "NOTE", "内部备注".encode(), permissions=Permission.ADMIN_READ)
    services.store().put(Record(found.handle, (*found.values, secret), found.registered, found.modified))
    return HANDLE


def signed_in(user: User, language: str = "en") -> Client:
    user.language = language
    user.save()
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def resolver(store: IdentifierStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    udp = bind("127.0.0.1", 0, socket.SOCK_DGRAM)
    port = int(udp.getsockname()[1])
    node = settings()
    changed = {name: getattr(node, name) for name in Settings.__struct_fields__} | {"handle_port": port}
    monkeypatch.setattr(resolving, "settings", lambda: Settings(**changed))
    with contextlib.closing(udp), serve_udp(udp, Answerer(store, Counters(shared(1)), Transport.UDP)):
        yield port
    assert not any(thread.name == "resolver-udp" for thread in threading.enumerate())


# --- for everybody ---


@pytest.mark.parametrize("handle", [HANDLE, "88.118.1/cnc-01"])
def test_a_scanned_code_shows_what_the_thing_is_without_signing_in(pump: str, handle: str) -> None:
    answer = Client(headers={"cookie": "gongfu_language=en"}).get(f"/id/{handle}")
    page = answer.content.decode()
    assert answer.status_code == 200
    for text in (HANDLE, "一号循环泵", "恒锐", "S-77", "<svg"):
        assert text in page
    assert "&lt;b&gt;南方&lt;/b&gt;泵业" in page, "what people enter is shown, not obeyed"
    assert "内部备注" not in page, "not public"


def test_an_unknown_or_unreadable_identifier_has_a_page_that_says_so(pump: str) -> None:
    for handle in ("88.118.1/NOBODY", "88.118.9/x", "nonsense", "88.118.1/a%00b", "88.118.1/..%2f..%2fsecret"):
        assert Client().get(f"/id/{handle}").status_code == 404


def test_an_identifier_under_a_suspended_prefix_is_not_shown(pump: str, commit: Commit) -> None:
    with commit(execute=True):
        services.change_state(Prefix.objects.get(name="88.118.1"), Prefix.State.SUSPENDED)
    assert Client().get(f"/id/{HANDLE}").status_code == 404


def test_an_identifier_with_nothing_public_is_not_shown(plants: Plants, store: IdentifierStore) -> None:
    hidden = Value(1, "NOTE", b"x", permissions=Permission.ADMIN_READ)
    store.put(Record(parse("88.118.1/hidden"), (hidden,), 1, 1))
    assert Client().get("/id/88.118.1/hidden").status_code == 404


def test_an_identifier_with_unusual_characters_keeps_its_address(li: User) -> None:
    handle = "88.118.1/数控 1?#%/é"
    services.register(li, handle, [Value(1, "NAME", b"x")])
    listed = signed_in(li).get("/identity/identifiers/").content.decode()
    [address] = re.findall(r'class="mono" href="(/identity/identifiers/88[^"]+)"', listed)
    assert signed_in(li).get(address).status_code == 200
    public = "/id/" + address.removeprefix("/identity/identifiers/")
    assert Client().get(public).status_code == 200


# --- for those who sign in ---


def test_identifiers_are_listed_searched_and_narrowed(pump: str, root: User, wang: User) -> None:
    services.register(wang, "88.118.2/IMM-01", [Value(1, "NAME", "注塑机".encode())])
    client = signed_in(root)
    everything = client.get("/identity/identifiers/").content.decode()
    assert HANDLE in everything
    assert "88.118.2/IMM-01" in everything
    searched = client.get("/identity/identifiers/?q=imm").content.decode()
    assert HANDLE not in searched
    assert "88.118.2/IMM-01" in searched
    narrowed = client.get("/identity/identifiers/?prefix=88.118.1").content.decode()
    assert HANDLE in narrowed
    assert "88.118.2/IMM-01" not in narrowed
    part = client.get("/identity/identifiers/", headers={"HX-Request": "true", "HX-Target": "identifiers"})
    assert "<html" not in part.content.decode()


def test_a_long_list_is_paged_to_its_end(li: User, store: IdentifierStore) -> None:
    store.put_many(Record(parse(f"88.118.1/N{number:03}"), (Value(1, "NAME", b"x"),), 1, 1) for number in range(120))
    client = signed_in(li)
    address, seen = "/identity/identifiers/", []
    while address:
        page = client.get(address).content.decode()
        seen += re.findall(r'class="mono" href="/identity/identifiers/88\.118\.1/(N\d+)"', page)
        onward = re.search(r'rel="next" href="(\?[^"]+)"', page)
        address = "/identity/identifiers/" + onward.group(1).replace("&amp;", "&") if onward else ""
    assert seen == [f"N{number:03}" for number in range(120)]


@pytest.mark.parametrize("query", ["prefix=88.118.99", "q=%00", "after=nonsense", "q=" + "x" * 301, "q=88.118.2/"])
def test_addresses_nobody_meant_are_refused_not_broken(li: User, query: str) -> None:
    assert signed_in(li).get(f"/identity/identifiers/?{query}").status_code in (404, 422)


def test_another_organisations_identifiers_are_not_found_anywhere(pump: str, wang: User) -> None:
    client = signed_in(wang)
    assert HANDLE not in client.get("/identity/identifiers/").content.decode()
    assert HANDLE not in client.get("/identity/identifiers/?q=CNC").content.decode()
    assert client.get("/identity/identifiers/?prefix=88.118.1").status_code == 404
    assert client.get(f"/identity/identifiers/{HANDLE}").status_code == 404
    assert client.get("/api/v1/identity/identifiers").json()["items"] == []
    assert client.get(f"/api/v1/identity/identifiers/{HANDLE}").status_code == 404
    assert client.delete(f"/api/v1/identity/identifiers/{HANDLE}").status_code in (403, 404)
    assert "88.118.1" not in client.get("/identity/prefixes/").content.decode()


def test_without_signing_in_only_the_public_page_answers(pump: str) -> None:
    for address in ("/identity/identifiers/", f"/identity/identifiers/{HANDLE}", "/identity/prefixes/"):
        assert Client().get(address).status_code == 302
    assert Client().get("/api/v1/identity/identifiers").status_code == 401


def test_an_identifiers_page_has_every_value_and_the_code_of_its_public_page(pump: str, li: User) -> None:
    page = signed_in(li).get(f"/identity/identifiers/{HANDLE}").content.decode()
    for text in ("SERIAL_NUMBER", "S-77", "内部备注", "Administrators", "<svg", f"{settings().url}/id/{HANDLE}"):
        assert text in page


def test_resolve_now_shows_the_resolvers_own_answer_and_time(pump: str, li: User, resolver: int) -> None:
    page = signed_in(li).get(f"/identity/identifiers/{HANDLE}?resolve=1", headers={"HX-Target": "resolution"})
    text = page.content.decode()
    assert f"UDP · 127.0.0.1:{resolver}" in text
    assert re.search(r"<b>\d+\.\d\d</b> ms", text)
    assert "S-77" in text
    assert "内部备注" not in text


def test_resolve_now_says_when_the_resolver_does_not_answer(
    pump: str, li: User, resolver: int, store: IdentifierStore
) -> None:
    store.unhome("88.118.1")
    page = signed_in(li).get(f"/identity/identifiers/{HANDLE}?resolve=1").content.decode()
    assert "does not answer for the prefix" in page


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_works_in_both_languages_within_15_queries(
    pump: str, root: User, language: str, django_assert_max_num_queries: Commit
) -> None:
    client = signed_in(root, language)
    prefix = Prefix.objects.get(name="88.118.1")
    for address in (
        "/identity/identifiers/",
        f"/identity/identifiers/{HANDLE}",
        "/identity/prefixes/",
        f"/identity/prefixes/{prefix.pk}/",
        "/identity/prefixes/new",
        f"/id/{HANDLE}",
    ):
        with django_assert_max_num_queries(15):
            assert client.get(address).status_code == 200


# --- prefixes ---


def test_the_operator_allots_suspends_and_takes_back_a_prefix(
    root: User, plants: Plants, store: IdentifierStore, commit: Commit
) -> None:
    client = signed_in(root)
    with commit(execute=True):
        answer = client.post("/identity/prefixes/new", {"organisation": plants[0].pk, "name": "88.118.77"})
    assert answer.status_code == 302
    prefix = Prefix.objects.get(name="88.118.77")
    assert "88.118.77" in store.prefixes()
    with commit(execute=True):
        client.post("/identity/prefixes/do/suspend", {"pk": prefix.pk})
    assert "88.118.77" not in store.prefixes()
    with commit(execute=True):
        client.post(f"/identity/prefixes/{prefix.pk}/delete")
    assert not Prefix.objects.filter(name="88.118.77").exists()


@pytest.mark.parametrize("name", ["88.118.1", "88.119.1", "prefix", "88.118.1/x"])
def test_a_prefix_that_cannot_be_allotted_is_refused_in_the_form(root: User, plants: Plants, name: str) -> None:
    answer = signed_in(root).post("/identity/prefixes/new", {"organisation": plants[0].pk, "name": name})
    assert answer.status_code == 422


def test_a_prefix_cannot_be_renamed(root: User, plants: Plants) -> None:
    prefix = Prefix.objects.get(name="88.118.1")
    answer = signed_in(root).post(
        f"/identity/prefixes/{prefix.pk}/edit", {"organisation": plants[0].pk, "name": "88.118.55"}
    )
    assert answer.status_code == 422
    assert Prefix.objects.filter(name="88.118.1").exists()


def test_an_engineer_cannot_allot_a_prefix(li: User, plants: Plants) -> None:
    client = signed_in(li)
    assert client.post("/identity/prefixes/new", {"organisation": plants[0].pk, "name": "88.118.78"}).status_code == 403
    assert not Prefix.objects.filter(name="88.118.78").exists()


# --- programs ---


def test_a_program_registers_reads_lists_and_removes(li: User) -> None:
    client = signed_in(li)
    new = {"handle": "88.118.1/API-1", "values": [{"index": 1, "type": "URL", "data": "http://a.test/"}]}
    answer = client.post("/api/v1/identity/identifiers", new, content_type="application/json")
    assert answer.status_code == 201
    assert client.post("/api/v1/identity/identifiers", new, content_type="application/json").status_code == 409
    got = client.get("/api/v1/identity/identifiers/88.118.1/api-1").json()
    assert (got["handle"], got["values"][0]["data"]) == ("88.118.1/API-1", "http://a.test/")
    assert [item["handle"] for item in client.get("/api/v1/identity/identifiers?q=API").json()["items"]] == [
        got["handle"]
    ]
    assert client.delete("/api/v1/identity/identifiers/88.118.1/API-1").status_code == 204
    assert client.get("/api/v1/identity/identifiers/88.118.1/API-1").status_code == 404


def test_a_program_resolves_over_the_protocol(pump: str, li: User, resolver: int) -> None:
    got = signed_in(li).get(f"/api/v1/identity/resolve/{HANDLE}").json()
    assert (got["transport"], got["authoritative"]) == ("udp", True)
    assert {value["type"] for value in got["values"]} >= {"URL", "NAME", "SERIAL_NUMBER"}


@pytest.mark.parametrize(
    "new",
    [
        {},
        {"handle": "88.118.1/x", "values": []},
        {"handle": "nonsense", "values": [{"index": 1, "type": "URL", "data": ""}]},
        {"handle": "88.118.1/x", "values": [{"index": 0, "type": "URL", "data": ""}]},
        {
            "handle": "88.118.1/x",
            "values": [{"index": 1, "type": "A", "data": ""}, {"index": 1, "type": "B", "data": ""}],
        },
        {"handle": "88.118.1/x", "values": [{"index": 1, "type": "A", "data": "", "more": 1}]},
    ],
)
def test_a_program_that_sends_nonsense_is_told_so(li: User, new: dict[str, object]) -> None:
    answer = signed_in(li).post("/api/v1/identity/identifiers", new, content_type="application/json")
    assert answer.status_code == 422
    assert answer.json()["message"]

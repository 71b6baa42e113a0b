"""Registry data as an RDAP client sees it."""

from __future__ import annotations

import pytest
from django.test import Client
from plants import Plants, signed_in

from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.rdap import pages, rules
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.accounts import tokens
from gongfu.kernel.accounts.models import User

pytestmark = pytest.mark.django_db
HANDLE = "88.118.1/CNC-01"


@pytest.fixture(autouse=True)
def _fresh_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "TURNS", rules.Turns(most=120, seconds=60))


@pytest.fixture
def pump(own_store: IdentifierStore, plants: Plants) -> str:
    hidden = Value(100, "NOTE", b"secret", permissions=Permission.ADMIN_READ)
    own_store.put(Record(parse(HANDLE), (Value(2, "NAME", "泵".encode()), hidden), 1_700_000_000, 1_700_000_060))
    return HANDLE


def english() -> Client:
    return Client(headers={"cookie": "gongfu_language=en"})


def test_an_identifier_says_who_when_where_and_in_which_state(pump: str) -> None:
    answer = english().get("/rdap/identifier/88.118.1/cnc-01")
    assert answer.headers["Content-Type"] == "application/rdap+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    told = answer.json()
    assert (told["objectClassName"], told["handle"], told["prefix"]) == ("identifier", HANDLE, "88.118.1")
    assert told["status"] == ["active"]
    assert told["events"] == [
        {"eventAction": "registration", "eventDate": "2023-11-14T22:13:20Z"},
        {"eventAction": "last changed", "eventDate": "2023-11-14T22:14:20Z"},
    ]
    [holder] = told["entities"]
    assert (holder["objectClassName"], holder["handle"], holder["roles"]) == ("entity", "hengrui", ["registrant"])
    assert holder["vcardArray"][0] == "vcard"
    assert ["fn", {}, "text", "恒锐"] in holder["vcardArray"][1]
    assert told["node"]["name"]
    assert [link["rel"] for link in told["links"]] == ["self", "up", "alternate"]
    assert told["links"][2]["href"].endswith(f"/id/{HANDLE}")
    assert [value["type"] for value in told["values"]] == ["NAME"]
    assert "rdap_level_0" in told["rdapConformance"]
    assert told["notices"]
    assert english().head(f"/rdap/identifier/{HANDLE}").status_code == 200


def test_the_holders_people_see_everything_others_what_is_public(pump: str, li: User, wang: User) -> None:
    def types(client: Client, **headers: str) -> list[str]:
        told = client.get(f"/rdap/identifier/{HANDLE}", headers=headers).json()
        return [value["type"] for value in told["values"]]

    assert types(signed_in(li)) == ["NAME", "NOTE"]
    assert types(signed_in(wang)) == ["NAME"]
    _, text = tokens.create(li, "x")
    assert types(Client(), authorization=f"Bearer {text}") == ["NAME", "NOTE"]
    assert types(Client(), authorization="Bearer gongfu_wrong") == ["NAME"]


def test_an_identifier_that_is_all_private_is_not_found_by_others(
    own_store: IdentifierStore, li: User, plants: Plants
) -> None:
    own_store.put(Record(parse(HANDLE), (Value(1, "NOTE", b"x", permissions=Permission.ADMIN_READ),), 1, 1))
    assert english().get(f"/rdap/identifier/{HANDLE}").status_code == 404
    assert signed_in(li).get(f"/rdap/identifier/{HANDLE}").status_code == 200


def test_a_prefix_and_its_holder_are_told(pump: str) -> None:
    told = english().get("/rdap/prefix/88.118.1").json()
    assert (told["objectClassName"], told["handle"], told["level"], told["parent"]) == (
        "prefix", "88.118.1", "enterprise", "88.118",
    )  # fmt: skip
    told = english().get("/rdap/entity/hengrui").json()
    assert (told["objectClassName"], told["prefixes"]) == ("entity", ["88.118.1"])
    assert english().get("/rdap/help").json()["notices"][0]["description"]


def test_a_suspended_prefix_is_inactive(pump: str) -> None:
    Prefix.objects.update(state=Prefix.State.SUSPENDED)
    assert english().get("/rdap/prefix/88.118.1").json()["status"] == ["inactive"]


@pytest.mark.parametrize(
    "address",
    [
        "identifier/88.118.1/NOTHING", "identifier/nonsense", "identifier/88.118.9/A", "identifier/", "prefix/88.999",
        "prefix/'", "entity/nobody", "entity/operator2", "domain/example.com", "", "identifier/%00/%ff",
    ],
)  # fmt: skip
def test_what_is_not_there_is_an_error_in_rdaps_form(pump: str, address: str) -> None:
    answer = english().get(f"/rdap/{address}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/rdap+json"
    told = answer.json()
    assert told["errorCode"] == 404
    assert told["title"]
    assert told["lang"] == "en"


def test_who_asks_too_often_must_wait(pump: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "TURNS", rules.Turns(most=3, seconds=60))
    answers = [english().get("/rdap/help") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["errorCode"] == 429
    assert 0 < int(answers[3].headers["Retry-After"]) <= 21
    assert Client(REMOTE_ADDR="192.0.2.9").get("/rdap/help").status_code == 200


def test_what_is_remembered_of_askers_is_bounded() -> None:
    turns = rules.Turns(most=1, seconds=60, remembered=10, clock=lambda: 0.0)
    for number in range(100):
        turns.take(str(number))
    assert len(turns._known) == 10


def test_only_reading_is_possible(pump: str) -> None:
    assert english().post("/rdap/help").status_code == 405

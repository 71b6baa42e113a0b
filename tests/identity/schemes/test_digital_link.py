"""The public GS1 Digital Link resolver, as a phone and as a program see it."""

from __future__ import annotations

import io
import json
import re
from urllib.parse import unquote, urlsplit

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import Client

from gongfu.identity.registry import services as registry
from gongfu.identity.schemes import digital_link, linkset
from gongfu.identity.schemes.gs1 import compression
from gongfu.identity.schemes.gs1.keys import Element
from gongfu.identity.schemes.models import SchemeBinding, SchemeLink
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.settings import settings

pytestmark = pytest.mark.django_db
Plants = tuple[Organisation, Organisation]
KEY = "/01/09506000134352"


def bind(plant: Organisation, code: str, handle: str = "", **links: str) -> SchemeBinding:
    made = SchemeBinding.objects.create(organisation=plant, scheme="gs1", kind="GTIN", code=code, handle=handle)
    for number, (linktype, href) in enumerate(links.items()):
        SchemeLink.objects.create(
            organisation=plant,
            binding=made,
            linktype=f"gs1:{linktype}",
            href=href,
            title=linktype,
            is_default=not number,
        )
    return made


def follows_rfc_9264(document: bytes) -> list[dict[str, object]]:
    """RFC 9264 §4.2, rule by rule; returns the link contexts."""
    whole = json.loads(document)
    assert list(whole) == ["linkset"], "§4.2.1: the sole member"
    assert isinstance(whole["linkset"], list)
    for context in whole["linkset"]:
        assert isinstance(context["anchor"], str), "§4.2.2"
        assert urlsplit(context["anchor"]).scheme
        for relation, targets in context.items():
            if relation == "anchor":
                continue
            # §4.2.3: a relation type is a registered name or a URI (RFC 8288 §2.1.2), never a compact one
            assert re.fullmatch(r"[a-z][a-z0-9.-]*|https?://\S+", relation), relation
            assert isinstance(targets, list)
            for target in targets:
                assert isinstance(target["href"], str), "§4.2.3: each target has an href"
                for name, value in target.items():
                    if name == "hreflang":  # §4.2.4.1: may occur more than once, so always a list
                        assert isinstance(value, list)
                        assert all(isinstance(language, str) for language in value)
                    else:
                        assert name in ("href", "media", "title", "type")
                        assert isinstance(value, str)
    return list(whole["linkset"])


def test_a_code_bound_to_an_identifier_leads_to_its_public_page(plants: Plants, pump: str) -> None:
    bind(plants[0], KEY[1:], pump)
    client = Client(headers={"cookie": "gongfu_language=en"})
    answer = client.get(KEY)
    assert answer.status_code == 307
    assert answer.headers["Location"] == f"{settings().url}/id/{pump}"
    assert client.get(f"/id/{pump}").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        KEY,
        "/some/stem" + KEY,
        "/01/9506000134352",
        "/01/09506000134352/10/ABC",
        "/01/09506000134352/22/2A/10/ABC-1/21/7",
        "/" + compression.compress([Element("01", "09506000134352"), Element("21", "7")]),
    ],
)
def test_a_key_answers_for_its_batches_and_items_in_every_form(plants: Plants, address: str) -> None:
    bind(plants[0], KEY[1:], pip="https://maker.example/p")
    answer = Client().get(address)
    if address.startswith("/some"):
        assert answer.status_code in (302, 404), "this resolver's root is the node's own"
    else:
        assert (answer.status_code, answer.headers["Location"]) == (307, "https://maker.example/p")


def test_the_most_specific_binding_wins(plants: Plants) -> None:
    bind(plants[0], KEY[1:], pip="https://maker.example/product")
    bind(plants[0], f"{KEY[1:]}/21/7", pip="https://maker.example/item")
    assert Client().get(f"{KEY}/21/7").headers["Location"] == "https://maker.example/item"
    assert Client().get(f"{KEY}/21/8").headers["Location"] == "https://maker.example/product"


def test_a_slash_inside_a_value_stays_inside_it(plants: Plants) -> None:
    bind(plants[0], f"{KEY[1:]}/10/A%2FB", pip="https://maker.example/batch")
    sent = f"{KEY}/10/A%2FB/21/7".encode()
    scope = {"type": "http", "method": "GET", "path": unquote(sent.decode()), "raw_path": sent, "headers": []}
    answer = digital_link.resolve(ASGIRequest(scope | {"query_string": b"17=261231"}, io.BytesIO()))
    assert answer.headers["Location"] == "https://maker.example/batch?17=261231"


def test_parameters_go_on_to_the_target_those_for_the_resolver_do_not(plants: Plants) -> None:
    bind(plants[0], KEY[1:], pip="https://maker.example/p?a=1")
    answer = Client().get(f"{KEY}?17=261231&campaign=x%20y&linkType=gs1:pip")
    assert answer.headers["Location"] == "https://maker.example/p?a=1&campaign=x%20y&17=261231"


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("?linkType=all", "*/*"),
        ("?linkType=linkset", "*/*"),
        ("", "application/linkset+json"),
        ("", "application/json"),
    ],
)
def test_the_link_set_is_valid_by_rfc_9264(plants: Plants, pump: str, query: str, accept: str) -> None:
    made = bind(plants[0], KEY[1:], pump, pip="https://maker.example/p", recallStatus="https://maker.example/recall")
    made.links.update(hreflang="zh en", media_type="text/html")
    answer = Client().get(KEY + query, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/linkset+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    [context] = follows_rfc_9264(answer.content)
    assert context["anchor"] == settings().url + KEY
    assert set(context) == {
        "anchor",
        "https://ref.gs1.org/voc/pip",
        "https://ref.gs1.org/voc/recallStatus",
        "https://ref.gs1.org/voc/defaultLink",
    }
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in answer.headers["Link"]
    assert [link.href for link in linkset.decode(answer.content)], "and read again by the client of this node"


def test_a_redirect_points_at_the_link_set(plants: Plants) -> None:
    bind(plants[0], KEY[1:], pip="https://maker.example/p")
    answer = Client().get(KEY)
    assert answer.headers["Link"] == (
        f'<{settings().url}{KEY}?linkType=linkset>; rel="linkset"; type="application/linkset+json"'
    )
    assert {"Accept", "Accept-Language"} <= set(answer.headers["Vary"].replace(" ", "").split(","))


@pytest.mark.parametrize(
    ("accept_language", "target"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.5", "https://maker.example/zh"),
        ("en-GB,en;q=0.9", "https://maker.example/en"),
        ("de;q=0.9,en;q=0.1", "https://maker.example/en"),
        ("fr", "https://maker.example/any"),
        ("", "https://maker.example/any"),
        ("zh;q=0,en;q=rubbish,*;q=0.1;x", "https://maker.example/zh"),
    ],
)
def test_the_readers_language_decides(plants: Plants, accept_language: str, target: str) -> None:
    made = bind(plants[0], KEY[1:])
    for language in ("zh", "en", ""):
        href = f"https://maker.example/{language or 'any'}"
        SchemeLink.objects.create(
            organisation=plants[0], binding=made, href=href, title="p", hreflang=language, is_default=True
        )
    answer = Client().get(KEY, headers={"Accept-Language": accept_language})
    assert answer.headers["Location"] == target


def test_a_link_type_is_served_by_short_name_and_by_uri_and_missing_is_404(plants: Plants) -> None:
    bind(plants[0], KEY[1:], pip="https://maker.example/p", recallStatus="https://maker.example/recall")
    for wanted in ("gs1:recallStatus", "https://gs1.org/voc/recallStatus", "https://ref.gs1.org/voc/recallStatus"):
        answer = Client().get(KEY, {"linkType": wanted})
        assert answer.headers["Location"] == "https://maker.example/recall"
    assert Client().get(KEY, {"linkType": "gs1:defaultLink"}).headers["Location"] == "https://maker.example/p"
    assert Client().get(KEY, {"linkType": "gs1:epcis"}).status_code == 404


@pytest.mark.parametrize(("language", "text"), [("en", "2 is expected"), ("zh-hans", "应为 2")])
def test_a_wrong_check_digit_is_a_page_that_says_which_is_right(db: None, language: str, text: str) -> None:
    answer = Client(headers={"cookie": f"gongfu_language={language}"}).get("/01/09506000134353")
    assert answer.status_code == 400
    assert text in answer.content.decode()


def test_a_program_gets_the_mistake_as_json(db: None) -> None:
    answer = Client().get("/01/09506000134353", headers={"Accept": "application/linkset+json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_link"


def test_a_good_code_nobody_bound_is_404(plants: Plants) -> None:
    assert Client().get(KEY).status_code == 404
    bind(plants[0], KEY[1:], "88.118.1/GONE")
    assert Client().get(KEY).status_code == 404


def test_an_identifier_that_was_removed_leaves_the_links(plants: Plants, pump: str, li: User) -> None:
    bind(plants[0], KEY[1:], pump, pip="https://maker.example/p")
    registry.remove(li, pump)
    assert Client().get(KEY).headers["Location"] == "https://maker.example/p"


def test_only_reading_is_possible_and_other_addresses_stay_what_they_are(db: None) -> None:
    assert Client().post(KEY).status_code == 405
    assert Client().head(KEY).status_code == 404
    for address in ("/about-us-and-more", "/0/1", "/09506000134352", "/identity"):
        assert Client().get(address).status_code in (301, 302, 404)


def test_the_resolver_describes_itself(db: None) -> None:
    answer = Client().get("/.well-known/gs1resolver")
    found = answer.json()
    assert found["resolverRoot"] == settings().url
    assert {"01", "00", "414", "8004"} <= set(found["supportedPrimaryKeys"])
    assert found["activeLinkTypes"]["zh"]["gs1:instructions"]["title"] == "使用说明"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"

"""Looking up any code in the console and by the API; binding codes to identifiers."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from urllib.parse import quote

import msgspec
import pytest
from django.test import Client

from gongfu.identity.schemes import asking, services
from gongfu.identity.schemes.models import SchemeBinding, SchemeLink
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.settings import Settings, settings
from tests.identity.schemes import standin

pytestmark = pytest.mark.django_db
Plants = tuple[Organisation, Organisation]
Limit = Callable[..., AbstractContextManager[object]]
GTIN = "09506000134352"


def signed_in(user: User, language: str = "en") -> Client:
    user.language = language
    user.save()
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change settings of this node."""

    def change(**changed: object) -> None:
        values = {name: getattr(settings(), name) for name in Settings.__struct_fields__} | changed
        made = msgspec.convert(values, Settings, strict=False)
        monkeypatch.setattr(services, "settings", lambda: made)

    return change


def look_up(client: Client, code: str) -> str:
    answer = client.get("/identity/look-up", {"code": code})
    assert answer.status_code == 200
    return answer.content.decode()


# --- look up ---


def test_before_anything_is_asked_the_page_shows_an_example_of_every_scheme(li: User) -> None:
    page = signed_in(li).get("/identity/look-up").content.decode()
    for text in ("88.118.1/EXAMPLE-001", "GB/T 31866", "did:bid:", "ISO/IEC 15459", "1.2.156.3001.1", "example.com"):
        assert text in page


def test_an_identifier_of_this_node_is_answered_here(li: User, pump: str) -> None:
    page = look_up(signed_in(li), pump.lower())
    for text in ("Valid code", "Secondary node", "Answered by this node", "一号循环泵", "S-77", f"/id/{pump}"):
        assert text in page


def test_a_bound_code_is_answered_here_in_each_of_its_notations(li: User, plants: Plants, pump: str) -> None:
    made = SchemeBinding.objects.create(
        organisation=plants[0], scheme="gs1", kind="GTIN", code=f"01/{GTIN}", handle=pump
    )
    client = signed_in(li)
    notations = (
        "9506000134352",
        f"(01){GTIN}(21)77",
        f"]C101{GTIN}",
        "urn:epc:id:sgtin:9506000.013435.77",
        f"https://elsewhere.example/01/{GTIN}",
    )
    for code in notations:
        page = look_up(client, code)
        assert "Answered by this node" in page, code
        assert f"/identity/bindings/{made.pk}/" in page


def test_what_is_wrong_and_which_digit_is_right_is_shown(li: User) -> None:
    page = look_up(signed_in(li), "9506000134353")
    assert "Not a valid code" in page
    assert "2 is expected" in page
    assert "应为 2" in look_up(signed_in(li, "zh-hans"), "9506000134353")


def test_without_a_configured_authority_the_page_says_what_to_set(li: User, node: Callable[..., None]) -> None:
    node(gs1_resolver_url="", did_resolver_url="", ecode_resolver_url="")
    client = signed_in(li)
    for code, setting in ((GTIN, "gs1_resolver_url"), ("did:bid:byo1", "did_resolver_url")):
        page = look_up(client, code)
        assert "does not know whom to ask" in page
        assert setting in page
    assert "gs1_resolver_url" in look_up(signed_in(li, "zh-hans"), GTIN)


def test_a_configured_authority_is_asked_and_its_answer_shown(li: User, node: Callable[..., None]) -> None:
    links = {"linkset": [{"https://gs1.org/voc/pip": [{"href": "https://maker.example/p", "title": "<b>Pump</b>"}]}]}
    with standin.http(lambda *_: (200, {}, json.dumps(links).encode())) as base:
        node(gs1_resolver_url=base)
        page = look_up(signed_in(li), GTIN)
    assert "https://maker.example/p" in page
    assert "&lt;b&gt;Pump&lt;/b&gt;" in page
    assert base in page


def test_an_authority_that_cannot_be_reached_is_named_in_both_languages(
    li: User, node: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking.ask, "__defaults__", (0.2,))
    node(dns_server="127.0.0.1:1", gs1_resolver_url="http://127.0.0.1:1", handle_port=1)
    for code in ("example.com", "urn:oid:2.16.156.1", GTIN):
        assert "cannot be reached" in look_up(signed_in(li), code)
        assert "无法访问" in look_up(signed_in(li, "zh-hans"), code)
    assert "note-error" in look_up(signed_in(li), "10.1000/182")


def test_nonsense_gets_a_page_that_says_so(li: User) -> None:
    client = signed_in(li)
    for text in ("hello", "\0", "<script>alert(1)</script>", "9" * 3999, "\u202e"):
        page = look_up(client, text)
        assert "<script>alert(1)" not in page
    assert client.get("/identity/look-up", {"code": "9" * 4001}).status_code == 422


def test_only_who_has_signed_in_may_look_up(db: None) -> None:
    assert Client().get("/identity/look-up").status_code == 302
    assert Client().get("/api/v1/identity/codes/hello").status_code == 401


def test_the_pages_work_in_both_languages_within_few_queries(
    li: User, plants: Plants, pump: str, django_assert_max_num_queries: Limit
) -> None:
    made = SchemeBinding.objects.create(
        organisation=plants[0], scheme="gs1", kind="GTIN", code=f"01/{GTIN}", handle=pump
    )
    SchemeLink.objects.create(organisation=plants[0], binding=made, href="https://a.example", title="说明")
    for language in ("en", "zh-hans"):
        client = signed_in(li, language)
        for address in (
            "/identity/look-up",
            f"/identity/look-up?code={GTIN}",
            "/identity/bindings/",
            "/identity/bindings/new",
            f"/identity/bindings/{made.pk}/",
            "/identity/code-links/",
            "/identity/code-links/new",
        ):
            with django_assert_max_num_queries(16):
                assert client.get(address).status_code == 200, address
    part = signed_in(li).get(f"/identity/look-up?code={GTIN}", headers={"HX-Request": "true", "HX-Target": "found"})
    assert "<html" not in part.content.decode()


# --- the API ---


def test_a_program_gets_readings_parts_and_answer(li: User, plants: Plants, pump: str) -> None:
    SchemeBinding.objects.create(organisation=plants[0], scheme="gs1", kind="GTIN", code=f"01/{GTIN}", handle=pump)
    code = quote(f"https://id.example/01/{GTIN}/21/A%2F1?17=261231", safe="/:")
    client = signed_in(li)
    chinese = client.get(f"/api/v1/identity/codes/{code}", headers={"Accept-Language": "zh"}).json()
    assert {"name": "序列号", "value": "A/1", "number": "21"} in chinese["readings"][0]["parts"]
    found = client.get(f"/api/v1/identity/codes/{code}", headers={"Accept-Language": "en"}).json()
    assert (found["answered_by"], found["handle"]) == ("here", pump)
    [reading] = found["readings"]
    assert (reading["scheme"], reading["kind"], reading["valid"]) == ("gs1", "GTIN", True)
    assert reading["code"] == f"01/{GTIN}/21/A%2F1"
    assert {"name": "Serial", "value": "A/1", "number": "21"} in reading["parts"]
    assert found["links"][-1]["href"].endswith(f"/id/{pump}")


def test_a_program_learns_what_is_wrong(li: User) -> None:
    client = signed_in(li)
    found = client.get("/api/v1/identity/codes/9506000134353", headers={"Accept-Language": "en"}).json()
    assert "2 is expected" in found["readings"][0]["problem"]
    unasked = client.get(f"/api/v1/identity/codes/{GTIN}").json()
    assert unasked["problem"]["code"] == "not_configured"
    assert client.get("/api/v1/identity/codes/hello").json()["readings"] == []


# --- bindings ---


def test_a_member_binds_a_code_and_it_is_kept_in_its_normal_form(li: User, plants: Plants, pump: str) -> None:
    client = signed_in(li)
    sent = {"organisation": plants[0].pk, "code": f"(01){GTIN}(10)A/1", "handle": pump.lower(), "note": ""}
    assert client.post("/identity/bindings/new", sent).status_code == 302
    made = SchemeBinding.objects.get()
    assert (made.scheme, made.kind, made.code, made.handle) == ("gs1", "GTIN", f"01/{GTIN}/10/A%2F1", pump)
    again = client.post(f"/identity/bindings/{made.pk}/edit", sent | {"code": made.code, "note": "same"})
    assert again.status_code == 302
    link = {"binding": made.pk, "linktype": "gs1:pip", "href": "https://maker.example", "title": "p"}
    assert client.post("/identity/code-links/new", link).status_code == 302
    assert SchemeLink.objects.get().organisation == plants[0]


def test_an_ecode_that_looks_like_another_key_stays_an_ecode_when_edited(li: User, plants: Plants) -> None:
    client = signed_in(li)
    sent = {"organisation": plants[0].pk, "code": "Ecode:106141412345678908", "handle": "", "note": ""}
    client.post("/identity/bindings/new", sent)
    made = SchemeBinding.objects.get()
    client.post(f"/identity/bindings/{made.pk}/edit", sent | {"code": made.code, "note": "n"})
    made.refresh_from_db()
    assert (made.scheme, made.note) == ("ecode", "n")


@pytest.mark.parametrize(
    ("code", "handle", "why"),
    [
        ("9506000134353", "", "2 is expected"),
        ("hello", "", "looks like no code"),
        ("88.118.1/PUMP-01", "", "registered, not bound"),
        (GTIN, "88.118.1/NOBODY", "There is no identifier"),
        (GTIN, "88.118.2/THEIRS", "There is no identifier"),
    ],
)
def test_a_binding_that_makes_no_sense_is_refused_beside_the_field(
    li: User, plants: Plants, pump: str, code: str, handle: str, why: str
) -> None:
    sent = {"organisation": plants[0].pk, "code": code, "handle": handle, "note": ""}
    answer = signed_in(li).post("/identity/bindings/new", sent)
    assert answer.status_code in (200, 404, 422)
    assert why in answer.content.decode()
    assert not SchemeBinding.objects.exists()


def test_a_code_is_bound_once_and_another_organisations_binding_is_not_found(
    li: User, wang: User, plants: Plants, pump: str
) -> None:
    made = SchemeBinding.objects.create(
        organisation=plants[0], scheme="gs1", kind="GTIN", code=f"01/{GTIN}", handle=pump
    )
    client = signed_in(wang)
    answer = client.post(
        "/identity/bindings/new", {"organisation": plants[1].pk, "code": GTIN, "handle": "", "note": ""}
    )
    assert "bound already" in answer.content.decode()
    assert client.get(f"/identity/bindings/{made.pk}/").status_code == 404
    assert client.get("/api/v1/identity/bindings").json()["items"] == []
    assert f"/identity/bindings/{made.pk}/" not in look_up(client, GTIN), "the answer is public, the binding is not"
    assert (
        client.post("/identity/bindings/new", {"organisation": plants[0].pk, "code": "2.999.1", "note": ""}).status_code
        != 302
    )
    link = {"binding": made.pk, "linktype": "gs1:pip", "href": "https://evil.example", "title": "p"}
    assert client.post("/identity/code-links/new", link).status_code != 302
    assert not SchemeLink.objects.exists()


def test_a_link_may_only_lead_to_a_web_page(li: User, plants: Plants) -> None:
    made = SchemeBinding.objects.create(organisation=plants[0], scheme="gs1", kind="GTIN", code=f"01/{GTIN}")
    client = signed_in(li)
    for href in ("javascript:alert(1)", "//evil.example", "file:///etc/passwd", "https://", "https://a b"):
        link = {"binding": made.pk, "linktype": "gs1:pip", "href": href, "title": "p"}
        assert client.post("/identity/code-links/new", link).status_code == 422
    assert not SchemeLink.objects.exists()

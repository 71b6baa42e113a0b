"""Search by what templates and contracts know: fields with their types and units, industry, and who may read what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.test import Client
from feeding_search import fed
from plants import Plants, signed_in

from gongfu.identity.business import clock, templating
from gongfu.identity.business import services as business
from gongfu.identity.business.models import Contract, Grant, Template
from gongfu.identity.business.services import Enterprise, Granted
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.search import scoping
from gongfu.identity.search.feeding import Feeder
from gongfu.identity.search.models import IndexedPrefix
from gongfu.kernel.accounts.models import Organisation, User

pytestmark = pytest.mark.django_db
Commit = Callable[..., AbstractContextManager[object]]
MILL = {
    "product_name": "立式加工中心",
    "model": "VMC-850",
    "serial_number": "007",
    "manufacturer": "恒锐精密机械",
    "made_on": "2026-11-20",
    "rated_power": "18.5",
    "warranty_until": "2028-11-20",  # for partners
    "batch_cost": "215000",  # for the owner
}
LATHE = MILL | {"model": "CK-6150", "rated_power": "7.5", "made_on": "2025-03-01", "warranty_until": "2027-03-01"}


@pytest.fixture
def machinery(plants: Plants) -> Template:
    operator = Organisation.objects.get(code="operator")
    return templating.publish("test", templating.import_starter("test", operator, "machinery"))


@pytest.fixture
def machines(
    plants: Plants,
    machinery: Template,
    li: User,
    wang: User,
    feeder: Feeder,
    django_capture_on_commit_callbacks: Commit,
) -> Feeder:
    """恒锐 (C34) has a mill and a lathe, 华塑 (C29) a mill."""
    with django_capture_on_commit_callbacks(execute=True):
        for plant, industry in zip(plants, ("C3421", "29"), strict=True):
            prefix = registry.prefix_of(plant)
            assert prefix is not None
            facts = Enterprise(str(plant), "91310118MA1JL3XY7M", industry, "310118", "李工", "021-59730000")
            business.open_contract("test", prefix, facts, Granted())
    business.register(li, "88.118.1/MILL", machinery.reference, MILL)
    business.register(li, "88.118.1/LATHE", machinery.reference, LATHE)
    business.register(wang, "88.118.2/MILL", machinery.reference, MILL | {"rated_power": "30"})
    fed(feeder)
    return feeder


def found(client: Client, **asked: object) -> set[str]:
    answer = client.get("/api/v1/identity/search", asked)
    assert answer.status_code == 200, answer.text
    return {item["handle"].removeprefix("88.118.") for item in answer.json()["items"]}


def total(client: Client, **asked: object) -> int:
    return int(client.get("/api/v1/identity/search", asked).json()["total"])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("rated_power=18.5", {"1/MILL"}),
        ("rated_power=18.50kW", {"1/MILL"}),
        ("rated_power=18500W", {"1/MILL"}),
        ('rated_power="18,500 W"', {"1/MILL"}),
        ("rated_power>=7.5", {"1/MILL", "1/LATHE", "2/MILL"}),
        ("rated_power>7.5", {"1/MILL", "2/MILL"}),
        ("rated_power<18500W", {"1/LATHE"}),
        ("rated_power<=18.5", {"1/MILL", "1/LATHE"}),
        ("rated_power=10..20", {"1/MILL"}),
        ("rated_power=0.02MW..", {"2/MILL"}),
        ("RATED_POWER＝..0.01MW", {"1/LATHE"}),
        ("made_on=2026-01-01..2026-12-31", {"1/MILL", "2/MILL"}),
        ("made_on<2025-03-02", {"1/LATHE"}),
        ("made_on=2025-03-01", {"1/LATHE"}),
        ("加工中心 rated_power>=18 model=VMC-850 made_on>=2026-11-20", {"1/MILL", "2/MILL"}),
        ("rated_power=20..10", None),
        ("rated_power>=much", None),
        ("rated_power>=5mm", None),
        ("model>=5", None),
        ("colour>=5", None),
    ],
)
def test_fields_are_compared_as_what_their_template_says(
    machines: Feeder, root: User, asked: str, expected: set[str] | None
) -> None:
    client = signed_in(root)
    if expected is not None:
        assert found(client, q=asked) == expected
        assert total(client, q=asked) == len(expected)
        return
    assert client.get("/api/v1/identity/search", {"q": asked}).status_code == 422
    page = client.get("/identity/search/", {"q": asked})
    assert page.status_code == 200
    assert "note-error" in page.text


def test_one_narrows_by_template_version_and_field(machines: Feeder, root: User, machinery: Template) -> None:
    client = signed_in(root)
    assert len(found(client, template="operator/machinery")) == 3
    assert len(found(client, template="operator/machinery@1", q="CK")) == 1
    assert found(client, template="operator/machinery@2") == set()
    page = client.get(
        "/identity/search/", {"template": "operator/machinery", "field": "rated_power", "sign": "≥", "value": "20"}
    )
    assert "88.118.2/MILL" in page.text
    assert "88.118.1/MILL" not in page.text
    assert "Rated power kW" in page.text


def test_the_industry_is_that_of_the_contract_now(machines: Feeder, root: User, li: User) -> None:
    client = signed_in(root)
    assert found(client, industry="C34") == {"1/MILL", "1/LATHE"}
    assert found(client, industry="34", q="CK") == {"1/LATHE"}
    assert found(client, industry="C29") == {"2/MILL"}
    assert len(found(client, industry="C")) == 3
    assert found(client, industry="C35") == set()
    assert client.get("/api/v1/identity/search", {"industry": "X99"}).status_code == 422
    assert found(signed_in(li), industry="C29") == set()
    Contract.objects.filter(prefix__name="88.118.2").update(industry="C35")
    assert found(client, industry="C29") == set()
    assert found(client, industry="C35") == {"2/MILL"}
    page = client.get("/identity/search/").text
    assert "industry=C34" in page
    assert "C34 General machinery" in page


# --- who finds what ---


@pytest.fixture
def granted(machines: Feeder, li: User) -> Grant:
    """恒锐 lets 华塑 look at 88.118.1 until the end of November."""
    grant = Grant(prefix=Prefix.objects.get(name="88.118.1"), partner="huasu", valid_until=dt.date(2026, 11, 30))
    business.store_grant(grant, li)
    return grant


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> list[dt.datetime]:
    held = [dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)]
    monkeypatch.setattr(clock, "now", lambda: held[0])
    return held


@pytest.mark.parametrize("few", [200, 0])  # prefixes named to the store; beyond that organisations alone
def test_a_partner_finds_by_what_partners_may_read_and_by_nothing_else(
    machines: Feeder,
    granted: Grant,
    wang: User,
    li: User,
    today: list[dt.datetime],
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scoping, "FEW", few)
    assert fed(machines) == 2, "the prefix is read anew"
    partner, owner = signed_in(wang), signed_in(li)
    assert found(partner, q="VMC") == {"1/MILL", "2/MILL"}
    assert found(partner, q="warranty_until=2028-11-20") == {"1/MILL", "2/MILL"}
    assert found(partner, q="warranty_until<2028-01-01") == {"1/LATHE"}
    assert found(partner, q="rated_power<10") == {"1/LATHE"}
    for secret in ("batch_cost=215000", "batch_cost>=200000", "215000"):
        assert found(owner, q=secret) == {"1/MILL", "1/LATHE"}
        assert found(partner, q=secret) == {"2/MILL"}, "his own"
        assert total(partner, q=secret) == 1, "nor is it counted"
    assert found(partner, type="batch_cost") == {"2/MILL"}
    items = partner.get("/api/v1/identity/search", {"q": "CK"}).json()["items"]
    types = {value["type"] for value in items[0]["values"]}
    assert "warranty_until" in types
    assert "batch_cost" not in types
    today[0] = dt.datetime(2026, 12, 1, 4, tzinfo=dt.UTC)
    assert found(partner, q="VMC") == {"2/MILL"}
    assert total(partner, q="VMC") == 1


def test_a_grant_opens_nothing_beyond_its_prefix_and_its_partner(
    machines: Feeder, granted: Grant, li: User, wang: User, own_store: IdentifierStore, plants: Plants
) -> None:
    registry.allot_prefix("test", plants[0], "88.118.9")
    own_store.home("88.118.9")
    registry.register(li, "88.118.9/OTHER", [Value(2, "NAME", "另一台加工中心".encode())])
    fed(machines)
    assert found(signed_in(li), q="加工") == {"1/MILL", "1/LATHE", "9/OTHER"}
    assert found(signed_in(wang), q="加工") == {"1/MILL", "1/LATHE", "2/MILL"}
    assert found(signed_in(wang), prefix="88.118.9") == set()
    assert total(signed_in(wang)) == 3
    assert found(signed_in(wang), q="加工", organisation=plants[0].pk) == {"1/MILL", "1/LATHE"}
    assert found(signed_in(wang), industry="C34") == {"1/MILL", "1/LATHE"}


def test_what_a_partner_finds_follows_changes_and_removals(
    machines: Feeder, granted: Grant, li: User, wang: User
) -> None:
    fed(machines)
    registry.remove(li, "88.118.1/LATHE")
    registry.register(li, "88.118.1/NEW", [Value(2, "NAME", "加工岛".encode())])
    fed(machines)
    assert found(signed_in(wang), q="加工") == {"1/MILL", "1/NEW", "2/MILL"}
    assert total(signed_in(wang), q="加工") == 3


def test_a_prefix_that_changes_hands_takes_its_grants_effect_along(
    machines: Feeder, granted: Grant, li: User, wang: User, plants: Plants
) -> None:
    fed(machines)
    Prefix.objects.filter(name="88.118.1").update(organisation=plants[1])
    assert found(signed_in(li), q="VMC") == set()
    fed(machines)
    assert found(signed_in(wang), q="batch_cost=215000") == {"1/MILL", "1/LATHE", "2/MILL"}, "now as its owner"


# --- templates that change ---


def test_identifiers_are_read_anew_when_the_template_they_name_is_published(
    machines: Feeder, machinery: Template, root: User, li: User
) -> None:
    draft = templating.next_version(root, machinery)
    values = [Value(900, "TEMPLATE", draft.reference.encode()), Value(1006, "rated_power", b"55")]
    registry.register(li, "88.118.1/EARLY", values)
    fed(machines)
    client = signed_in(li)
    assert found(client, q="rated_power>=50") == set(), "a draft decides nothing"
    assert found(client, q="rated_power=55") == {"1/EARLY"}, "as any text"
    templating.publish("test", draft)
    assert fed(machines) == 3
    assert found(client, q="rated_power>=50") == {"1/EARLY"}
    assert IndexedPrefix.objects.filter(complete=True).count() == Prefix.objects.count()


def test_a_worker_that_was_away_notices_what_was_published_meanwhile(
    machines: Feeder, machinery: Template, root: User, li: User, own_store: IdentifierStore
) -> None:
    draft = templating.next_version(root, machinery)
    values = [Value(900, "TEMPLATE", draft.reference.encode()), Value(1006, "rated_power", b"55")]
    registry.register(li, "88.118.1/EARLY", values)
    fed(machines)
    templating.publish("test", draft)
    assert fed(Feeder(own_store, machines._table)) == 3
    assert found(signed_in(li), q="rated_power>=50") == {"1/EARLY"}

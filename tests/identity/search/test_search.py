"""Search as people and programs see it, over the real engine."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from feeding_search import fed
from plants import Plants, signed_in

from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.search import feeding, queries, scoping, services
from gongfu.identity.search.feeding import Feeder
from gongfu.identity.search.models import IndexedPrefix
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.settings import load
from gongfu.kernel.store import StoreClient

pytestmark = pytest.mark.django_db
DAY = 86_400
NOON = int(dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC).timestamp())  # 12:00 in Shanghai


def record(handle: str, when: int = NOON, **values: str) -> Record:
    numbered = tuple(Value(n, kind, text.encode()) for n, (kind, text) in enumerate(values.items(), 1))
    return Record(parse(handle), numbered, when, when)


@pytest.fixture
def filled(own_store: IdentifierStore, plants: Plants) -> IdentifierStore:
    own_store.put_many(
        [
            record("88.118.1/CNC-01", NAME="一号循环泵", TYPE="pump", MODEL="XK-7"),
            record("88.118.1/CNC-02", NOON + DAY, NAME="二号循环泵", TYPE="pump", MODEL="XK-8"),
            record("88.118.1/P-03", NOON + 2 * DAY, NAME="压机", TYPE="press", MODEL="XK-7"),
            record("88.118.2/CNC-01", NAME="华塑循环泵", TYPE="pump", MODEL="XK-7"),
        ]
    )
    return own_store


def found(client: Client, **asked: object) -> list[str]:
    answer = client.get("/api/v1/identity/search", asked)
    assert answer.status_code == 200, answer.text
    return [item["handle"] for item in answer.json()["items"]]


def test_identifiers_are_found_by_word_field_type_and_time(filled: IdentifierStore, feeder: Feeder, li: User) -> None:
    assert fed(feeder) == 4
    client = signed_in(li)
    assert found(client, q="循环泵") == ["88.118.1/CNC-02", "88.118.1/CNC-01"]
    assert found(client, q="MODEL=XK-7") == ["88.118.1/P-03", "88.118.1/CNC-01"]
    assert found(client, q="循环 MODEL=xk-7") == ["88.118.1/CNC-01"]
    assert found(client, kind="press") == ["88.118.1/P-03"]
    assert found(client, type="MODEL", q="cnc") == ["88.118.1/CNC-02", "88.118.1/CNC-01"]
    assert found(client, changed_from="2026-11-21T00:00:00+08:00", changed_to="2026-11-22T00:00:00+08:00") == [
        "88.118.1/CNC-02"
    ]
    assert found(client, q="P-0") == ["88.118.1/P-03"]  # how the suffix starts
    assert found(client, q="nothing") == []


@pytest.mark.parametrize("few", [200, 0])
def test_what_belongs_to_others_is_not_found(
    filled: IdentifierStore,
    feeder: Feeder,
    wang: User,
    root: User,
    plants: Plants,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scoping, "FEW", few)
    fed(feeder)
    assert found(signed_in(wang), q="循环") == ["88.118.2/CNC-01"]
    assert found(signed_in(wang), q="循环", organisation=plants[0].pk) == []
    assert found(signed_in(wang), q="循环", prefix="88.118.1") == []
    assert len(found(signed_in(root), q="循环")) == 3
    assert found(signed_in(root), q="循环", organisation=plants[1].pk) == ["88.118.2/CNC-01"]


def test_changes_and_removals_are_followed(filled: IdentifierStore, feeder: Feeder, li: User) -> None:
    fed(feeder)
    client = signed_in(li)
    filled.put(record("88.118.1/CNC-01", NOON + 9 * DAY, NAME="旧压机"))
    filled.put(record("88.118.1/NEW", NOON + 8 * DAY, NAME="新循环泵"))
    filled.delete(parse("88.118.1/CNC-02"))
    assert found(client, q="循环泵") == []  # candidates are checked against what is registered
    answer = client.get("/api/v1/identity/search").json()
    assert answer["behind"] == 3
    assert "Indexed up to" in client.get("/identity/search/").text
    assert fed(feeder) == 3
    assert found(client, q="循环泵") == ["88.118.1/NEW"]
    assert found(client, q="压机") == ["88.118.1/CNC-01", "88.118.1/P-03"]
    assert "Indexed up to" not in client.get("/identity/search/").text
    assert filled.cursor(feeding.CURSOR) == filled.last_change()


@pytest.mark.parametrize("cap", [10_000, 40])
def test_pages_follow_each_other_without_gap_or_repetition(
    own_store: IdentifierStore, feeder: Feeder, li: User, monkeypatch: pytest.MonkeyPatch, cap: int
) -> None:
    monkeypatch.setattr(queries, "CAP", cap)  # beyond it pages come in the order of identifiers
    own_store.put_many([record(f"88.118.1/S{n:03d}", NOON + n // 40, NAME="泵") for n in range(130)])
    fed(feeder)
    for n in range(0, 130, 3):
        own_store.delete(parse(f"88.118.1/S{n:03d}"))  # the index still has them
    client = signed_in(li)
    seen: list[str] = []
    after = ""
    for _ in range(20):
        answer = client.get("/api/v1/identity/search", {"q": "泵", "limit": 20, "after": after}).json()
        seen += [item["handle"] for item in answer["items"]]
        after = answer["after"]
        if not after:
            break
    assert sorted(seen) == [f"88.118.1/S{n:03d}" for n in range(130) if n % 3]
    assert len(set(seen)) == len(seen)


def test_a_prefix_that_changes_hands_is_found_by_its_new_owner_only(
    filled: IdentifierStore, feeder: Feeder, li: User, wang: User, plants: Plants
) -> None:
    fed(feeder)
    Prefix.objects.filter(name="88.118.1").update(organisation=plants[1])
    assert found(signed_in(li), q="循环") == []
    assert fed(feeder) == 3
    assert len(found(signed_in(wang), q="循环")) == 3


def test_the_index_is_built_anew_on_request_and_when_it_was_lost(
    filled: IdentifierStore, feeder: Feeder, li: User, root: User, index: StoreClient
) -> None:
    fed(feeder)
    assert signed_in(li).post("/identity/search/reindex").status_code == 403
    assert signed_in(root).post("/identity/search/reindex").status_code == 302
    page = signed_in(li).get("/identity/search/").text
    assert "The index is being built" in page
    assert fed(feeder) == 4
    index.command("TRUNCATE TABLE identifiers")
    feeder.check()
    assert fed(feeder) == 4
    assert len(found(signed_in(li), q="循环")) == 2


def test_reading_goes_on_where_it_stopped(
    own_store: IdentifierStore, feeder: Feeder, monkeypatch: pytest.MonkeyPatch, plants: Plants
) -> None:
    monkeypatch.setattr(feeding, "PAGE", 10)
    own_store.put_many([record(f"88.118.1/S{n:03d}", NAME="泵") for n in range(35)])
    assert [feeder.step() for _ in range(3)] == [0, 10, 10]  # 88.118 holds none
    assert IndexedPrefix.objects.get(prefix="88.118.1").after == "88.118.1/S019"
    own_store.put(record("88.118.1/S000", NAME="压机"))
    assert fed(Feeder(own_store, feeder._table)) == 16


def test_a_store_that_is_away_is_said_and_the_journal_does_not_grow_for_ever(
    filled: IdentifierStore, feeder: Feeder, li: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed(feeder)
    away = StoreClient(load({"GONGFU_HOME": "/nonexistent", "GONGFU_STORE_URL": "http://127.0.0.1:9/gongfu"}))
    monkeypatch.setattr(services, "client", lambda: away)
    page = signed_in(li).get("/identity/search/", {"q": "泵"})
    assert page.status_code == 200
    assert "does not answer" in page.text
    assert signed_in(li).get("/api/v1/identity/search").status_code == 503
    monkeypatch.setattr(feeding, "MAX_BEHIND", 2)
    broken = Feeder(filled, away)
    filled.put_many([record(f"88.118.1/S{n}", NAME="泵") for n in range(3)])
    with pytest.raises(Unavailable):
        broken.step()
    broken.hold_bounded()
    assert feeding.CURSOR not in filled.cursors()
    assert not IndexedPrefix.objects.exists()


def test_the_page_shows_what_is_found_and_what_narrows_it(filled: IdentifierStore, feeder: Feeder, li: User) -> None:
    fed(feeder)
    client = signed_in(li)
    page = client.get("/identity/search/", {"q": "循环泵"}).text
    assert "88.118.1/CNC-01" in page
    assert "kind=pump" in page
    assert "88.118.2" not in page
    page = client.get("/identity/search/", {"field": "MODEL", "value": "XK-8"}).text
    assert "88.118.1/CNC-02" in page
    assert "88.118.1/CNC-01" not in page
    page = client.get("/identity/search/", {"from": "2026-11-21", "to": "2026-11-21"}).text
    assert "88.118.1/CNC-02" in page
    assert "88.118.1/P-03" not in page


@pytest.mark.parametrize(
    "asked",
    [{"from": "tomorrow"}, {"to": "9999-12-31"}, {"organisation": "x"}, {"q": "\0"}, {"after": "x"}, {"after": "t9:"}],
)
def test_what_cannot_be_asked_is_refused(li: User, index: StoreClient, asked: dict[str, str]) -> None:
    assert signed_in(li).get("/identity/search/", asked).status_code == 422


@pytest.mark.parametrize(
    "text", ["'", '"', "\\", "%", "{x:String}", "a'; DROP TABLE identifiers", "=" * 200, "=a", "🔧"]
)
def test_no_text_breaks_the_question(li: User, feeder: Feeder, filled: IdentifierStore, text: str) -> None:
    fed(feeder)
    assert signed_in(li).get("/identity/search/", {"q": text}).status_code == 200

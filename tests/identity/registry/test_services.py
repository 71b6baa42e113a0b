"""Prefixes and identifiers as people, devices and other organisations meet them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.db import transaction

from gongfu.identity.handle.errors import BadHandle
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import device_identifiers, services
from gongfu.identity.registry.errors import NoIdentifier, NoPrefix, PrefixTaken
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.registry.values import Nameplate
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, Unavailable

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]

Commit = Callable[..., AbstractContextManager[object]]


def url(text: str = "http://a.test/") -> list[Value]:
    return [Value(1, "URL", text.encode())]


def shown(page: services.Page) -> list[str]:
    return [str(record.handle) for record in page.records]


# --- prefixes ---


def test_enterprises_get_the_next_free_prefix_below_the_node_and_the_resolver_answers_for_it(
    plants: tuple[Organisation, Organisation], store: IdentifierStore
) -> None:
    assert [services.prefix_of(plant) for plant in plants] == ["88.118.1", "88.118.2"]
    assert store.prefixes() == ["88.118", "88.118.1", "88.118.2"]
    first = Prefix.objects.get(name="88.118.1")
    assert (first.kind, str(first.parent)) == ("enterprise", "88.118")
    assert AuditEntry.objects.filter(object_label="88.118.1", action="create").exists()


def test_a_prefix_may_be_chosen_once(operator: Organisation) -> None:
    services.allot_prefix("test", operator, "88.118.ab7")
    assert services.prefix_of(operator) == "88.118.AB7"
    with pytest.raises(PrefixTaken, match=r"88\.118\.AB7"):
        services.allot_prefix("test", operator, "88.118.AB7")


@pytest.mark.parametrize("name", ["88.999.1", "88", "nonsense", "88.118.1.1"])
def test_a_prefix_that_is_none_or_lies_elsewhere_is_refused(operator: Organisation, name: str) -> None:
    with pytest.raises(Invalid):
        services.allot_prefix("test", operator, name)
    assert not Prefix.objects.filter(name=name).exists()


def test_a_refused_allotment_leaves_nothing_to_resolve(operator: Organisation, store: IdentifierStore) -> None:
    with pytest.raises(Invalid):
        services.allot_prefix("test", operator, "88.999.1")
    assert "88.999.1" not in store.prefixes()


def test_a_suspended_prefix_is_not_answered_for_and_takes_no_identifiers(
    li: User, store: IdentifierStore, commit: Commit
) -> None:
    prefix = Prefix.objects.get(name="88.118.1")
    with commit(execute=True):
        services.change_state(prefix, Prefix.State.SUSPENDED)
    assert "88.118.1" not in store.prefixes()
    assert services.prefix_of(prefix.organisation) is None
    with pytest.raises(Conflict, match="suspended"):
        services.register(li, "88.118.1/a", url())
    with commit(execute=True):
        services.change_state(prefix, Prefix.State.ACTIVE)
    assert "88.118.1" in store.prefixes()
    assert services.register(li, "88.118.1/a", url())


def test_a_prefix_with_identifiers_cannot_be_removed(li: User, commit: Commit) -> None:
    services.register(li, "88.118.1/a", url())
    prefix = Prefix.objects.get(name="88.118.1")
    with pytest.raises(Conflict, match="1 identifiers"):
        services.remove_prefix(prefix)
    services.remove(li, "88.118.1/a")
    with commit(execute=True):
        services.remove_prefix(prefix)
    assert "88.118.1" not in services.store().prefixes()


# --- identifiers ---


def test_a_registered_identifier_is_stored_resolved_and_audited(li: User) -> None:
    services.register(li, "88.118.1/Cnc-01", url())
    found = services.resolve_local("88.118.1/CNC-01")
    assert found is not None
    assert found.text("URL") == "http://a.test/"
    entry = AuditEntry.objects.get(action="register")
    assert (entry.actor, entry.object_label) == ("li", "88.118.1")
    assert "88.118.1/Cnc-01" in entry.after


def test_registering_twice_is_a_conflict_that_leaves_no_audit_entry(li: User) -> None:
    services.register(li, "88.118.1/a", url())
    with pytest.raises(Conflict, match="already registered"):
        services.register(li, "88.118.1/A", url())
    assert AuditEntry.objects.filter(action="register").count() == 1


def test_a_store_without_room_refuses_and_leaves_no_audit_entry(li: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> bool:
        raise Unavailable("full")

    monkeypatch.setattr(services.store(), "put", full)
    with pytest.raises(Unavailable):
        services.register(li, "88.118.1/a", url())
    assert not AuditEntry.objects.filter(action="register").exists()


def test_a_bad_identifier_is_refused(li: User) -> None:
    with pytest.raises(BadHandle):
        services.register(li, "88.118.1/", url())


def test_a_viewer_may_look_but_not_register(plants: tuple[Organisation, Organisation], li: User) -> None:
    viewer = accounts.create_user("zhao", "correct-horse-9", roles={plants[0]: Role.VIEWER})
    services.register(li, "88.118.1/a", url())
    assert shown(services.identifiers(viewer)) == ["88.118.1/a"]
    with pytest.raises(Forbidden):
        services.register(viewer, "88.118.1/b", url())
    with pytest.raises(Forbidden):
        services.remove(viewer, "88.118.1/a")


def test_another_organisations_identifiers_are_never_listed_found_changed_or_removed(li: User, wang: User) -> None:
    services.register(li, "88.118.1/secret", url())
    assert services.identifiers(wang).records == []
    with pytest.raises(NoPrefix):
        services.identifiers(wang, prefix="88.118.1")
    with pytest.raises(NoPrefix):
        services.identifiers(wang, search="88.118.1/se")
    with pytest.raises(NoIdentifier):
        services.identifier_for(wang, "88.118.1/secret")
    with pytest.raises(NoPrefix):
        services.register(wang, "88.118.1/mine", url())
    with pytest.raises(NoPrefix):
        services.remove(wang, "88.118.1/secret")
    after = "88.118.1/a"
    assert services.identifiers(wang, after=after).records == []


def test_the_operator_sees_everything_page_by_page_without_gap_or_repetition(li: User, wang: User) -> None:
    admin = accounts.create_user("root", "correct-horse-9", is_superuser=True)
    for number in range(7):
        services.register(li, f"88.118.1/L{number}", url())
        services.register(wang, f"88.118.2/W{number}", url())
    seen: list[str] = []
    after = ""
    while True:
        page = services.identifiers(admin, after=after, limit=3)
        seen += shown(page)
        after = page.after
        if not after:
            break
    assert seen == [f"88.118.1/L{n}" for n in range(7)] + [f"88.118.2/W{n}" for n in range(7)]


def test_identifiers_are_found_by_how_the_suffix_starts(li: User) -> None:
    for name in ("CNC-01", "CNC-02", "ROB-01"):
        services.register(li, f"88.118.1/{name}", url())
    assert shown(services.identifiers(li, search="cnc")) == ["88.118.1/CNC-01", "88.118.1/CNC-02"]
    assert shown(services.identifiers(li, search="88.118.1/ROB")) == ["88.118.1/ROB-01"]
    assert shown(services.identifiers(li, search="nothing")) == []


# --- devices ---


@pytest.fixture
def device(commit: Commit) -> Callable[..., None]:
    def register(handle: str, organisation: Organisation, name: str = "数控机床") -> None:
        with commit(execute=True):
            device_identifiers.register(
                handle, Nameplate(name, "cnc", organisation.name, "沈阳机床", serial_number="S1")
            )

    return register


def test_a_device_gets_the_standard_values_and_keeps_what_others_added(
    plants: tuple[Organisation, Organisation], device: Callable[..., None], commit: Commit
) -> None:
    device("88.118.1/CNC 01", plants[0])
    first = services.resolve_local("88.118.1/CNC 01")
    assert first is not None
    assert {value.type: value.text for value in first.public} == {
        "URL": "http://127.0.0.1:8600/id/88.118.1/CNC%2001",
        "NAME": "数控机床",
        "TYPE": "cnc",
        "MANUFACTURER": "沈阳机床",
        "SERIAL_NUMBER": "S1",
        "OWNER": "恒锐",
    }
    added = Value(100, "EMAIL", b"x@a.test")
    services.store().put(Record(first.handle, (*first.values, added), 5, 5))
    device("88.118.1/CNC 01", plants[0], name="改名")
    renewed = services.resolve_local("88.118.1/CNC 01")
    assert renewed is not None
    assert (renewed.text("NAME"), renewed.text("EMAIL"), renewed.registered) == ("改名", "x@a.test", 5)


def test_identifiers_that_are_missing_or_stale_are_written_again_and_no_other(
    plants: tuple[Organisation, Organisation], device: Callable[..., None], commit: Commit
) -> None:
    device("88.118.1/old", plants[0])
    plate = Nameplate("数控机床", "cnc", "恒锐", "沈阳机床", serial_number="S1")
    stale = Value(1, "URL", b"http://elsewhere.test/id/88.118.1/moved")
    added = Value(100, "EMAIL", b"x@a.test")
    services.store().put(Record(parse("88.118.1/moved"), (stale, added), 5, 5))
    wanted = [(f"88.118.1/{suffix}", plate) for suffix in ("old", "moved", "lost")]
    assert device_identifiers.reconcile(wanted) == 2
    assert device_identifiers.reconcile(wanted) == 0
    moved, lost = (services.resolve_local(f"88.118.1/{suffix}") for suffix in ("moved", "lost"))
    assert moved is not None
    assert lost is not None
    assert (moved.text("URL"), moved.text("EMAIL"), moved.registered) == (
        "http://127.0.0.1:8600/id/88.118.1/moved",
        "x@a.test",
        5,
    )
    assert lost.text("NAME") == "数控机床"


def test_a_device_that_was_rolled_back_leaves_no_identifier(
    plants: tuple[Organisation, Organisation], device: Callable[..., None], commit: Commit
) -> None:
    def fail() -> None:
        with transaction.atomic():
            device_identifiers.register("88.118.1/ghost", Nameplate("", "", plants[0].name))
            raise RuntimeError

    with commit(execute=True), pytest.raises(RuntimeError):
        fail()
    assert services.store().get(parse("88.118.1/ghost")) is None


def test_a_removed_device_has_no_identifier(
    plants: tuple[Organisation, Organisation], device: Callable[..., None], commit: Commit
) -> None:
    device("88.118.1/old", plants[0])
    with commit(execute=True):
        device_identifiers.remove("88.118.1/old")
        device_identifiers.remove("88.118.1/old")
    assert services.resolve_local("88.118.1/old") is None

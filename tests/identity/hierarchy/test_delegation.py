"""A prefix given into another node's hands, and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.test import Client

from gongfu.identity.handle import site
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.names import Handle, parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import delegations, services
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.services import Prefix
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Conflict, Forbidden

pytestmark = pytest.mark.django_db
Commit = Callable[..., AbstractContextManager[object]]
SignedIn = Callable[..., Client]
THERE = site.single("192.0.2.7", 2641)


def homed(store: IdentifierStore, prefix: str) -> bool:
    return store.lookup(f"{prefix}/X".encode())[0]


def test_a_delegated_prefix_is_no_longer_answered_here_and_its_prefix_handle_says_where(
    prefix: Prefix, root: User, own_store: IdentifierStore, commit: Commit
) -> None:
    with commit(execute=True):
        services.delegate(root, prefix, THERE, (Value(100, "HS_ADMIN", b"admin"),))
    assert not homed(own_store, prefix.name)
    record = own_store.get(Handle("0.NA", prefix.name))
    assert record is not None
    assert [(value.index, value.type) for value in record.public] == [(1, "HS_SITE"), (100, "HS_ADMIN")]
    assert services.served_at(prefix.name)[0].servers == THERE.servers
    with commit(execute=True):
        services.delegate(root, prefix, site.single("192.0.2.8"))
    assert services.served_at(prefix.name)[0].serial == 2
    with commit(execute=True):
        services.undelegate(root, prefix)
    assert homed(own_store, prefix.name)
    left = own_store.get(Handle("0.NA", prefix.name))
    assert left is not None
    assert [value.type for value in left.values] == ["HS_ADMIN"]  # what others wrote stays
    with pytest.raises(Conflict):
        services.undelegate(root, prefix)


def test_only_the_operator_delegates(prefix: Prefix, li: User, signed_in: SignedIn) -> None:
    with pytest.raises(Forbidden):
        services.delegate(li, prefix, THERE)
    client = signed_in(li)
    assert client.get(f"/identity/prefixes/{prefix.pk}/served").status_code == 403
    assert client.post(f"/identity/prefixes/{prefix.pk}/take-back").status_code == 403


def test_nothing_is_registered_here_under_a_delegated_prefix(
    prefix: Prefix, root: User, li: User, commit: Commit
) -> None:
    with commit(execute=True):
        services.delegate(root, prefix, THERE)
    with pytest.raises(Conflict):
        services.register(li, f"{prefix.name}/A", (Value(1, "URL", b"http://a.test/"),))


def test_a_suspended_prefix_refers_nobody_until_it_is_back(
    prefix: Prefix, root: User, own_store: IdentifierStore, commit: Commit
) -> None:
    with commit(execute=True):
        services.delegate(root, prefix, THERE)
    with commit(execute=True):
        services.change_state(prefix, Prefix.State.SUSPENDED)
    record = own_store.get(Handle("0.NA", prefix.name))
    assert record is not None
    assert record.public == ()
    with commit(execute=True):
        services.change_state(prefix, Prefix.State.ACTIVE)
    record = own_store.get(Handle("0.NA", prefix.name))
    assert record is not None
    assert len(record.public) == 1
    assert not homed(own_store, prefix.name)


def test_a_prefix_that_is_taken_back_for_good_leaves_nothing(
    prefix: Prefix, root: User, own_store: IdentifierStore, commit: Commit
) -> None:
    with commit(execute=True):
        services.delegate(root, prefix, THERE)
    name = prefix.name
    with commit(execute=True):
        services.remove_prefix(prefix)
    assert own_store.get(Handle("0.NA", name)) is None


def test_the_operator_says_it_on_the_page_of_the_prefix(
    prefix: Prefix, root: User, own_store: IdentifierStore, commit: Commit, signed_in: SignedIn
) -> None:
    own_store.put(Record(parse(f"{prefix.name}/A"), (Value(1, "URL", b"x"),), 1, 1))
    client = signed_in(root)
    assert "This node serves the prefix itself" in client.get(f"/identity/prefixes/{prefix.pk}/").content.decode()
    form = client.get(f"/identity/prefixes/{prefix.pk}/served").content.decode()
    assert "1 identifier that stands here" in form
    for wrong in ({"address": "somewhere", "port": "2641"}, {"address": "192.0.2.7", "port": "0"}):
        answer = client.post(f"/identity/prefixes/{prefix.pk}/served", wrong)
        assert answer.status_code == 422
        assert wrong["address"] in answer.content.decode()
    with commit(execute=True):
        sent = {"address": "192.0.2.7", "port": "2642"}
        assert client.post(f"/identity/prefixes/{prefix.pk}/served", sent).status_code == 302
    shown = client.get(f"/identity/prefixes/{prefix.pk}/").content.decode()
    assert "192.0.2.7" in shown
    assert "2642" in shown
    assert f"0.NA/{prefix.name}" in shown
    with commit(execute=True):
        client.post(f"/identity/prefixes/{prefix.pk}/take-back")
    assert homed(own_store, prefix.name)


def test_programs_delegate_through_the_api(
    prefix: Prefix, root: User, wang: User, commit: Commit, signed_in: SignedIn
) -> None:
    client = signed_in(root)
    address = f"/api/v1/identity/prefix-sites/{prefix.name}"
    assert client.get(address).status_code == 409
    body = {"servers": [{"address": "192.0.2.7"}, {"address": "2001:db8::7", "port": 2642}], "description": "plant"}
    with commit(execute=True):
        answer = client.put(address, json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert client.get(address).json() == {
        "servers": [{"address": "192.0.2.7", "port": 2641}, {"address": "2001:db8::7", "port": 2642}],
        "description": "plant",
    }
    body["servers"] = [{"address": "nowhere"}]
    assert client.put(address, json.dumps(body), content_type="application/json").status_code == 422
    assert signed_in(wang).get(address).status_code == 404
    with commit(execute=True):
        assert client.delete(address).status_code == 204


def test_a_site_that_others_wrote_badly_is_said_so(own_store: IdentifierStore) -> None:
    own_store.put(Record(Handle("0.NA", "88.118.9"), (Value(1, "HS_SITE", b"\0"),), 1, 1))
    with pytest.raises(Malformed):
        delegations.sites(own_store, "88.118.9")

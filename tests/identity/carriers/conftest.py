"""Two enterprises with prefixes, identifiers of the first, and a store of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role

Commit = Callable[..., AbstractContextManager[object]]
Plants = tuple[Organisation, Organisation]


@pytest.fixture
def own_store(store: IdentifierStore, monkeypatch: pytest.MonkeyPatch) -> IdentifierStore:
    monkeypatch.setattr(services, "store", lambda: store)
    return store


@pytest.fixture
def plants(db: None, own_store: IdentifierStore, django_capture_on_commit_callbacks: Commit) -> Plants:
    accounts.create_organisation("operator", "平台运营方", kind=Organisation.Kind.OPERATOR)
    both = accounts.create_organisation("hengrui", "恒锐"), accounts.create_organisation("huasu", "华塑")
    with django_capture_on_commit_callbacks(execute=True):
        for plant in both:
            services.allot_prefix("test", plant)
    return both


@pytest.fixture
def li(plants: Plants) -> User:
    return accounts.create_user("li", "correct-horse-9", roles={plants[0]: Role.ENGINEER}, language="en")


@pytest.fixture
def wang(plants: Plants) -> User:
    return accounts.create_user("wang", "correct-horse-9", roles={plants[1]: Role.ENGINEER}, language="en")


@pytest.fixture
def pumps(plants: Plants, own_store: IdentifierStore) -> list[str]:
    """250 identifiers 88.118.1/PUMP-000 … with a public name and a secret note."""
    handles = [f"88.118.1/PUMP-{number:03}" for number in range(250)]
    own_store.put_many(
        Record(
            parse(handle),
            (
                Value(2, "NAME", f"一号循环泵 {handle[-3:]}".encode()),
                Value(7, "OWNER", "恒锐机床集团有限公司".encode()),
                Value(100, "NOTE", "内部".encode(), permissions=Permission.ADMIN_READ),
            ),
            1,
            1,
        )
        for handle in handles
    )
    return handles

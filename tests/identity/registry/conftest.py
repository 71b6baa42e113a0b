"""People of two enterprises, their prefixes, and a store of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from gongfu.identity.registry import services
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
def commit(django_capture_on_commit_callbacks: Commit) -> Commit:
    """``with commit(execute=True):`` ends like a transaction that succeeded."""
    return django_capture_on_commit_callbacks


@pytest.fixture
def operator(db: None, own_store: IdentifierStore) -> Organisation:
    return accounts.create_organisation("operator", "平台运营方", kind=Organisation.Kind.OPERATOR)


@pytest.fixture
def plants(operator: Organisation, commit: Commit) -> Plants:
    both = accounts.create_organisation("hengrui", "恒锐"), accounts.create_organisation("huasu", "华塑")
    with commit(execute=True):
        for plant in both:
            services.allot_prefix("test", plant)
    return both


@pytest.fixture
def li(plants: Plants) -> User:
    return accounts.create_user("li", "correct-horse-9", roles={plants[0]: Role.ENGINEER})


@pytest.fixture
def wang(plants: Plants) -> User:
    return accounts.create_user("wang", "correct-horse-9", roles={plants[1]: Role.ENGINEER})


@pytest.fixture
def root(plants: Plants) -> User:
    return accounts.create_user("root", "correct-horse-9", is_superuser=True)

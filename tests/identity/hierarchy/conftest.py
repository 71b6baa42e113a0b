"""Two enterprises with prefixes, the operator, and a store of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.test import Client

from gongfu.identity.hierarchy import services as hierarchy
from gongfu.identity.registry import services
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role

Commit = Callable[..., AbstractContextManager[object]]


@pytest.fixture
def own_store(store: IdentifierStore, monkeypatch: pytest.MonkeyPatch) -> IdentifierStore:
    monkeypatch.setattr(services, "store", lambda: store)
    hierarchy._recent.clear()
    return store


@pytest.fixture
def commit(django_capture_on_commit_callbacks: Commit) -> Commit:
    """``with commit(execute=True):`` ends like a transaction that succeeded."""
    return django_capture_on_commit_callbacks


@pytest.fixture
def prefix(db: None, own_store: IdentifierStore, commit: Commit) -> services.Prefix:
    accounts.create_organisation("operator", "平台运营方", kind=Organisation.Kind.OPERATOR)
    plant = accounts.create_organisation("hengrui", "恒锐")
    with commit(execute=True):
        return services.allot_prefix("test", plant)


@pytest.fixture
def root(prefix: services.Prefix) -> User:
    return accounts.create_user("root", "correct-horse-9", is_superuser=True)


@pytest.fixture
def li(prefix: services.Prefix) -> User:
    return accounts.create_user("li", "correct-horse-9", roles={prefix.organisation: Role.ENGINEER})


@pytest.fixture
def wang(prefix: services.Prefix) -> User:
    other = accounts.create_organisation("huasu", "华塑")
    return accounts.create_user("wang", "correct-horse-9", roles={other: Role.ENGINEER})


@pytest.fixture
def signed_in() -> Callable[..., Client]:
    def sign_in(user: User, language: str = "en") -> Client:
        user.language = language
        user.save()
        client = Client()
        client.force_login(user)
        return client

    return sign_in

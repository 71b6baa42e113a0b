"""Fixtures: two enterprises with prefixes and people, and an identifier store of their own. Import what is needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.test import Client

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
def plants(db: None, own_store: IdentifierStore, django_capture_on_commit_callbacks: Commit) -> Plants:
    """恒锐 with 88.118.1 and 华塑 with 88.118.2."""
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
def root(plants: Plants) -> User:
    return accounts.create_user("root", "correct-horse-9", is_superuser=True, language="en")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client

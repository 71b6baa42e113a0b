"""An operator, two enterprises with people, a store of their own, and a day that stands still."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from gongfu.identity.business import clock, services, templating
from gongfu.identity.business.models import Contract, Template
from gongfu.identity.business.services import Enterprise, Granted
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role

Commit = Callable[..., AbstractContextManager[object]]
CREDIT_CODE = "91310118MA1JL3XY7M"


@dataclass
class Day:
    """The day the node believes in."""

    today: dt.date

    def now(self) -> dt.datetime:
        return dt.datetime.combine(self.today, dt.time(4), dt.UTC)  # noon in Shanghai


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> Day:
    held = Day(dt.date(2026, 11, 20))
    monkeypatch.setattr(clock, "now", held.now)
    return held


@pytest.fixture
def own_store(store: IdentifierStore, monkeypatch: pytest.MonkeyPatch) -> IdentifierStore:
    monkeypatch.setattr(registry, "store", lambda: store)
    return store


@pytest.fixture
def commit(django_capture_on_commit_callbacks: Commit) -> Commit:
    """``with commit(execute=True):`` ends like a transaction that succeeded."""
    return django_capture_on_commit_callbacks


@pytest.fixture
def operator(db: None, own_store: IdentifierStore, day: Day) -> Organisation:
    return accounts.create_organisation("operator", "平台运营方", kind=Organisation.Kind.OPERATOR)


@pytest.fixture
def hengrui(operator: Organisation) -> Organisation:
    return accounts.create_organisation("hengrui", "恒锐", parent=operator)


@pytest.fixture
def huasu(operator: Organisation) -> Organisation:
    return accounts.create_organisation("huasu", "华塑", parent=operator)


@pytest.fixture
def root(operator: Organisation) -> User:
    return accounts.create_user("root", "correct-horse-9", is_superuser=True, roles={operator: Role.ADMIN})


@pytest.fixture
def li(hengrui: Organisation) -> User:
    return accounts.create_user("li", "correct-horse-9", roles={hengrui: Role.ENGINEER})


@pytest.fixture
def wang(huasu: Organisation) -> User:
    return accounts.create_user("wang", "correct-horse-9", roles={huasu: Role.ENGINEER})


@pytest.fixture
def enterprise() -> Enterprise:
    return Enterprise("恒锐精密机械有限公司", CREDIT_CODE, "C34", "310118", "李工", "021-59730000")


@pytest.fixture
def contract(hengrui: Organisation, enterprise: Enterprise, commit: Commit) -> Contract:
    """恒锐's: 88.118.1, ten identifiers, from 2026-11-20 for a year."""
    with commit(execute=True):
        prefix = registry.allot_prefix("test", hengrui)
        return services.open_contract("test", prefix.name, enterprise, Granted(10, 1000))


@pytest.fixture
def machinery(operator: Organisation) -> Template:
    """The operator's published template of machines."""
    return templating.publish("test", templating.import_starter("test", operator, "machinery"))


GIVEN = {
    "product_name": "立式加工中心",
    "model": "VMC-850",
    "serial_number": "007",
    "manufacturer": "恒锐精密机械",
    "made_on": "2026-11-20",
    "rated_power": "18.5",
    "warranty_until": "2028-11-20",
    "batch_cost": "215000",
}
"""Fields of a machine: public ones, one for partners, one for the owner."""


@pytest.fixture
def given() -> dict[str, str]:
    return dict(GIVEN)

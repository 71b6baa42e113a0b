"""A district's office with two officials, two enterprises with a person each, for tests of the ledger."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.test import Client

from gongfu.governance.support import services
from gongfu.governance.support.models import Beneficiary
from gongfu.governance.support.schemes import built_in
from gongfu.governance.support.services import Asked, Draft
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role, credit_code_check_digit

QINGPU = next(one for one in built_in() if one.key == "qingpu-2022")
GENERAL = frozenset(one.key for one in QINGPU.condition)
DAY = dt.date(2024, 6, 1)


def code(number: int) -> str:
    """A credit code whose check character fits."""
    body = f"91310118MA1J{number:05d}"
    return body + credit_code_check_digit(body)


def authority(name: str = "qingpu", title: str = "青浦区科委") -> Organisation:
    return accounts.create_organisation(name, title, kind=Organisation.Kind.AUTHORITY)


def official(username: str, office: Organisation, role: Role = Role.ENGINEER) -> User:
    return accounts.create_user(username, "correct-horse-9", roles={office: role}, language="en")


def asked(clause: str, basis: str = "0", *, matter: str = "m", year: int = 0, decided: str | None = None) -> Asked:
    """A claim that fulfils everything."""
    facts = GENERAL | {one.key for one in QINGPU.find(clause).condition}
    return Asked(
        "qingpu", clause, matter, Decimal(basis), year, facts, Decimal(decided) if decided is not None else None
    )


def had(actor: User, enterprise: Beneficiary, amount: str, *, matter: str = "m", clause: str = "2.1") -> None:
    services.enter(actor, enterprise, Draft(matter, Decimal(amount), DAY, scheme="qingpu", clause=clause))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client

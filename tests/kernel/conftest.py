"""Two enterprises below an operator, and people in them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client

from gongfu.kernel.accounts import services
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role

PASSWORD = "correct-horse-battery"


@dataclass(frozen=True)
class World:
    operator: Organisation
    pumps: Organisation
    presses: Organisation
    root: User
    engineer: User
    viewer: User
    auditor: User
    rival: User
    inspector: User


@pytest.fixture
def world(db: None) -> World:
    operator = services.create_organisation("operator", "运营方", kind="operator")
    pumps = services.create_organisation("pumps", "泵业公司", name_en="Pump works", parent=operator)
    presses = services.create_organisation("presses", "压机公司", parent=operator)

    def user(name: str, organisation: Organisation, role: Role) -> User:
        return services.create_user(name, PASSWORD, roles={organisation: role}, language="en")

    return World(
        operator,
        pumps,
        presses,
        root=services.create_user("root", PASSWORD, is_superuser=True, language="en"),
        engineer=user("engineer", pumps, Role.ENGINEER),
        viewer=user("viewer", pumps, Role.VIEWER),
        auditor=user("auditor", pumps, Role.AUDITOR),
        rival=user("rival", presses, Role.ADMIN),
        inspector=user("inspector", operator, Role.ENGINEER),
    )


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client

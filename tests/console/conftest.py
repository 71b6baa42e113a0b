"""A plant of two enterprises; every part of the node other than the database is away unless a test says otherwise."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import pytest
from django.test import Client

from gongfu.console import plant
from gongfu.data.telemetry import overview
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.errors import Unavailable
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.models import Device
from gongfu.platform.devices.services import DeviceDraft

PASSWORD = "correct-horse-battery"


@dataclass(frozen=True)
class World:
    pumps: Organisation
    presses: Organisation
    engineer: User
    viewer: User
    rival: User
    pump: Device


@pytest.fixture
def world(db: None) -> World:
    operator = accounts.create_organisation("operator", "运营方")
    pumps = accounts.create_organisation("pumps", "泵业公司", name_en="Pump works", parent=operator)
    presses = accounts.create_organisation("presses", "压机公司", parent=operator)
    for organisation in (pumps, presses):
        registry.allot_prefix("test", organisation)
    engineer = accounts.create_user("engineer", PASSWORD, roles={pumps: Role.ENGINEER}, language="zh-hans")
    draft = DeviceDraft(
        key="pump-01",
        name="一号循环泵",
        name_en="Circulation pump 1",
        type="centrifugal-pump",
        driver="modbus",
        place=(("一厂", "Works 1"), ("动力车间", "Utilities")),
    )
    pump = devices.create_device(engineer, pumps, draft)
    Device.objects.filter(pk=pump.pk).update(connection="online")
    return World(
        pumps,
        presses,
        engineer,
        viewer=accounts.create_user("viewer", PASSWORD, roles={pumps: Role.VIEWER}, language="en"),
        rival=accounts.create_user("rival", PASSWORD, roles={presses: Role.ADMIN}, language="zh-hans"),
        pump=pump,
    )


@pytest.fixture(autouse=True)
def everything_else_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks a node that happens to run on this machine."""

    def away(*_: object, **__: object) -> None:
        raise Unavailable("away")

    for name in ("pulse", "happened", "total"):
        monkeypatch.setattr(overview, name, away)
    monkeypatch.setattr(plant, "fetch", away)
    monkeypatch.setattr(plant, "resolutions", away)
    monkeypatch.setattr(plant, "_processes", None)
    monkeypatch.setattr(plant, "_missed", {})
    monkeypatch.setattr(plant, "_figures", OrderedDict())


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client

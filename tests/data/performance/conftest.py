"""A plant of one enterprise with a machine, an engineer and somebody of another enterprise."""

from __future__ import annotations

import pytest

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.platform.devices.models import Device
from tests.data.performance.hours import Hours, machining_centre
from tests.platform.devices.plants import enterprise, person


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Hours:
    one = Hours()
    for module in ("services", "stops", "energy", "heat"):
        monkeypatch.setattr(f"gongfu.data.performance.{module}.client", lambda: one)
    return one


@pytest.fixture
def plant(db: None) -> Organisation:
    return enterprise("hengrui", "恒锐")


@pytest.fixture
def engineer(plant: Organisation) -> User:
    return person("li", plant)


@pytest.fixture
def stranger(db: None) -> User:
    return person("zhao", enterprise("huasu", "华塑"))


@pytest.fixture
def centre(plant: Organisation) -> Device:
    return machining_centre(plant, "CNC-1", "一号加工中心")

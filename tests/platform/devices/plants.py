"""Two enterprises, an engineer of the first with a colleague, and a press, for tests of configurations."""

from __future__ import annotations

from typing import Any

import msgspec

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.platform.devices.document import DeviceDocument, TagDocument

PRESS = DeviceDocument(
    key="PRESS-1",
    name="一号压机",
    name_en="Press 1",
    type="centrifugal-pump",
    place="一厂 / 冲压车间",
    driver="modbus",
    options={"host": "127.0.0.1", "port": 1502},
    tags=[
        TagDocument(key="speed", name="转速", unit="r/min", address="holding:0:uint16", low=0.0, high=3000.0),
        TagDocument(key="flow", name="流量", unit="m³/h", address="holding:1:int16", scale=0.1, deadband=0.5),
    ],
)


def but(document: DeviceDocument = PRESS, **changed: Any) -> DeviceDocument:
    """``document`` with something changed."""
    return msgspec.structs.replace(document, **changed)


def with_tag(number: int, document: DeviceDocument = PRESS, **changed: Any) -> DeviceDocument:
    """``document`` with something changed in one of its tags."""
    tags = list(document.tags)
    tags[number] = msgspec.structs.replace(tags[number], **changed)
    return but(document, tags=tags)


def enterprise(code: str, name: str) -> Organisation:
    return accounts.create_organisation(code, name)


def person(username: str, organisation: Organisation, role: Role = Role.ENGINEER) -> User:
    return accounts.create_user(username, "correct-horse-9", roles={organisation: role})

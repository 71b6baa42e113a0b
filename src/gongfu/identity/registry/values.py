"""Which values a device's identifier has, and at which index. Pure.

Indexes below 100 belong to this node and are rewritten with the device; those from 100 on belong to whoever added them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import quote

from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import current
from gongfu.network.models import library

FIRST_FREE = 100
"""First index this node never rewrites."""


class Standard(IntEnum):
    """Index of each standard value; its name is the value's type."""

    URL = 1
    NAME = 2
    TYPE = 3
    MANUFACTURER = 4
    MODEL = 5
    SERIAL_NUMBER = 6
    OWNER = 7


@dataclass(frozen=True, slots=True)
class Nameplate:
    """What a device's identifier says of it; empty texts are left out."""

    name: str
    kind: str
    owner: str
    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""


def page_url(base: str, handle: str) -> str:
    """Address of the public page of ``handle`` below the console's address ``base``."""
    return f"{base}/id/{quote(handle, safe='/')}"


def type_name(kind: str) -> str:
    """A device type in the reader's language; a type this node does not know as it was registered."""
    try:
        return library.type_by_id(kind).name.in_language(current())
    except NotFound:
        return kind


def standard(handle: Handle, plate: Nameplate, base: str, *, now: int) -> tuple[Value, ...]:
    """The standard values, all public."""
    texts = {
        Standard.URL: page_url(base, str(handle)),
        Standard.NAME: plate.name,
        Standard.TYPE: plate.kind,
        Standard.MANUFACTURER: plate.manufacturer,
        Standard.MODEL: plate.model,
        Standard.SERIAL_NUMBER: plate.serial_number,
        Standard.OWNER: plate.owner,
    }
    return tuple(Value(index, index.name, text.encode(), timestamp=now) for index, text in texts.items() if text)


def renewed(handle: Handle, values: Iterable[Value], before: Record | None, *, now: int) -> Record:
    """The record with new standard values; when it was registered and what others added stay."""
    added = [value for value in before.values if value.index >= FIRST_FREE] if before else []
    return Record(handle, (*values, *added), before.registered if before else now, now)

"""What the node tells of devices, tags and newest readings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Device:
    """A device: its number, the key people know it by, and how it is doing."""

    id: int
    key: str
    name: str
    type: str
    connection: str
    """online, offline, connecting, refused or unknown."""
    identifier: str


@dataclass(frozen=True)
class Tag:
    """One thing a device tells, in ``unit``; ``kind`` is number, boolean, text, state or array."""

    id: int
    device: int
    key: str
    name: str
    unit: str
    kind: str


@dataclass(frozen=True)
class LastValue:
    """The newest reading of a tag; ``quality`` 0 good, 1 uncertain, 2 bad."""

    tag: int
    device: str
    key: str
    unit: str
    time: datetime
    value: float | str | None
    quality: int

"""What a scan is asked for, and what it finds. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from gongfu.network.drivers.contract import Identity, Point
from gongfu.network.drivers.registry import Value

MOST_HOSTS = 1024
"""Addresses of one scan: a /22."""
MOST_PORTS = 4
"""Ports of one protocol in one scan."""
MOST_FINDINGS = 2000
MOST_POINTS = 100
"""Points that are kept of one device."""
FASTEST = 50.0
"""Connections a second at most; 20 unless somebody asks for another speed."""
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
State = Literal["running", "done", "stopped", "failed"]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol to look for; at its usual ports when ``ports`` is empty."""

    probe: Annotated[str, msgspec.Meta(max_length=40)]
    ports: Annotated[list[Port], msgspec.Meta(max_length=MOST_PORTS)] = []


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be scanned. ``targets``: see :func:`gongfu.network.discovery.ranges.parse`."""

    targets: Annotated[str, msgspec.Meta(max_length=2000)]
    wishes: Annotated[list[Wish], msgspec.Meta(min_length=1, max_length=20)]
    rate: Annotated[float, msgspec.Meta(gt=0, le=FASTEST)] = 20.0
    """Connections a second."""
    browse: bool = True
    """Also ask what a device holds, where its protocol tells."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something answered."""

    address: str
    port: int
    probe: str
    protocol: str
    driver: str = ""
    """That would talk to it; empty when none would."""
    options: dict[str, Value] = {}
    """Of the driver."""
    identity: Identity = Identity()
    points: list[Point] = []
    """What it holds, the first ones."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a scan is. ``findings`` from the one that was asked for; there may be ``more``."""

    state: State
    tried: int
    total: int
    current: str = ""
    problem: str = ""
    """Why it failed, packed."""
    findings: list[Finding] = []
    more: bool = False

"""What a gateway is asked to measure, and what it measured. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

MOST_TARGETS = 16
"""Targets of one question: it is answered within seconds also when all of them are silent."""
MOST_PROBES = 20

Method = Literal["icmp", "tcp", ""]
Service = Literal["open", "closed", "silent", ""]
"""What a TCP connection met: a listener, a refusal, nothing; empty when none was tried."""


class Readiness(StrEnum):
    """How far a host is with IPv6."""

    UNKNOWN = "unknown"
    NONE = "none"
    """It has no IPv6 address that we know of."""
    LOCAL = "local"
    """Only an address of its own link or machine, which no other network reaches."""
    ADDRESSED = "addressed"
    """It has an address (unique local or global), and did not answer there."""
    READY = "ready"
    """It answers over IPv6."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to measure; ``key`` is the asker's and comes back. ``port`` 0: no TCP connection is tried."""

    key: Annotated[str, msgspec.Meta(max_length=60)]
    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of one target. Times in milliseconds, None for a probe that nobody answered."""

    key: str
    method: Method = ""
    times: list[float | None] = []
    """One after the other, in the order sent."""
    connect: float | None = None
    """A TCP connection, until it was accepted or refused."""
    service: Service = ""
    ipv6: Readiness = Readiness.UNKNOWN
    mtu: int = 0
    """Of the path, as the kernel knows it; 0 when nothing was connected."""
    problem: str = ""
    """Why nothing was measured, packed."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway's own machine."""

    ipv6: Readiness = Readiness.UNKNOWN
    address: str = ""
    """Its widest IPv6 address."""
    echoes: bool = False
    """Whether it may send ICMP echo requests."""

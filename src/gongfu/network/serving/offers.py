"""What an organisation offers to whom: bucket ``northbound``, key the organisation's number, JSON of :class:`Offer`.

The control plane writes it, this process serves it. Each organisation has ports of its own, so that nobody who connects
to one sees that there are others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from gongfu.kernel.errors import GongfuError
from gongfu.kernel.secrets import secret
from gongfu.network.gateway.asking import Failed

BUCKET = "northbound"
WRITES = "northbound.write"
"""Subject of requests to write, JSON of :class:`WriteRequest`; the answer is a :class:`Permitted` or a ``Failed``."""

Port = Annotated[int, msgspec.Meta(ge=0, lt=65536)]


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Ports are 0 where nothing is offered."""

    org: int
    org_code: str
    opcua_port: Port = 0
    modbus_port: Port = 0
    sparkplug: bool = False
    writes: bool = False
    """Whether clients may ask for values to be written; each is checked as a command of a person is."""
    units: dict[str, int] = {}
    """Device number → Modbus unit; a unit is never given to another device."""


def password(home: Path, org_code: str) -> str:
    """What clients of the organisation's OPC UA server need; the user name is its code."""
    return secret(home, f"northbound-{org_code}")


class WriteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's wish to write ``value``, in engineering units, to the tag ``series`` of ``org``."""

    org: int
    series: int
    value: int | float | bool | str
    by: str
    """Protocol and client, for the record."""


class Permitted(msgspec.Struct, frozen=True, kw_only=True, tag="permitted"):
    """It was written and read back."""


Verdict = Permitted | Failed


class NotWritten(GongfuError):
    """What the guard, the gateway or the device said; ``problem`` is it, packed."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

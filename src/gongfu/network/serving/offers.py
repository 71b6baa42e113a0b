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
"""Subject of requests to write, JSON of :class:`WriteRequest`; the answer is a :data:`Verdict`."""
NEWEST = "northbound.newest"
"""Subject of questions for stored values, JSON of :class:`NewestRequest`; the answer is :class:`Stored` or ``Failed``.
"""
MOST_WISHES = 64
"""Values in one request to write: more than the 61 numbers that fit one of Modbus."""
MOST_ASKED = 1000
"""Series in one question for stored values."""

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


class Wish(msgspec.Struct, frozen=True):
    """A value, in engineering units, for the tag ``series``."""

    series: int
    value: int | float | bool | str


class WriteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's wish to write to tags of ``org``: all of ``wishes``, or none unless a device fails in the middle."""

    org: int
    wishes: Annotated[list[Wish], msgspec.Meta(min_length=1, max_length=MOST_WISHES)]
    by: str
    """Protocol and client, for the record."""


class Permitted(msgspec.Struct, frozen=True, kw_only=True, tag="permitted"):
    """Everything was written and read back."""


class Partly(msgspec.Struct, frozen=True, kw_only=True, tag="partly"):
    """The first ``written`` values were written and read back; the next one was not, because of ``problem``, packed."""

    written: int
    problem: str


Verdict = Permitted | Partly | Failed
"""``Failed``: nothing was written, as far as is known."""


class NotWritten(GongfuError):
    """What the guard, the gateway or the device said; ``problem`` is it, packed. ``written`` values came before it."""

    def __init__(self, problem: str, written: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.written = written


class NewestRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which stored values of ``org`` somebody wants to know."""

    org: int
    series: Annotated[list[int], msgspec.Meta(max_length=MOST_ASKED)]


class StoredValue(msgspec.Struct, frozen=True, array_like=True):
    """The last reading of a series in the store. ``time``: microseconds UTC; ``value`` None: not a number."""

    series: int
    time: int
    value: float | bool | str | None
    quality: int


class Stored(msgspec.Struct, frozen=True, kw_only=True, tag="stored"):
    """What is stored of the series asked for; ``rest`` found no room in the message and is to be asked for again."""

    values: list[StoredValue]
    rest: list[int] = []

"""What came of tags lately. Telemetry, which lies above, says so through this; without it nothing is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """A tag's recent past."""

    age: float | None = None
    """Seconds since the newest reading; None: never."""
    lowest: float | None = None
    highest: float | None = None
    falls: bool | None = None
    values: Collection[float] = ()
    """Different values, at most a few dozen."""


class Observer(Protocol):
    """Who knows."""

    def __call__(self, organisation: int, tags: Collection[int]) -> Mapping[int, Observed]:
        """Of each of ``tags`` of that organisation what came lately; raises :class:`Unavailable`."""


_observers: list[Observer] = []


def use(observer: Observer) -> None:
    """Ask ``observer`` from now on; called once, by the module that stores telemetry."""
    _observers[:] = [observer]


def observe(organisation: int, tags: Collection[int]) -> Mapping[int, Observed]:
    """What came of ``tags`` lately."""
    return _observers[0](organisation, tags) if _observers else {}

"""What a stage of ``gongfu streams`` is: it takes readings and says what is to be published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gongfu.kernel.readings import TextReading


@dataclass(frozen=True)
class Batch:
    """Readings of many devices in columns, in order of arrival. Times in microseconds UTC, ``orgs`` their owners."""

    orgs: NDArray[np.int64]
    series: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    qualities: NDArray[np.uint8]
    texts: list[tuple[int, TextReading]]
    """Text readings with their owner."""


@dataclass(frozen=True)
class Output:
    """A message for the bus; ``id`` is the same whenever the same readings are looked at again."""

    subject: str
    data: bytes
    id: str


@dataclass(frozen=True)
class Missed:
    """What a stage wants to see of the store after nobody looked for long."""

    since: int
    """Microseconds UTC: when its state was written down last."""
    series: dict[int, list[int]]
    """By owner."""


class Stage(Protocol):
    """One kind of work on readings. Never called by two tasks at once; ``clock``: microseconds, never steps."""

    @property
    def name(self) -> str:
        """First part of its keys in the bucket of rules, and the name of its state."""
        ...

    def configure(self, rules: dict[str, bytes], clock: int) -> list[Output]:
        """These are all rules now, by the rest of their keys. One that cannot be read is passed over and counted."""
        ...

    def take(self, batch: Batch, clock: int) -> list[Output]:
        """What follows from readings."""
        ...

    def tick(self, clock: int) -> list[Output]:
        """What follows from the time alone; called about five times a second when nothing is behind."""
        ...

    def state(self, clock: int) -> bytes:
        """What must outlive the process."""
        ...

    def restore(self, state: bytes, clock: int) -> None:
        """Go on from what :meth:`state` gave; raises :class:`ValueError` when it cannot be read."""
        ...

    def missed(self) -> Missed | None:
        """What it wants to see of the time after the restored state; None: nothing."""
        ...

    def catch_up(self, batch: Batch, until: int) -> list[Output]:
        """What follows from stored readings, all those there are before ``until`` (microseconds UTC)."""
        ...

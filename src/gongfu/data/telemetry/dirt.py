"""Which buckets of the roll-ups must be computed again: told by the recorder, kept in the store, taken by the roller.

The order makes it safe to be killed anywhere: readings are inserted, then the ranges they touch, and only then is the
bus told. A range is forgotten after its roll-ups are stored. Whatever is told or rolled up twice changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gongfu.data.telemetry import native
from gongfu.data.telemetry.schema import DIRTY
from gongfu.data.telemetry.store.engine import Engine

MINUTE: Final = 60
"""Seconds: ranges begin and end with whole ones."""
_MICRO: Final = 1_000_000
_END: Final = (1 << 32) - MINUTE
"""Seconds after which no roll-up has a name: February 2106."""
OUTSIDE: Final = 1 << 31
"""Generations from here on are told by others than the recorder, each under a number nobody else uses."""
_WIDE: Final = 2 * 3600
"""A series whose readings in one batch lie further apart (seconds) is told in several ranges."""


@dataclass(frozen=True)
class Ranges:
    """Ranges of series, in columns: seconds, whole minutes, ``lo`` to before ``hi``."""

    org: NDArray[np.uint32]
    series: NDArray[np.uint32]
    lo: NDArray[np.uint32]
    hi: NDArray[np.uint32]
    text: bool = False

    def __len__(self) -> int:
        return len(self.org)


@dataclass(frozen=True)
class Groups:
    """The rows of a batch by series; ``order`` sorts them, ``starts`` are the places of the first of each."""

    key: NDArray[np.uint64]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    earliest: NDArray[np.int64]
    latest: NDArray[np.int64]

    newest: NDArray[np.int64]
    """Index of the newest row of each series; of equal times the later row."""


def group(org: NDArray[np.uint32], series: NDArray[np.uint32], times: NDArray[np.int64]) -> Groups:
    """Group rows by (org, series); one stable sort."""
    key = org.astype(np.uint64) << np.uint64(32) | series
    order = _stable(org, series)
    ordered, when = key[order], times[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    latest = np.maximum.reduceat(when, starts)
    sizes = np.diff(np.r_[starts, len(key)])
    at_last = np.where(when == np.repeat(latest, sizes), np.arange(len(key)), -1)
    newest = order[np.maximum.reduceat(at_last, starts)]
    return Groups(ordered[starts], order, starts, np.minimum.reduceat(when, starts), latest, newest)


def ranges(groups: Groups, times: NDArray[np.int64], *, text: bool = False) -> Ranges:
    """The minutes that rows touch."""
    lo, hi = groups.earliest // _MICRO // MINUTE * MINUTE, (groups.latest // _MICRO // MINUTE + 1) * MINUTE
    wide = np.flatnonzero(hi - lo > _WIDE)
    key = groups.key
    if len(wide):
        parts = [_apart(groups, times, int(index)) for index in wide]
        narrow = np.setdiff1d(np.arange(len(key)), wide)
        repeated = (np.full(len(a), key[index]) for index, (a, _) in zip(wide, parts, strict=True))
        key = np.concatenate([key[narrow], *repeated])
        lo = np.concatenate([lo[narrow], *(a for a, _ in parts)])
        hi = np.concatenate([hi[narrow], *(b for _, b in parts)])
    told = lo < _END
    key, lo, hi = key[told], lo[told], np.minimum(hi[told], _END)
    return Ranges(
        (key >> np.uint64(32)).astype(np.uint32),
        (key & np.uint64(0xFFFFFFFF)).astype(np.uint32),
        lo.astype(np.uint32),
        hi.astype(np.uint32),
        text,
    )


class Dirt:
    """What the roller has yet to do. Safe for several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        last = engine.scalar(f"SELECT max(generation) FROM dirty WHERE generation < {OUTSIDE}")  # noqa: S608 - ours
        self._generation = int(last) + 1
        self._told: dict[bool, _Cover] = {}

    def tell(self, touched: Iterable[Ranges]) -> None:
        """Keep ``touched`` on disk; call it after the readings are stored and before they are acknowledged."""
        with self._lock:
            for one in touched:
                cover = self._told.setdefault(one.text, _Cover())
                fresh = cover.missing(one)
                if len(fresh):
                    self._engine.insert(DIRTY, _block(self._generation, fresh))
                    cover.add(fresh)

    def advance(self) -> int:
        """Begin a new generation; returns the last one that is complete: everything told until now is in it."""
        with self._lock:
            self._generation += 1
            self._told.clear()
            return self._generation - 1

    @property
    def generation(self) -> int:
        """That of what is told now."""
        return self._generation


class _Cover:
    """The range of each series told last in this generation: a series that reports on and on is told once a minute."""

    def __init__(self) -> None:
        self._key = np.empty(0, np.uint64)
        self._lo = np.empty(0, np.uint32)
        self._hi = np.empty(0, np.uint32)

    def missing(self, asked: Ranges) -> Ranges:
        key = _key(asked)
        if not len(self._key):
            return asked
        at = np.minimum(np.searchsorted(self._key, key), len(self._key) - 1)
        new = ~((self._key[at] == key) & (self._lo[at] <= asked.lo) & (self._hi[at] >= asked.hi))
        if new.all():
            return asked
        return Ranges(asked.org[new], asked.series[new], asked.lo[new], asked.hi[new], asked.text)

    def add(self, told: Ranges) -> None:
        key = np.concatenate([_key(told), self._key])
        _, first = np.unique(key, return_index=True)
        self._key = key[first]
        self._lo = np.concatenate([told.lo, self._lo])[first]
        self._hi = np.concatenate([told.hi, self._hi])[first]


def _key(one: Ranges) -> NDArray[np.uint64]:
    return one.org.astype(np.uint64) << np.uint64(32) | one.series


def _block(generation: int, one: Ranges) -> bytes:
    size = len(one)
    columns: list[native.Values] = [
        np.full(size, generation, np.uint32),
        one.org,
        one.series,
        np.full(size, one.text, np.uint8),
        one.lo,
        one.hi,
    ]
    return native.block(native.typed(DIRTY, columns))


def _stable(org: NDArray[np.uint32], series: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Order by (org, series), stable: digit by digit, because numpy sorts 16 bits in linear time."""
    order: NDArray[np.int64] | None = None
    for column in (series, org):
        for digit in (column.astype(np.uint16), (column >> np.uint32(16)).astype(np.uint16)):
            if order is None:
                order = np.argsort(digit, kind="stable")
            elif digit.max() != digit.min():
                order = order[np.argsort(digit[order], kind="stable")]
    assert order is not None
    return order


def _apart(groups: Groups, times: NDArray[np.int64], index: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Beginnings and ends of the runs of minutes of one series; runs closer than an hour are one."""
    end = groups.starts[index + 1] if index + 1 < len(groups.starts) else len(groups.order)
    minutes = np.unique(times[groups.order[groups.starts[index] : end]] // _MICRO // MINUTE)
    breaks = np.flatnonzero(np.diff(minutes) > MINUTE)
    return minutes[np.r_[0, breaks + 1]] * MINUTE, (minutes[np.r_[breaks, len(minutes) - 1]] + 1) * MINUTE

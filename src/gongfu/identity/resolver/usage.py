"""How often each prefix was resolved: counted in memory that all workers share, kept in a file for the control plane.

Each worker has a table of its own in the memory of :mod:`gongfu.identity.resolver.counters`, so that counting takes no
lock: a dictionary look-up and one addition. The first process adds the tables up every few seconds, writes
``usage.json`` beside the identifiers, and marks the prefixes that have spent their day; a worker sees the mark in the
row it counts in. A quota is therefore overdrawn by what is asked within those seconds, never by more.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping
from ctypes import Array, c_uint64
from pathlib import Path

import msgspec

FILE = "usage.json"
SLOTS = 4096
"""Prefixes one worker counts apart; further ones are counted together."""
_KEY_WORDS = 6
_WORDS = _KEY_WORDS + 2
"""A row: key in 48 octets, count, mark."""
_COUNT, _MARK = _KEY_WORDS, _KEY_WORDS + 1
TABLE = SLOTS * _WORDS
"""Words of one worker's table."""
_OTHERS = b"*"


class Usage(msgspec.Struct, frozen=True):
    """What was resolved, by prefix in upper case; ``*`` stands for those beyond :data:`SLOTS`."""

    at: float
    """When this was written, Unix seconds."""
    day: str
    """The day ``today`` belongs to, where the node stands."""
    today: dict[str, int] = {}
    total: dict[str, int] = {}
    """Since the node was set up."""
    rate: dict[str, float] = {}
    """Resolutions per second since the last writing."""


class PrefixTable:
    """One worker's table; continues the rows that a worker before it began."""

    count: Callable[[bytes], int]
    """One more resolution under a prefix (its key): 0, or 1 when its day is spent and it must be refused."""

    def __init__(self, memory: Array[c_uint64], base: int) -> None:
        self._memory = memory
        self._base = base
        self._beginning = threading.Lock()
        self._places = {key: row + _COUNT for key, row in _rows(memory, base)}
        if _OTHERS not in self._places:
            self._begin(_OTHERS)
        self.count = _counting(self._places, self._memory, self._begin)

    def _begin(self, prefix: bytes) -> int:
        """The place of a new prefix's count."""
        with self._beginning:  # UDP and TCP are two threads of one worker
            if prefix in self._places:
                return self._places[prefix]
            if len(self._places) >= SLOTS or len(prefix) > 8 * _KEY_WORDS:
                return self._places[_OTHERS]
            row = self._base + len(self._places) * _WORDS
            padded = prefix.ljust(8 * _KEY_WORDS, b"\0")
            for word in reversed(range(_KEY_WORDS)):  # the first word last: only then others see the row
                self._memory[row + word] = int.from_bytes(padded[8 * word : 8 * word + 8], "big")
            self._places[prefix] = row + _COUNT
            return row + _COUNT


def _counting(
    places: dict[bytes, int], memory: Array[c_uint64], begin: Callable[[bytes], int]
) -> Callable[[bytes], int]:
    """A function, because every resolution pays for each attribute that a method would look up."""
    find = places.get

    def count(prefix: bytes) -> int:
        place = find(prefix) or begin(prefix)
        if memory[place + 1]:  # the mark stands behind the count
            return 1
        memory[place] += 1
        return 0

    return count


class Book:
    """Adds up all tables; carries day and totals over a restart.

    It runs beside the thread that answers UDP, and what it holds the interpreter for, questions wait: so names are read
    once, and numbers taken all together.
    """

    def __init__(self, memory: Array[c_uint64], tables: list[int], kept: Usage | None = None) -> None:
        """``tables`` are the bases of the workers' tables, ``kept`` is what the file said."""
        self._memory = memory
        self._tables = tables
        self._names: list[list[str]] = [[] for _ in tables]
        self._seen: dict[str, int] = {}
        self._kept = kept
        self._marked: tuple[frozenset[str], int] = (frozenset(), 0)

    def add_up(self, moment: dt.datetime) -> Usage:
        """The state at ``moment``, which is local time with its zone."""
        raw: dict[str, int] = {}
        for names, base in zip(self._names, self._tables, strict=True):
            names += [key.decode("ascii", "replace") for key, _ in _rows(self._memory, base, len(names))]
            counts = self._memory[base + _COUNT : base + len(names) * _WORDS : _WORDS]
            for name, number in zip(names, counts, strict=True):
                raw[name] = raw.get(name, 0) + number
        before, day = self._kept, moment.date().isoformat()
        new = {name: number - self._seen.get(name, 0) for name, number in raw.items()}
        elapsed = moment.timestamp() - before.at if before and self._seen else 0.0
        self._seen = raw
        self._kept = Usage(
            at=moment.timestamp(),
            day=day,
            today=_sum(before.today if before and before.day == day else {}, new),
            total=_sum(before.total if before else {}, new),
            rate={name: number / elapsed for name, number in new.items() if number} if elapsed > 0 else {},
        )
        return self._kept

    def mark(self, spent: frozenset[str]) -> None:
        """Workers refuse the prefixes in ``spent`` from now on, and no other; as far as :meth:`add_up` saw them."""
        marked = spent, sum(map(len, self._names))
        if marked == self._marked:
            return
        self._marked = marked
        for names, base in zip(self._names, self._tables, strict=True):
            for row, name in enumerate(names):
                self._memory[base + row * _WORDS + _MARK] = name in spent


def spent(usage: Usage, daily_limits: Mapping[str, int]) -> frozenset[str]:
    """Prefixes that were resolved as often as ``daily_limits`` allow in a day; 0 allows everything."""
    return frozenset(
        name for name, limit in daily_limits.items() if name != "*" and 0 < limit <= usage.today.get(name, 0)
    )


def read(folder: Path) -> Usage | None:
    """What the resolver last wrote into ``folder``; None when there is nothing that can be read."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Usage)
    except (OSError, msgspec.DecodeError):
        return None


def write(folder: Path, usage: Usage) -> None:
    """Replace the file in one step; raises :class:`OSError`."""
    made = folder / f"{FILE}.new"
    made.write_bytes(msgspec.json.encode(usage))
    made.replace(folder / FILE)


def _rows(memory: Array[c_uint64], base: int, known: int = 0) -> Iterator[tuple[bytes, int]]:
    """Key and place of every row in use but the first ``known``."""
    for row in range(base + known * _WORDS, base + TABLE, _WORDS):
        first = memory[row]
        if not first:
            return
        words = [first, *memory[row + 1 : row + _KEY_WORDS]]
        yield b"".join(word.to_bytes(8, "big") for word in words).rstrip(b"\0"), row


def _sum(before: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    added = {name: before.get(name, 0) + number for name, number in new.items()}
    return {name: number for name, number in (before | added).items() if number}

"""Memory and processor time of process trees, measured in one pass over the machine's processes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

_FRESH = 1.0
"""Seconds for which a measurement is given again instead of made again."""


@dataclass(frozen=True)
class Use:
    """``memory``: resident bytes; ``cpu``: percent of one core since the measurement before."""

    memory: int
    cpu: float


class Meter:
    """Remembers the last measurement, because processor use is a difference."""

    def __init__(self) -> None:
        self._at = 0.0
        self._seconds: dict[int, float] = {}
        self._uses: dict[int, Use] = {}

    def measure(self, roots: Iterable[int]) -> dict[int, Use]:
        """Use of each root process together with its descendants; a process that has gone is left out."""
        now = time.monotonic()
        wanted = set(roots)
        if now - self._at < _FRESH and wanted <= self._uses.keys():
            return self._uses
        parents = _parents()
        memory = dict.fromkeys(wanted, 0)
        seconds = dict.fromkeys(wanted, 0.0)
        for pid in parents:
            root = _root(pid, parents, wanted)
            if root is None:
                continue
            try:
                process = psutil.Process(pid)
                with process.oneshot():
                    times = process.cpu_times()
                    memory[root] += process.memory_info().rss
                    seconds[root] += times.user + times.system
            except psutil.Error:
                continue
        elapsed = now - self._at
        self._uses = {
            root: Use(
                memory[root],
                round(100 * max(0.0, seconds[root] - self._seconds[root]) / elapsed, 1) if root in self._seconds else 0,
            )
            for root in wanted
        }
        self._at, self._seconds = now, seconds
        return self._uses


def _parents() -> dict[int, int]:
    parents = {}
    for process in psutil.process_iter(["ppid"]):
        parents[process.pid] = process.info["ppid"] or 0
    return parents


def _root(pid: int, parents: dict[int, int], wanted: set[int]) -> int | None:
    for _ in range(8):  # deeper trees than this we do not start
        if pid in wanted:
            return pid
        pid = parents.get(pid, 0)
    return None

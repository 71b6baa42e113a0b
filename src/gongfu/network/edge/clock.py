"""How far the edge's clock is from the node's, now and when earlier readings were made.

The wall clock of a small machine may start in 1970 and jump when somebody corrects it. The time since boot never
jumps. So a *segment* is a run of readings during which the wall clock did not jump against the time since boot; what
is measured in one segment of a boot (by asking the node for its time) tells the error of every other segment of that
boot. Of an earlier boot in which the node was never reached, nobody knows it.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from gongfu.network.edge.ledger import UNKNOWN_SHIFT, Shift

JUMP = 500_000
"""Microseconds that the wall clock may run away from the time since boot before a new segment begins."""
_KEPT = 200


class Segment(msgspec.Struct):
    """From local sequence numbers ``begins`` (by stream) on; times in microseconds."""

    boot: str
    base: int
    """Wall clock minus time since boot."""
    begins: dict[str, int]
    shift: int | None = None
    """What must be added to have the node's time; None: never measured."""


_decoder = msgspec.json.Decoder(list[Segment])


def boot_id() -> str:
    """Names this run of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def wall_and_boot() -> tuple[int, int]:
    """Wall clock and time since boot, microseconds."""
    since = time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
    return time.time_ns() // 1000, since // 1000


class Clock:
    """The segments, kept in a file. ``now`` gives wall clock and time since boot."""

    def __init__(self, path: Path, boot: str = "", now: object = None) -> None:
        self._path = path
        self._boot = boot or boot_id()
        self._now = now if callable(now) else wall_and_boot
        self._segments: list[Segment] = []
        try:
            self._segments = _decoder.decode(path.read_bytes())
        except (OSError, msgspec.DecodeError):
            self._segments = []
        self.measured = False
        """Whether the node's time was asked for since this process began."""

    @property
    def offset(self) -> float | None:
        """Seconds to add to the wall clock now; None when nobody knows."""
        shift = self._segments[-1].shift if self._segments else None
        return None if shift is None else shift / 1e6

    def look(self, last: dict[str, int]) -> bool:
        """Begin a new segment when the clock has jumped; ``last`` is the newest number of each stream by now."""
        wall, boot = self._now()
        base = wall - boot
        current = self._segments[-1] if self._segments else None
        if current and current.boot == self._boot and abs(base - current.base) <= JUMP:
            return False
        # Rows of the last moment may have been made on either side of the jump; they count as before it.
        begins = {name: number + 1 for name, number in last.items()}
        shift = None
        if current and current.boot == self._boot and current.shift is not None:
            shift = current.base + current.shift - base
        first = current is None
        self._segments.append(Segment(self._boot, base, dict.fromkeys(last, 0) if first else begins, shift))
        del self._segments[:-_KEPT]
        self._save()
        return not first

    def measure(self, node: int, before: int, after: int) -> None:
        """The node's time was ``node`` at some moment between wall clock ``before`` and ``after``."""
        current = self._segments[-1]
        self.measured = True
        shift = node - (before + after) // 2
        known = current.shift
        # Closer than the way there and back takes nobody can tell.
        if known is not None and abs(shift - known) <= max(20_000, after - before):
            return
        for segment in self._segments:
            if segment.boot == self._boot:
                segment.shift = current.base + shift - segment.base
        self._save()

    def shift(self, stream: str, first: int) -> tuple[Shift, int | None]:
        """What to add to the times of message ``first``, and the first number for which that may differ."""
        for at in range(len(self._segments) - 1, -1, -1):
            segment = self._segments[at]
            if segment.begins.get(stream, 0) <= first or at == 0:
                later = [one.begins[stream] for one in self._segments[at + 1 :] if stream in one.begins]
                found: Shift = UNKNOWN_SHIFT if segment.shift is None else segment.shift
                return found, min(later, default=None)
        return UNKNOWN_SHIFT, None

    def _save(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(self._segments))
        draft.replace(self._path)

"""What a start page asks of the store: how fast readings come in, what happened, sums of newest values.

Like :mod:`.services`: no Django, every call blocks, and every question names the organisations it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec

from gongfu.data.telemetry import rules
from gongfu.data.telemetry.services import StoredEvent
from gongfu.kernel.store import StoreClient, Value, client

WINDOW_S: Final = 60
STEP_S: Final = 3
LAG_S: Final = 6
"""Readings of the last seconds may still be on their way: the rate leaves them out."""

_PULSE: Final = (
    "SELECT intDiv(toUInt32({now:UInt32}) - toUInt32(toUnixTimestamp(ts)), {step:UInt32}) AS back, count() AS n"
    " FROM readings WHERE org IN {orgs:Array(UInt32)}"
    " AND ts > toDateTime64({now:UInt32} - {window:UInt32}, 6) AND ts <= toDateTime64({now:UInt32}, 6) GROUP BY back"
)
_KINDS: Final = (
    "SELECT kind, count() AS n FROM events FINAL WHERE org IN {orgs:Array(UInt32)}"
    " AND ts >= fromUnixTimestamp64Micro({start:Int64}) GROUP BY kind"
)
_RECENT: Final = (
    "SELECT org, device, toUnixTimestamp64Micro(ts) AS time, kind, detail FROM events FINAL"
    " WHERE org IN {orgs:Array(UInt32)} AND ts >= fromUnixTimestamp64Micro({start:Int64})"
    " ORDER BY time DESC LIMIT {limit:UInt32}"
)

_TOTAL: Final = (
    "SELECT sum(value) AS total, count() AS n FROM latest FINAL WHERE org IN {orgs:Array(UInt32)}"
    " AND series IN {series:Array(UInt32)} AND quality = 0 AND isFinite(value)"
    " AND ts >= fromUnixTimestamp64Micro({start:Int64})"
)


class Pulse(msgspec.Struct, frozen=True):
    """Readings a second by source time: now, and over the last minute in steps of three seconds, oldest first."""

    per_second: float
    steps: list[float]


class Happened(msgspec.Struct, frozen=True):
    """Events since some moment: how many of each kind, and the newest ones."""

    kinds: dict[str, int]
    newest: list[StoredEvent]


def pulse(orgs: Collection[int], now: datetime, *, store: StoreClient | None = None) -> Pulse:
    """How fast readings of ``orgs`` come in. Raises :class:`Unavailable`."""
    moment = int(now.timestamp()) - LAG_S
    steps = [0.0] * (WINDOW_S // STEP_S)
    if orgs:
        table = (store or client()).query_arrow(
            _PULSE, {"orgs": sorted(orgs), "now": moment, "window": WINDOW_S, "step": STEP_S}, orgs=orgs
        )
        for back, n in zip(table.column("back").to_pylist(), table.column("n").to_pylist(), strict=True):
            if back < len(steps):
                steps[-1 - back] = n / STEP_S
    recent = steps[-5:]
    return Pulse(sum(recent) / len(recent), steps)


def happened(orgs: Collection[int], since: datetime, limit: int = 10, *, store: StoreClient | None = None) -> Happened:
    """What happened to devices of ``orgs``. Raises :class:`Unavailable`."""
    if not orgs:
        return Happened({}, [])
    source = store or client()
    start = rules.microseconds(since)
    kinds = source.query_arrow(_KINDS, {"orgs": sorted(orgs), "start": start}, orgs=orgs)
    newest = source.query_arrow(_RECENT, {"orgs": sorted(orgs), "start": start, "limit": limit}, orgs=orgs)
    return Happened(
        dict(zip(kinds.column("kind").to_pylist(), kinds.column("n").to_pylist(), strict=True)),
        msgspec.convert(newest.to_pylist(), list[StoredEvent], strict=False),
    )


def total(
    orgs: Collection[int], series: Sequence[int], not_before: datetime, *, store: StoreClient | None = None
) -> float | None:
    """Sum of the newest good values of ``series``; those older than ``not_before`` do not count; None without any.

    The store adds them up: of a thousand meters one number travels. Raises :class:`Unavailable`.
    """
    if not orgs:
        return None
    ids, source = sorted(series), store or client()
    total, number = 0.0, 0
    for first in range(0, len(ids), rules.MAX_SERIES):
        asked: dict[str, Value] = {
            "orgs": sorted(orgs),
            "series": ids[first : first + rules.MAX_SERIES],
            "start": rules.microseconds(not_before),
        }
        found = source.query_arrow(_TOTAL, asked, orgs=orgs).to_pylist()[0]
        total, number = total + found["total"], number + found["n"]
    return total if number else None

"""What the recorder does beside recording: roll-ups every few seconds; retention, cold months and poison every hour."""
# ruff: noqa: S608 - the parts put together here are constants and integers

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from prometheus_client import Counter, Gauge, Histogram

from gongfu.data.telemetry import cold, poison
from gongfu.data.telemetry.cold import ColdStore
from gongfu.data.telemetry.dirt import Dirt
from gongfu.data.telemetry.roller import Roller
from gongfu.data.telemetry.rollup_sql import MINUTE
from gongfu.data.telemetry.store.engine import Engine, StoreFailure

PAUSE: Final = 15.0
"""Seconds between two passes over the roll-ups."""
HOUR: Final = 3600.0
_DAY: Final = 86_400
_KEPT: Final = (
    ("readings", "keep_raw", "ts"),
    ("texts", "keep_raw", "ts"),
    ("arrays", "keep_raw", "ts"),
    ("rollups", "keep_rollups", "start"),
    ("durations", "keep_rollups", "start"),
)

PASSES: Final = Histogram("gongfu_recorder_rollup_seconds", "Time of one pass over what roll-ups lack")
BEHIND: Final = Gauge("gongfu_recorder_rollup_lag_seconds", "Age of the last minute that roll-ups know")
FAILED: Final = Counter("gongfu_recorder_upkeep_failures_total", "Rounds of upkeep that failed and are made again")

log = structlog.get_logger(__name__)


class Upkeep:
    """The upkeep of one store; ``cold_stores`` are none where the store is a server, which has tiers of its own."""

    def __init__(
        self,
        engine: Engine,
        dirt: Dirt,
        cold_stores: Sequence[ColdStore],
        cold_after_days: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._roller = Roller(engine, dirt, clock)
        self._cold = {one.table.name: one for one in cold_stores}
        self._after = cold_after_days
        self._clock = clock
        self._rolled = clock()
        self._kept = 0.0

    def round(self) -> None:
        """Roll up what waits; once an hour keep the rest in order. Raises :class:`StoreFailure`."""
        began = self._clock()
        for tier in self._cold.values():
            tier.thaw_touched()
        with PASSES.time():
            self._roller.roll()
        self._rolled = began // MINUTE * MINUTE
        if time.monotonic() - self._kept > HOUR or not self._kept:
            self.keep()
            self._kept = time.monotonic()

    def keep(self) -> None:
        """Retention, cold months, old poison."""
        now = int(self._clock())
        for table, column, moment in _KEPT:
            days = self._engine.background(
                f"SELECT arrayStringConcat(arrayMap(x -> toString(x), groupUniqArray({column})), ',') FROM series FINAL"
                f" WHERE {column} > 0"
            )
            for one in map(int, filter(None, days.split(","))):
                self._expire(table, column, moment, one, now)
        self._engine.background(
            f"ALTER TABLE poison DELETE WHERE first_at < toDateTime({now - poison.KEPT_DAYS * _DAY}, 'UTC')"
        )
        for tier in self._cold.values() if self._after else ():
            tier.freeze(cold.before(now, self._after))

    def lag(self) -> float:
        """Seconds since the last minute that roll-ups know."""
        return max(0.0, self._clock() - self._rolled)

    def _expire(self, table: str, column: str, moment: str, days: int, now: int) -> None:
        # A day more: roll-ups are computed from readings up to the very end of their retention.
        old = (
            f"(org, series) IN (SELECT org, series FROM series FINAL WHERE {column} = {days})"
            f" AND {moment} < toDateTime({max(0, now - (days + 1) * _DAY)}, 'UTC')"
        )
        if tier := self._cold.get(table):
            found = self._engine.background(
                "SELECT arrayStringConcat(arrayMap(x -> toString(x), groupUniqArray(toYYYYMM(ts))), ',')"
                f" FROM {table}_cold WHERE {old}"
            )
            for month in map(int, filter(None, found.split(","))):
                tier.thaw(month)
        if self._engine.background(f"SELECT count() FROM {table} WHERE {old}") != "0":
            self._engine.background(f"ALTER TABLE {table} DELETE WHERE {old}")


async def run(upkeep: Upkeep, stopping: asyncio.Event, pause: float = PAUSE) -> None:
    """Round after round until ``stopping``; one that fails is told and made again."""
    while not stopping.is_set():
        try:
            await asyncio.to_thread(upkeep.round)
        except StoreFailure as error:
            FAILED.inc()
            log.warning("upkeep waits", reason=str(error)[:300])
        BEHIND.set(upkeep.lag())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)

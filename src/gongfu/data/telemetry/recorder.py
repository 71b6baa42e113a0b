"""The recorder's loop: take a batch from the bus, store it, and only then acknowledge it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from prometheus_client import Counter, Gauge, Histogram

from gongfu.data.telemetry import poison
from gongfu.data.telemetry.batch import Message, Rows
from gongfu.data.telemetry.consume import Consumer, Taken
from gongfu.data.telemetry.dirt import Dirt
from gongfu.data.telemetry.schema import POISON
from gongfu.data.telemetry.store.engine import Engine, StoreFailure
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.ops import Health

BATCH_SECONDS: Final = 0.5
"""How long a batch collects after its first message: readings are visible that much later."""
BATCH_BYTES: Final = 10 * 1024 * 1024
"""Size at which a batch is stored at once; about 500,000 readings."""
BACK_OFF: Final = (0.25, 0.5, 1.0, 2.0, 5.0)

STORED = Counter("gongfu_recorder_rows_total", "Observations stored", ["stream"])
REJECTED = Counter("gongfu_recorder_rejected_total", "Messages that cannot be stored", ["stream", "reason"])
FAILED = Counter("gongfu_recorder_failures_total", "Insertions that failed and were tried again", ["stream"])
BEHIND = Gauge("gongfu_recorder_pending_messages", "Messages waiting on the bus", ["stream"])
TOOK = Histogram("gongfu_recorder_store_seconds", "Time to decode and store one batch", ["stream"])

log = structlog.get_logger(__name__)


class Lane:
    """One stream on its way into the store. While a batch is stored the next one is taken."""

    def __init__(
        self,
        name: str,
        consumer: Consumer,
        engine: Engine,
        to_rows: Callable[[Iterable[Message]], Rows],
        health: Health,
        dirt: Dirt,
    ) -> None:
        self._name = name
        self._consumer = consumer
        self._engine = engine
        self._to_rows = to_rows
        self._health = health
        self._dirt = dirt
        self._logged: set[str] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping``; a batch being stored is finished, what is still collecting stays with the bus."""
        waking = asyncio.create_task(self._wake(stopping))
        storing: asyncio.Task[None] | None = None
        failures = 0
        while not stopping.is_set():
            try:
                taken = await self._consumer.take(rows_bytes=BATCH_BYTES, seconds=BATCH_SECONDS)
                failures = 0
                self._health.set("bus", True)
            except Unavailable as error:
                taken = None
                self._health.set("bus", False, str(error))
                failures += 1
                await _sleep(stopping, _pause(failures))
            if storing is not None and (taken is not None or storing.done()):
                await storing
                storing = None
            if taken is not None:
                storing = asyncio.create_task(self._store(taken, stopping))
        if storing is not None:
            await storing
        await waking

    async def _wake(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._consumer.disturb()

    async def _store(self, taken: Taken, stopping: asyncio.Event) -> None:
        BEHIND.labels(self._name).set(taken.pending)
        started = time.perf_counter()
        rows = await asyncio.to_thread(self._to_rows, taken.messages)
        self._note(rows)
        failures = 0
        while True:
            try:
                await asyncio.to_thread(self._insert, rows)
                break
            except StoreFailure as error:
                failures += 1
                FAILED.labels(self._name).inc()
                self._health.set("store", False, str(error)[:300])
                if failures == 1:
                    log.error("store failed, will try again", stream=self._name, reason=str(error)[:300])
                if await _sleep(stopping, _pause(failures)):
                    return  # not acknowledged: the bus keeps it for the next start
        if failures:
            log.info("store works again", stream=self._name, attempts=failures)
        self._health.set("store", True)
        await self._consumer.acknowledge(taken)
        STORED.labels(self._name).inc(rows.count)
        TOOK.labels(self._name).observe(time.perf_counter() - started)

    def _insert(self, rows: Rows) -> None:
        for table, block in rows.blocks:
            self._engine.insert(table, block)
        if rows.touched:
            self._dirt.tell(rows.touched)
        if rows.rejected:
            self._engine.insert(POISON, poison.block(self._name, rows.rejected, time.time()))

    def _note(self, rows: Rows) -> None:
        for one in rows.rejected:
            REJECTED.labels(self._name, one.reason).inc()
            if one.reason not in self._logged:
                self._logged.add(one.reason)
                log.warning("message parked", stream=self._name, reason=one.reason, detail=one.detail[:300])


def _pause(failures: int) -> float:
    return BACK_OFF[min(failures, len(BACK_OFF)) - 1]


async def _sleep(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait; True when ``stopping`` came first."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True

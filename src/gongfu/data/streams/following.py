"""The loop of ``gongfu streams``: take readings, let every stage see them, publish, remember, acknowledge.

Nothing is acknowledged before the state that includes it is written down, and nothing is written down before what
follows from it is published. A process killed in between does the same work again: stages look at source times, so
old readings change nothing, and what was published already has the same ``id`` and is dropped by the bus.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from prometheus_client import Counter, Gauge, Histogram

from gongfu.data.streams import catching
from gongfu.data.streams.memory import Memory, caught_up, has_missed
from gongfu.data.streams.ruling import RuleBook
from gongfu.data.streams.stage import Batch, Output, Stage
from gongfu.data.telemetry.batch import Message
from gongfu.data.telemetry.consume import Consumer, Taken
from gongfu.kernel import bus, ops
from gongfu.kernel.errors import GongfuError, Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Readings, TextReading, decode
from gongfu.kernel.store import StoreClient

GATHER: Final = 0.1
"""Seconds a batch collects after its first message."""
BATCH_BYTES: Final = 4 * 1024 * 1024
TICK: Final = 0.2
REMEMBER: Final = 2.0
"""Seconds between two states written down; so much is looked at again after a kill."""
STORE_PATIENCE: Final = 60.0
"""Seconds to wait for a store that does not answer before it is given up."""
_AT_ONCE: Final = 500
_RETRY: Final = (0.25, 0.5, 1.0, 2.0, 5.0)

TAKEN = Counter("gongfu_streams_readings_total", "Readings looked at")
REJECTED = Counter("gongfu_streams_rejected_total", "Messages that are no readings", ["reason"])
PUBLISHED = Counter("gongfu_streams_published_total", "Messages that follow from readings", ["stage"])
BEHIND = Gauge("gongfu_streams_pending_messages", "Messages waiting on the bus")
TOOK = Histogram("gongfu_streams_batch_seconds", "Time all stages take for one batch")
GAPS = Counter("gongfu_streams_gaps_total", "Starts after which readings had not waited and the store was asked")
LOST = Counter("gongfu_streams_lost_total", "Starts after which the store could not say what had been missed")

log = structlog.get_logger(__name__)


class Clock:
    """Microseconds that go on evenly whatever happens to the machine's clock; begins at the time of day."""

    def __init__(self) -> None:
        self._begin = time.time_ns() // 1000 - time.monotonic_ns() // 1000

    def now(self) -> int:
        """Now."""
        return self._begin + time.monotonic_ns() // 1000


class Follower:
    """Stages at work on one consumer."""

    def __init__(
        self,
        js: JetStreamContext,
        consumer: Consumer,
        book: RuleBook,
        memory: Memory,
        stages: Sequence[Stage],
        clock: Clock,
        health: ops.Health,
        store: StoreClient,
    ) -> None:
        self._js = js
        self._consumer = consumer
        self._book = book
        self._memory = memory
        self._stages = stages
        self._clock = clock
        self._health = health
        self._store = store
        self._taken: Taken | None = None
        self._remembered = 0.0
        self._dirty = False
        self._torn = False
        self._writing: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def begin(self) -> None:
        """Rules and states as they were left; what nobody looked at since is asked of the store."""
        await self._book.begin()
        for stage in self._stages:
            await self._publish(stage, stage.configure(self._book.rules(stage.name), self._clock.now()))
            try:
                state = await self._memory.load(stage.name)
                if state is not None:
                    stage.restore(state, self._clock.now())
            except ValueError as error:
                log.warning("state cannot be read, beginning anew", stage=stage.name, reason=str(error)[:300])
        self._book.changed.clear()
        if await has_missed(self._js):
            await self._catch_up()
            await self._remember()
            if not self._dirty:
                await caught_up(self._js)
        self._health.set("rules", True)
        self._health.set("bus", True)

    async def _catch_up(self) -> None:
        """Let stages see what was stored meanwhile. Killed on the way, all of it is done again, with the same ids."""
        now = time.time_ns() // 1000
        for stage in self._stages:
            if (missed := stage.missed()) is None:
                continue
            GAPS.inc()
            log.warning("readings did not wait, asking the store", stage=stage.name)
            try:
                found = catching.slices(missed, now, self._store)
                while (part := await asyncio.to_thread(self._next, found)) is not None:
                    await self._publish(stage, stage.catch_up(*part))
            except GongfuError as error:
                LOST.inc()
                log.error("what was missed cannot be looked at", stage=stage.name, reason=str(error)[:300])

    def _next(self, found: Iterator[tuple[Batch, int]]) -> tuple[Batch, int] | None:
        """The next slice; a store that is still starting is waited for before the first."""
        deadline = time.monotonic() + STORE_PATIENCE
        while not self._store.healthy() and time.monotonic() < deadline:
            time.sleep(0.5)
        return next(found, None)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping``; what was taken is finished and remembered."""
        self._stopping = stopping
        waking = asyncio.create_task(self._wake())
        failures = 0
        while not stopping.is_set():
            try:
                await self._configure()
                taken = await self._consumer.take(rows_bytes=BATCH_BYTES, seconds=GATHER, patience=TICK)
                failures = 0
                self._health.set("bus", True)
                if taken is not None:
                    await self._work(taken)
                if taken is None or taken.pending == 0:
                    await self._tick()
                await self._remember_now_and_then()
            except (Unavailable, NatsError, JetStreamError, OSError, TimeoutError) as error:
                failures += 1
                self._health.set("bus", False, str(error)[:300])
                await _sleep(stopping, _RETRY[min(failures, len(_RETRY)) - 1])
        await waking
        if self._writing is not None:
            await self._writing
        if not self._torn:
            await self._remember()

    async def _wake(self) -> None:
        await self._stopping.wait()
        self._consumer.disturb()

    async def _configure(self) -> None:
        while self._book.changed:
            name = self._book.changed.pop()
            for stage in self._stages:
                if stage.name == name:
                    await self._publish(stage, stage.configure(self._book.rules(name), self._clock.now()))
            self._dirty = True

    async def _work(self, taken: Taken) -> None:
        BEHIND.set(taken.pending)
        started = time.perf_counter()
        batch = join(taken.messages)
        for stage in self._stages:
            await self._publish(stage, stage.take(batch, self._clock.now()))
        TAKEN.inc(len(batch.series) + len(batch.texts))
        TOOK.observe(time.perf_counter() - started)
        self._taken, self._dirty = taken, True

    async def _tick(self) -> None:
        for stage in self._stages:
            if outputs := stage.tick(self._clock.now()):
                self._dirty = True
                await self._publish(stage, outputs)

    async def _remember_now_and_then(self) -> None:
        """Write the states down beside the work; one after the other, as each includes the one before."""
        if not self._dirty or time.monotonic() - self._remembered < REMEMBER:
            return
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._remember())
            self._remembered = time.monotonic()

    async def _remember(self) -> None:
        # Taken together, before anything is awaited: the state is that of exactly these messages.
        states = [(stage.name, stage.state(self._clock.now())) for stage in self._stages]
        taken, self._taken, self._dirty = self._taken, None, False
        try:
            for name, state in states:
                await self._memory.save(name, state)
            if taken is not None:
                await self._consumer.acknowledge(taken)
        except (NatsError, JetStreamError, OSError, TimeoutError) as error:
            log.warning("state not remembered", reason=repr(error))
            self._dirty = True

    async def _publish(self, stage: Stage, outputs: list[Output]) -> None:
        """Return when the bus has them all: a bus that does not take them is waited for, since nothing may be lost."""
        for begin in range(0, len(outputs), _AT_ONCE):
            waiting = outputs[begin : begin + _AT_ONCE]
            failures = 0
            while waiting:
                answers = await asyncio.gather(*(self._send(output) for output in waiting), return_exceptions=True)
                failed = [output for output, answer in zip(waiting, answers, strict=True) if answer is not None]
                PUBLISHED.labels(stage.name).inc(len(waiting) - len(failed))
                waiting = failed
                if waiting:
                    failures += 1
                    self._health.set("bus", False, "the bus takes no messages")
                    if await _sleep(self._stopping, _RETRY[min(failures, len(_RETRY)) - 1]):
                        self._torn = True  # what was evaluated must not be remembered: it will be once more
                        raise Unavailable(mark("The process ends before the bus took its messages."))
                elif failures:
                    self._health.set("bus", True)

    async def _send(self, output: Output) -> Exception | None:
        try:
            await self._js.publish(output.subject, output.data, headers={"Nats-Msg-Id": output.id}, timeout=5)
        except (NatsError, JetStreamError, OSError, TimeoutError) as error:
            return error
        return None


def join(messages: Sequence[Message]) -> Batch:
    """Readings of ``messages`` as one batch; what is none is counted and left out."""
    parts: list[Readings] = []
    texts: list[tuple[int, TextReading]] = []
    for message in messages:
        try:
            part = decode(message.data)
        except Invalid:
            REJECTED.labels("malformed").inc()
            continue
        if message.subject != bus.readings_subject(part.org, part.device):
            REJECTED.labels("subject").inc()
            continue
        parts.append(part)
        texts += [(part.org, text) for text in part.texts]
    lengths = [len(part.series) for part in parts]
    return Batch(
        orgs=np.repeat(np.array([part.org for part in parts], np.int64), lengths),
        series=_joined([part.series for part in parts], np.int64),
        times=_joined([part.times for part in parts], np.int64),
        values=_joined([part.values for part in parts], np.float64),
        qualities=_joined([part.qualities for part in parts], np.uint8),
        texts=texts,
    )


def _joined(columns: list[np.ndarray], kind: type[np.generic]) -> np.ndarray:
    return np.concatenate(columns).astype(kind, copy=False) if columns else np.zeros(0, kind)


async def _sleep(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait; True when ``stopping`` came first."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True

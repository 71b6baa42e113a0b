"""The loop of ``gongfu streams``: take readings, let every stage see them, publish, remember, acknowledge.

Nothing is acknowledged before the state that includes it is written down, and nothing is written down before what
follows from it is published. A process killed in between does the same work again: stages look at source times, so
old readings change nothing, and what was published already has the same ``id`` and is dropped by the bus.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from prometheus_client import Counter, Gauge, Histogram

from gongfu.data.streams.memory import Memory
from gongfu.data.streams.ruling import RuleBook
from gongfu.data.streams.stage import Batch, Output, Stage
from gongfu.data.telemetry.batch import Message
from gongfu.data.telemetry.consume import Consumer, Taken
from gongfu.kernel import bus, ops
from gongfu.kernel.errors import Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Readings, TextReading, decode

GATHER: Final = 0.1
"""Seconds a batch collects after its first message."""
BATCH_BYTES: Final = 4 * 1024 * 1024
TICK: Final = 0.2
REMEMBER: Final = 2.0
"""Seconds between two states written down; so much is looked at again after a kill."""
_AT_ONCE: Final = 500
_RETRY: Final = (0.25, 0.5, 1.0, 2.0, 5.0)

TAKEN = Counter("gongfu_streams_readings_total", "Readings looked at")
REJECTED = Counter("gongfu_streams_rejected_total", "Messages that are no readings", ["reason"])
PUBLISHED = Counter("gongfu_streams_published_total", "Messages that follow from readings", ["stage"])
BEHIND = Gauge("gongfu_streams_pending_messages", "Messages waiting on the bus")
TOOK = Histogram("gongfu_streams_batch_seconds", "Time all stages take for one batch")
GAPS = Counter("gongfu_streams_gaps_total", "Starts after which readings had not waited")

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
    ) -> None:
        self._js = js
        self._consumer = consumer
        self._book = book
        self._memory = memory
        self._stages = stages
        self._clock = clock
        self._health = health
        self._taken: Taken | None = None
        self._remembered = 0.0
        self._dirty = False
        self._torn = False
        self._stopping = asyncio.Event()

    async def begin(self, *, fresh: bool) -> None:
        """Rules and states as they were left; ``fresh`` when the consumer is new."""
        await self._book.begin()
        for stage in self._stages:
            await self._publish(stage, stage.configure(self._book.rules(stage.name), self._clock.now()))
            try:
                state = await self._memory.load(stage.name)
                if state is not None:
                    stage.restore(state, self._clock.now())
                    if fresh:
                        GAPS.inc()
                        log.warning("readings did not wait; there may be a gap", stage=stage.name)
            except ValueError as error:
                log.warning("state cannot be read, beginning anew", stage=stage.name, reason=str(error)[:300])
        self._book.changed.clear()
        self._health.set("rules", True)
        self._health.set("bus", True)

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
                if self._dirty and time.monotonic() - self._remembered >= REMEMBER:
                    await self._remember()
            except (Unavailable, NatsError, OSError, TimeoutError) as error:
                failures += 1
                self._health.set("bus", False, str(error)[:300])
                await _sleep(stopping, _RETRY[min(failures, len(_RETRY)) - 1])
        await waking
        if self._torn:
            return
        try:
            await self._remember()
        except (NatsError, OSError, TimeoutError) as error:
            log.warning("state not remembered", reason=repr(error))

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

    async def _remember(self) -> None:
        for stage in self._stages:
            await self._memory.save(stage.name, stage.state(self._clock.now()))
        if self._taken is not None:
            await self._consumer.acknowledge(self._taken)
            self._taken = None
        self._dirty, self._remembered = False, time.monotonic()

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


def _joined(columns: list[np.ndarray], kind: type[np.generic]) -> np.ndarray:  # type: ignore[type-arg]
    return np.concatenate(columns).astype(kind, copy=False) if columns else np.zeros(0, kind)


async def _sleep(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait; True when ``stopping`` came first."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True

"""Between the records and ``gongfu streams``: rules out, alarms in, people told. Runs in the worker."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Final

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from prometheus_client import Counter

from gongfu.data.alarms import binding, sending, services
from gongfu.data.alarms.rules import Transition
from gongfu.data.alarms.stage import AlarmStage
from gongfu.data.streams import ensuring
from gongfu.data.streams.publishing import publish
from gongfu.kernel.tasks.periodic import beside_bus, records

_LOOK_SECONDS: Final = 0.5
_SWEEP_SECONDS: Final = 2.0
_TAKE: Final = 500
POISONED = Counter("gongfu_alarm_messages_rejected_total", "Messages on the stream of alarms that are none")

log = structlog.get_logger("alarms")
_decoder = msgspec.json.Decoder(Transition)


async def run(client: Client, stopping: asyncio.Event) -> None:
    """Until ``stopping``; a bus or a database that does not answer is waited for."""
    js = client.jetstream(timeout=5)
    await asyncio.gather(
        beside_bus(_LOOK_SECONDS, lambda: _publish(js), stopping),
        beside_bus(0.05, lambda: _receive(js), stopping),
        beside_bus(_SWEEP_SECONDS, lambda: records(services.sweep), stopping),
        beside_bus(_SWEEP_SECONDS, lambda: records(sending.send_due), stopping),
    )


async def _publish(js: JetStreamContext) -> None:
    async def forget(rows: list[int]) -> None:
        await records(partial(binding.forget, rows))

    await publish(js, AlarmStage.name, partial(records, binding.take_pending), forget)


async def _receive(js: JetStreamContext) -> None:
    await ensuring.ensure_alarms(js)
    subscription = await js.pull_subscribe_bind(ensuring.DESK, ensuring.ALARMS)
    try:
        while True:
            try:
                messages = await subscription.fetch(_TAKE, timeout=5, heartbeat=1)
            except NatsTimeout:
                return
            await _take(messages)
    finally:
        with contextlib.suppress(NatsError):
            await subscription.unsubscribe()


async def _take(messages: list[Msg]) -> None:
    found: list[Transition] = []
    for message in messages:
        try:
            one = _decoder.decode(message.data)
        except msgspec.DecodeError as error:
            POISONED.inc()
            log.warning("no alarm", subject=message.subject, reason=str(error)[:300])
            continue
        if message.subject != f"alarms.{one.org}.{one.device}":
            POISONED.inc()
            continue
        found.append(one)
    await records(partial(services.take, found))
    for message in messages:
        await message.ack()

"""Between the records and ``gongfu streams``: rules out, alarms in, people told. Runs in the worker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import msgspec
import structlog
from asgiref.sync import sync_to_async
from django.db import close_old_connections
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from prometheus_client import Counter

from gongfu.data.alarms import binding, sending, services
from gongfu.data.alarms.rules import Transition
from gongfu.data.streams import ensuring

_LOOK_SECONDS: Final = 0.5
_SWEEP_SECONDS: Final = 2.0
_TAKE: Final = 500
POISONED = Counter("gongfu_alarm_messages_rejected_total", "Messages on the stream of alarms that are none")

log = structlog.get_logger("alarms")
T = TypeVar("T")
_decoder = msgspec.json.Decoder(Transition)
_encode = msgspec.json.Encoder().encode


async def run(client: Client, stopping: asyncio.Event) -> None:
    """Until ``stopping``; a bus or a database that does not answer is waited for."""
    js = client.jetstream(timeout=5)
    await asyncio.gather(
        _forever(stopping, _LOOK_SECONDS, lambda: _publish(js)),
        _forever(stopping, 0.05, lambda: _receive(js)),
        _forever(stopping, _SWEEP_SECONDS, lambda: _records(services.sweep)),
        _forever(stopping, _SWEEP_SECONDS, lambda: _records(sending.send_due)),
    )


async def _forever(stopping: asyncio.Event, pause: float, work: Callable[[], object]) -> None:
    while not stopping.is_set():
        wait = pause
        try:
            await work()  # type: ignore[misc]
        except (NatsError, JetStreamError, OSError, TimeoutError) as error:
            log.warning("bus did not answer", error=repr(error))
            wait = 1.0
        except Exception:
            log.exception("alarms were not handled")
            wait = 5.0
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), wait)


async def _publish(js: JetStreamContext) -> None:
    pending = await _records(binding.take_pending)
    if not pending:
        return
    await ensuring.ensure_rules(js)
    store = await js.key_value(ensuring.RULES)
    for rows, org, rule, told in pending:
        key = f"alarms.{org}.{rule}"
        if told is None or not told.bindings:
            await store.purge(key)
        else:
            await store.put(key, _encode(told))
        await _records(partial(binding.forget, rows))


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
    await _records(partial(services.take, found))
    for message in messages:
        await message.ack()


async def _records(work: Callable[[], T]) -> T:
    def body() -> T:
        close_old_connections()
        return work()

    return await sync_to_async(body, thread_sensitive=False)()

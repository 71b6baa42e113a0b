"""From the records to ``gongfu streams``: what is to be computed. Runs in the worker."""

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
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from gongfu.data.computed import binding, rules
from gongfu.data.streams import ensuring

_LOOK_SECONDS: Final = 0.5
log = structlog.get_logger("computed")
T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


async def run(client: Client, stopping: asyncio.Event) -> None:
    """Until ``stopping``; a bus or a database that does not answer is waited for."""
    js = client.jetstream(timeout=5)
    while not stopping.is_set():
        wait = _LOOK_SECONDS
        try:
            await publish(js)
        except (NatsError, JetStreamError, OSError, TimeoutError) as error:
            log.warning("bus did not answer", error=repr(error))
            wait = 1.0
        except Exception:
            log.exception("computed tags were not told")
            wait = 5.0
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), wait)


async def publish(js: JetStreamContext) -> None:
    """Everything that waits."""
    pending = await _records(binding.take_pending)
    if not pending:
        return
    await ensuring.ensure_rules(js)
    store = await js.key_value(ensuring.RULES)
    for rows, org, computed, told in pending:
        key = f"{rules.STAGE}.{org}.{computed}"
        if told is None:
            await store.purge(key)
        else:
            await store.put(key, _encode(told))
        await _records(partial(binding.forget, rows))


async def _records(work: Callable[[], T]) -> T:
    def body() -> T:
        close_old_connections()
        return work()

    return await sync_to_async(body, thread_sensitive=False)()

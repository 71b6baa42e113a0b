"""From the records to ``gongfu streams``: what is to be computed. Runs in the worker."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from nats.aio.client import Client
from nats.js import JetStreamContext

from gongfu.data.computed import binding, rules
from gongfu.data.streams.publishing import publish
from gongfu.kernel.tasks.periodic import beside_bus, records

_LOOK_SECONDS: Final = 0.5


async def run(client: Client, stopping: asyncio.Event) -> None:
    """Until ``stopping``; a bus or a database that does not answer is waited for."""
    js = client.jetstream(timeout=5)
    await beside_bus(_LOOK_SECONDS, lambda: _publish(js), stopping)


async def _publish(js: JetStreamContext) -> None:
    async def forget(rows: list[int]) -> None:
        await records(partial(binding.forget, rows))

    await publish(js, rules.STAGE, partial(records, binding.take_pending), forget)

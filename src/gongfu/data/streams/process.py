"""``gongfu streams``: follows the readings beside the recorder, and publishes what follows from them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from nats.aio.client import Client
from nats.js import JetStreamContext

from gongfu.data.alarms.stage import AlarmStage
from gongfu.data.computed.stage import ComputedStage
from gongfu.data.streams import ensuring
from gongfu.data.streams.following import Clock, Follower
from gongfu.data.streams.memory import Memory
from gongfu.data.streams.ruling import RuleBook
from gongfu.data.streams.stage import Stage
from gongfu.data.telemetry.consume import Consumer
from gongfu.kernel import bus, ops, process
from gongfu.kernel.settings import Settings
from gongfu.kernel.store import StoreClient


def main(settings: Settings) -> None:
    """Run until SIGTERM. Raises :class:`Conflict` when the port is taken."""
    sock = ops.listen("127.0.0.1", settings.streams_port, "streams_port")

    async def body(stopping: asyncio.Event) -> None:
        health = ops.Health("streams", "bus", "rules")
        stages: list[Stage] = [ComputedStage(), AlarmStage()]
        async with ops.serve(ops.app(health), sock), running(settings, stages, health) as follower:
            await follower.run(stopping)

    process.run(settings, "streams", body)


@contextlib.asynccontextmanager
async def running(settings: Settings, stages: Sequence[Stage], health: ops.Health) -> AsyncIterator[Follower]:
    """A follower with its consumer, rules and memory, on a connection of its own."""
    store = StoreClient(settings)
    disturbed: list[Callable[[], None]] = []

    async def lost() -> None:
        health.set("bus", False, "disconnected")

    async def back() -> None:
        for call in disturbed:
            call()

    client: Client = await bus.connect(settings, "streams", on_disconnect=lost, on_reconnect=back)
    try:
        js: JetStreamContext = await bus.ensure(settings, client)
        await ensuring.ensure(js)
        consumer = Consumer(client, bus.READINGS, ensuring.DURABLE)
        book = RuleBook(js, [stage.name for stage in stages])
        disturbed += [consumer.disturb, book.disturb]
        clock = Clock()
        follower = Follower(js, consumer, book, Memory(js), stages, clock, health, store)
        await follower.begin()
        yield follower
        await consumer.stop()
        await book.stop()
    finally:
        store.close()
        await client.close()

"""The recorder: bus → telemetry store, and the store for everybody else over the ClickHouse HTTP interface."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

from gongfu.data.telemetry import batch, cold, upkeep, views
from gongfu.data.telemetry.cold import ColdStore
from gongfu.data.telemetry.consume import Consumer
from gongfu.data.telemetry.dirt import Dirt
from gongfu.data.telemetry.recorder import Lane
from gongfu.data.telemetry.schema import DATABASE, migrate
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.data.telemetry.store.engine import Engine
from gongfu.data.telemetry.store.freezing import FreezeApp
from gongfu.data.telemetry.store.http import StoreApp
from gongfu.data.telemetry.upkeep import Upkeep
from gongfu.kernel import bus, ops, process
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings


def main(settings: Settings) -> None:
    """Run until SIGTERM. Raises :class:`Conflict` when the port or the database is taken."""
    sock = ops.listen("127.0.0.1", settings.store_port, "store_port")

    async def body(stopping: asyncio.Event) -> None:
        health = ops.Health("recorder", "bus", "store")
        engine, frozen, other = await asyncio.to_thread(_open, settings)
        try:
            health.set("store", True)
            dirt = await asyncio.to_thread(Dirt, engine)
            async with ops.serve(ops.app(health, other), sock), _lanes(settings, engine, health, dirt) as lanes:
                keeper = Upkeep(engine, dirt, frozen, settings.cold_after_days)
                await asyncio.gather(*(lane.run(stopping) for lane in lanes), upkeep.run(keeper, stopping))
        finally:
            await asyncio.to_thread(engine.close)

    process.run(settings, "recorder", body)


def _open(settings: Settings) -> tuple[Engine, Sequence[ColdStore], ops.App | None]:
    if settings.store_url:
        from gongfu.data.telemetry.store.remote import RemoteEngine  # noqa: PLC0415 - a client most nodes never load

        remote = RemoteEngine(settings.store_url)
        migrate(remote)
        views.make(remote, urlsplit(settings.store_url).path.strip("/") or DATABASE)
        return remote, (), None
    embedded = EmbeddedEngine(settings.path("telemetry"))
    migrate(embedded)
    views.make(embedded, DATABASE)
    password = secret(settings.home, "store-internal")
    app = FreezeApp(embedded, password, StoreApp(embedded, password).app())
    folder = settings.path("telemetry", "cold")
    return embedded, [ColdStore(embedded, folder, table) for table in cold.TIERED], app


@contextlib.asynccontextmanager
async def _lanes(settings: Settings, engine: Engine, health: ops.Health, dirt: Dirt) -> AsyncIterator[list[Lane]]:
    consumers: list[Consumer] = []

    async def lost() -> None:
        health.set("bus", False, "disconnected")

    async def back() -> None:
        for consumer in consumers:
            consumer.disturb()

    client = await bus.connect(settings, "recorder", on_disconnect=lost, on_reconnect=back)
    try:
        await bus.ensure(settings, client)
        readings = Consumer(client, bus.READINGS, bus.RECORDER)
        events = Consumer(client, bus.EVENTS, bus.RECORDER)
        consumers += [readings, events]
        yield [
            Lane("readings", readings, engine, batch.readings, health, dirt),
            Lane("events", events, engine, batch.happenings, health, dirt),
        ]
        for consumer in consumers:
            await consumer.stop()
    finally:
        await client.close()

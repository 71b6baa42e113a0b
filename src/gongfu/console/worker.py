"""``gongfu worker``: background tasks, and the link between records and bus."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading

import django

from gongfu.kernel import bus, ops, process
from gongfu.kernel.settings import Settings


def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    sock = ops.listen("127.0.0.1", settings.worker_port, "worker_port")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gongfu.console.django_settings")
    django.setup()

    from gongfu.identity.authentication.services import expire as expire_reviews  # noqa: PLC0415 (needs django.setup)
    from gongfu.identity.business import periodic  # noqa: PLC0415
    from gongfu.identity.search.feeding import run as feed_search  # noqa: PLC0415
    from gongfu.kernel.tasks.worker import run_worker  # noqa: PLC0415
    from gongfu.platform.devices import sync  # noqa: PLC0415

    health = ops.Health("worker", "bus")
    reconnected = asyncio.Event()

    async def down() -> None:
        health.set("bus", False, "disconnected")

    async def up() -> None:
        health.set("bus", True)
        reconnected.set()

    async def link(stopping: asyncio.Event) -> None:
        client = await bus.connect(settings, "worker", on_disconnect=down, on_reconnect=up)
        try:
            js = await bus.ensure(settings, client)
            await up()
            await sync.run(js, stopping, reconnected)
        finally:
            await client.close()

    async def close_reviews() -> None:
        while True:
            await asyncio.to_thread(expire_reviews)
            await asyncio.sleep(3600)

    async def body(stopping: asyncio.Event) -> None:
        stop_jobs = threading.Event()
        async with ops.serve(ops.app(health), sock):
            jobs = asyncio.create_task(asyncio.to_thread(run_worker, stop_jobs))
            feeding = asyncio.create_task(asyncio.to_thread(feed_search, stop_jobs))
            linked = asyncio.create_task(link(stopping))
            timed = asyncio.create_task(periodic.run(stopping))
            closing = asyncio.create_task(close_reviews())
            waiting = asyncio.create_task(stopping.wait())
            # Jobs or link ending by themselves is a fault: the process ends and the supervisor starts it again.
            await asyncio.wait({jobs, feeding, closing, linked, waiting}, return_when=asyncio.FIRST_COMPLETED)
            stop_jobs.set()
            linked.cancel()
            timed.cancel()
            closing.cancel()
            await asyncio.gather(jobs, feeding, return_exceptions=stopping.is_set())
            with contextlib.suppress(asyncio.CancelledError):
                await timed
            with contextlib.suppress(asyncio.CancelledError):
                await linked

    process.run(settings, "worker", body)

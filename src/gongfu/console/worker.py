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

    from gongfu.identity.business import periodic  # noqa: PLC0415 (needs django.setup)
    from gongfu.identity.escrow.services import keep  # noqa: PLC0415
    from gongfu.identity.filing.services import carry  # noqa: PLC0415
    from gongfu.identity.mirror.leader import lead  # noqa: PLC0415
    from gongfu.identity.mirror.reporting import mirror  # noqa: PLC0415
    from gongfu.identity.registry.store import open_store  # noqa: PLC0415
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
            leading = asyncio.create_task(lead(settings, client, open_store(settings.home), stopping))
            try:
                await sync.run(js, stopping, reconnected)
            finally:
                leading.cancel()
        finally:
            await client.close()

    async def body(stopping: asyncio.Event) -> None:
        stop_jobs = threading.Event()
        async with ops.serve(ops.app(health), sock):
            jobs = asyncio.create_task(asyncio.to_thread(run_worker, stop_jobs))
            feeding = asyncio.create_task(asyncio.to_thread(feed_search, stop_jobs))
            carried = asyncio.create_task(asyncio.to_thread(carry, stop_jobs))
            kept = asyncio.create_task(asyncio.to_thread(keep, stop_jobs))
            mirrored = asyncio.create_task(mirror(settings, open_store(settings.home), health, stopping))
            linked = asyncio.create_task(link(stopping))
            timed = asyncio.create_task(periodic.run(stopping))
            waiting = asyncio.create_task(stopping.wait())
            # Jobs or link ending by themselves is a fault: the process ends and the supervisor starts it again.
            threads = jobs, feeding, carried, kept
            await asyncio.wait({*threads, linked, waiting}, return_when=asyncio.FIRST_COMPLETED)
            stop_jobs.set()
            for task in (linked, timed, mirrored):
                task.cancel()
            await asyncio.gather(*threads, return_exceptions=stopping.is_set())
            for task in (linked, timed, mirrored):
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    process.run(settings, "worker", body)

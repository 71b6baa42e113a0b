"""``gongfu worker``: background tasks, and the link between records and bus."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django

from gongfu.kernel import bus, ops, process
from gongfu.kernel.settings import Settings


def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    sock = ops.listen("127.0.0.1", settings.worker_port, "worker_port")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gongfu.console.django_settings")
    django.setup()

    from gongfu.data.access import periodic as access  # noqa: PLC0415 (needs django.setup)
    from gongfu.data.alarms import desk as alarms  # noqa: PLC0415 (needs django.setup)
    from gongfu.data.backup import periodic as backups  # noqa: PLC0415
    from gongfu.data.computed import desk as computed  # noqa: PLC0415
    from gongfu.data.dashboards import periodic as dashboards  # noqa: PLC0415
    from gongfu.data.retrofit import periodic as retrofit  # noqa: PLC0415
    from gongfu.data.telemetry import describing  # noqa: PLC0415
    from gongfu.governance.applications import periodic as applications  # noqa: PLC0415
    from gongfu.governance.indicators import periodic as indicators  # noqa: PLC0415
    from gongfu.identity.authentication.services import expire as expire_reviews  # noqa: PLC0415 (needs django.setup)
    from gongfu.identity.business import periodic  # noqa: PLC0415
    from gongfu.identity.escrow.services import keep  # noqa: PLC0415
    from gongfu.identity.filing.services import carry  # noqa: PLC0415
    from gongfu.identity.mirror.leader import lead  # noqa: PLC0415
    from gongfu.identity.mirror.reporting import mirror  # noqa: PLC0415
    from gongfu.identity.registry.store import open_store  # noqa: PLC0415
    from gongfu.identity.search.feeding import run as feed_search  # noqa: PLC0415
    from gongfu.kernel.tasks.worker import run_worker  # noqa: PLC0415
    from gongfu.platform.devices import sync  # noqa: PLC0415
    from gongfu.platform.edges import linking as edges  # noqa: PLC0415
    from gongfu.platform.map import following as network_map  # noqa: PLC0415
    from gongfu.platform.northbound import linking  # noqa: PLC0415

    health = ops.Health("worker", "bus")
    reconnected, edges_reconnected = asyncio.Event(), asyncio.Event()

    async def down() -> None:
        health.set("bus", False, "disconnected")

    async def up() -> None:
        health.set("bus", True)
        reconnected.set()
        edges_reconnected.set()

    async def link(stopping: asyncio.Event) -> None:
        client = await bus.connect(settings, "worker", on_disconnect=down, on_reconnect=up)
        try:
            js = await bus.ensure(settings, client)
            await up()
            beside = [
                asyncio.create_task(lead(settings, client, open_store(settings.home), stopping)),
                asyncio.create_task(linking.run(client, stopping)),
                asyncio.create_task(alarms.run(client, stopping)),
                asyncio.create_task(computed.run(client, stopping)),
                asyncio.create_task(network_map.run(client, stopping)),
                asyncio.create_task(edges.run(client, stopping, edges_reconnected)),
            ]
            try:
                await sync.run(js, stopping, reconnected)
            finally:
                for task in beside:
                    task.cancel()
        finally:
            await client.close()

    async def close_reviews() -> None:
        while True:
            await asyncio.to_thread(expire_reviews)
            await asyncio.sleep(3600)

    async def body(stopping: asyncio.Event) -> None:
        ending = threading.Event()
        async with ops.serve(ops.app(health), sock):
            blocking = (run_worker, feed_search, carry, keep)
            # They last as long as the process: the loop's own few threads are for what comes and goes.
            pool = ThreadPoolExecutor(len(blocking), "worker")
            loop = asyncio.get_running_loop()
            threads: list[asyncio.Future[None]] = [loop.run_in_executor(pool, work, ending) for work in blocking]
            works = [link(stopping), periodic.run(stopping), retrofit.run(stopping), close_reviews()]
            works += [access.run(stopping), describing.run(stopping), indicators.run(stopping)]
            works += [dashboards.run(stopping), applications.run(stopping)]
            works.append(backups.run(settings, stopping))
            if settings.mirror_of:
                works.append(mirror(settings, open_store(settings.home), health, stopping))
            tasks = [asyncio.create_task(work) for work in works]
            waiting = asyncio.create_task(stopping.wait())
            # Any of them ending by itself is a fault: the process ends and the supervisor starts it again.
            watched: set[asyncio.Future[Any]] = {*threads, *tasks, waiting}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            ending.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*threads, return_exceptions=stopping.is_set())
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    process.run(settings, "worker", body)

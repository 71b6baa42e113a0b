"""``gongfu web``: console, API and live streams."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket

import uvicorn

from gongfu.console import heads, workers
from gongfu.kernel import ops, process
from gongfu.kernel.settings import Settings

DRAIN_S = 3
"""How long open requests may go on after SIGTERM; live streams end at once."""
_CHECK_EVERY_S = 5.0
AT_ONCE = 12
"""Requests of one process that are worked on together: each has a thread and a connection to the database."""
BRISK = 3
"""Those of them that have not been worked on for a quarter of a second."""
AT_ONCE_EACH = 4
"""Those of one session, or of one program."""


def main(settings: Settings) -> None:
    """Serve until SIGTERM, in this process or in ``web_workers`` of them."""
    sockets = [ops.listen(settings.host, settings.web_port, "web_port")]
    if settings.clickhouse_port:
        sockets.append(ops.listen(settings.clickhouse_host, settings.clickhouse_port, "clickhouse_port"))
    if settings.web_workers == 1:
        work(settings, sockets, 0)
        return

    async def body(stopping: asyncio.Event) -> None:
        await workers.keep(work, settings, sockets, stopping)

    process.run(settings, "web", body)


def work(settings: Settings, sockets: list[socket.socket], number: int) -> None:
    """One web process on ``sockets``: the console's, and that of the ClickHouse interface when there is one."""
    health = ops.Health("web", "database", "static files")

    async def body(stopping: asyncio.Event) -> None:
        workers.end_with_parent(stopping)
        application = await asyncio.to_thread(_application, settings, health, stopping)
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                http=heads.bounded(),
                proxy_headers=True,
                forwarded_allow_ips="127.0.0.1",
                timeout_graceful_shutdown=DRAIN_S,
                timeout_keep_alive=30,
            )
        )
        watch = asyncio.create_task(_watch(health))
        async with contextlib.AsyncExitStack() as beside:
            if len(sockets) > 1:
                from gongfu.data.access import interface  # noqa: PLC0415 - needs django.setup

                await beside.enter_async_context(ops.serve(interface.app(settings), sockets[1]))
            # The signals are the process's own; the server is told by should_exit.
            serving = asyncio.create_task(server._serve(sockets=[sockets[0]]))
            stopped = asyncio.create_task(stopping.wait())
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
        for task in (watch, stopped):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    process.run(settings, f"web-{number}" if settings.web_workers > 1 else "web", body)


def _application(settings: Settings, health: ops.Health, stopping: asyncio.Event) -> ops.App:
    """Django and what wraps it, with every address loaded, so that the first visitor does not wait for imports."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gongfu.console.django_settings")
    import django  # noqa: PLC0415 - reads the settings of the node when it is set up

    django.setup()
    from gongfu.console import asgi, static_files  # noqa: PLC0415
    from gongfu.console.handler import Handler, threads  # noqa: PLC0415
    from gongfu.data.access import interface  # noqa: PLC0415

    static_files.collect()
    health.set("static files", True)
    inner = asgi.bounded(asgi.in_turn(AT_ONCE, BRISK, AT_ONCE_EACH, Handler(threads(AT_ONCE))))
    inner = asgi.ending_streams(stopping, asgi.compressed(inner))
    inner = asgi.with_static(static_files.collected(), inner)
    inner = asgi.below("/clickhouse", interface.app(settings), inner)
    settle()
    return asgi.with_health(health, inner)


def settle() -> None:
    """What was imported stays: the collector need not walk half a million objects, 0.15 s, in the midst of a page."""
    gc.collect()
    gc.freeze()


async def _watch(health: ops.Health) -> None:
    """Keep the condition *database* true."""
    from django.db import Error  # noqa: PLC0415

    while True:
        try:
            await asyncio.to_thread(_ask_database)
            health.set("database", True)
        except (Error, OSError) as error:
            health.set("database", False, type(error).__name__)
        await asyncio.sleep(_CHECK_EVERY_S)


def _ask_database() -> None:
    from django.db import connection  # noqa: PLC0415

    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()

"""Several web processes behind one socket: one that dies takes its own requests along and nobody else's.

The process that the supervisor knows binds the port and keeps ``web_workers`` children; what waits to be accepted waits
in the socket they share. Without Django it stays small.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import socket
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import structlog

from gongfu.kernel.settings import Settings

log = structlog.get_logger("web")
_LOOK_S = 0.1
_AGAIN_S = 2.0
"""Between two starts of one worker: what cannot start must not take the machine."""
Work = Callable[[Settings, list[socket.socket], int], None]


async def keep(work: Work, settings: Settings, sockets: list[socket.socket], stopping: asyncio.Event) -> None:
    """Run ``work`` in ``web_workers`` processes until ``stopping``; one that dies is started again."""
    context = multiprocessing.get_context("spawn")  # a fork would take threads' locks along
    running: list[BaseProcess | None] = [None] * settings.web_workers
    started, not_before = [0.0] * settings.web_workers, [0.0] * settings.web_workers
    try:
        while not stopping.is_set():
            for number, worker in enumerate(running):
                if worker is not None and worker.exitcode is not None:
                    log.error("a worker died and is started again", worker=number, exit_code=worker.exitcode)
                    worker.close()
                    running[number], not_before[number] = None, started[number] + _AGAIN_S
                if running[number] is None and time.monotonic() >= not_before[number]:
                    made = context.Process(target=work, args=(settings, sockets, number), daemon=True)
                    made.start()
                    running[number], started[number] = made, time.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOK_S)
    finally:
        for worker in running:
            if worker is not None:
                worker.terminate()
        for worker in running:
            if worker is not None:
                await asyncio.to_thread(worker.join)


def end_with_parent(stopping: asyncio.Event) -> None:
    """Set ``stopping`` when the process that started this one is gone, even by ``kill -9``."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        asyncio.get_running_loop().add_reader(int(parent.sentinel), stopping.set)

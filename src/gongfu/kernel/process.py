"""How every daemon starts and stops: logs, event loop, signals."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from gongfu.kernel import logs
from gongfu.kernel.settings import Settings


def run(settings: Settings, name: str, main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run ``main(stopping)`` until it returns; SIGTERM and SIGINT set ``stopping``.

    ``main`` drains what it holds and returns within 10 s of ``stopping``; the supervisor kills it after that.
    """
    logs.configure(settings, name)
    log = structlog.get_logger(name)

    async def body() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        log.info("started")
        await main(stopping)
        log.info("stopped")

    uvloop.run(body())


_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """For ``preexec_fn``: the kernel sends this process SIGTERM when its parent dies, even by ``kill -9``.

    Linux only; elsewhere the next ``gongfu up`` ends what was left.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

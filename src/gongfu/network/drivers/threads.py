"""A thread for calls that block, and may never return: a dead database, a file share that hangs."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
_Job = tuple[Callable[[], object], "asyncio.Future[object]", asyncio.AbstractEventLoop]


class Worker:
    """``async with Worker("name") as worker: await worker.call(function, seconds)``, one call after the other.

    A call that takes too long raises ``TimeoutError`` and is left alone: its thread is a daemon, ends when the call
    does, and never keeps the process from ending. The worker is of no more use then.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stuck = False

    async def __aenter__(self) -> Self:
        threading.Thread(target=self._work, name=self._name, daemon=True).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._jobs.put(None)

    def after_all(self, function: Callable[[], object]) -> None:
        """Run ``function`` in the thread when everything before is done; nobody waits for it."""
        loop = asyncio.get_running_loop()
        self._jobs.put((function, loop.create_future(), loop))

    async def call(self, function: Callable[[], T], seconds: float) -> T:
        """The result of ``function`` in the thread; raises ``TimeoutError`` and what it raises."""
        if self._stuck:
            raise TimeoutError
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((function, future, loop))  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            self._stuck = self._stuck or future.cancelled()
            raise

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, future, loop = job
            if future.cancelled():
                continue
            try:
                result, error = function(), None
            except BaseException as caught:
                result, error = None, caught
            with contextlib.suppress(RuntimeError):  # the loop is gone, and so is who asked
                loop.call_soon_threadsafe(_settle, future, result, error)
            del job, function, future, result, error


def _settle(future: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)

"""Sessions with devices that questions are asked over: opened when asked, kept for some seconds, then closed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import msgspec

from gongfu.kernel.errors import Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.network.drivers import registry
from gongfu.network.drivers.contract import DeviceUnavailable, Session
from gongfu.network.gateway.config import DeviceConfig
from gongfu.network.gateway.probing import open_probe

IDLE = 10.0
"""Seconds for which a session stays open after the last question."""
MOST_OPEN = 32
MOST_WAITING = 8
"""Questions to one device that wait for their turn."""
CLOSING = 2.0

T = TypeVar("T")


class Line:
    """One session and the questions to it, one after the other, in a task of its own.

    Many libraries want to be closed by the task that opened them, and none wants two questions at once.
    """

    def __init__(self, open_it: AbstractAsyncContextManager[Session], idle: float) -> None:
        self._open = open_it
        self._idle = idle
        self._questions: asyncio.Queue[tuple[Callable[[Session], Awaitable[Any]], asyncio.Future[Any]]] = asyncio.Queue(
            MOST_WAITING
        )
        self.closed = False
        self.task = asyncio.create_task(self._run(), name="line")

    async def ask(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """What ``work`` returns or raises, once it is its turn."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._questions.put_nowait((work, answer))
        except asyncio.QueueFull:
            raise busy() from None
        return await answer

    async def close(self) -> None:
        """Close at once, whatever it does."""
        self.closed = True
        self.task.cancel()
        await asyncio.wait({self.task}, timeout=CLOSING)

    async def _run(self) -> None:
        reason: Exception = DeviceUnavailable(mark("The connection was closed."))
        try:
            async with self._open as session:
                await self._serve(session)
        except Exception as error:
            reason = error
        finally:
            self.closed = True
            while not self._questions.empty():
                _, answer = self._questions.get_nowait()
                if not answer.done():
                    answer.set_exception(reason)

    async def _serve(self, session: Session) -> None:
        while True:
            try:
                async with asyncio.timeout(self._idle):
                    work, answer = await self._questions.get()
            except TimeoutError:
                if self._questions.empty():
                    self.closed = True  # before anything is awaited: nobody can ask any more
                    return
                continue
            if answer.done():
                continue
            try:
                result = await work(session)
            except asyncio.CancelledError:
                if not answer.done():
                    answer.set_exception(DeviceUnavailable(mark("The connection was closed.")))
                raise
            except Exception as error:
                if not answer.done():
                    answer.set_exception(error)
                if not isinstance(error, Invalid):
                    return  # who knows what state the connection is in
            else:
                if not answer.done():
                    answer.set_result(result)


class Lines:
    """The open sessions of a gateway, by what they were opened with."""

    def __init__(self, idle: float = IDLE) -> None:
        self._idle = idle
        self._lines: dict[bytes, Line] = {}

    def __len__(self) -> int:
        return sum(not line.closed for line in self._lines.values())

    async def ask(
        self, device: DeviceConfig, work: Callable[[Session], Awaitable[T]], within: float, *, fresh: bool = False
    ) -> T:
        """What ``work`` finds out; raises :class:`DeviceUnavailable` after ``within`` seconds.

        With ``fresh`` over a connection that is made for it, and stays for what is asked next.
        """
        key = _key(device)
        line = self._lines.get(key)
        if line is not None and fresh and not line.closed:
            await line.close()
        if line is None or line.closed:
            self._lines = {known: other for known, other in self._lines.items() if not other.closed}
            if len(self._lines) >= MOST_OPEN:
                raise busy()
            line = self._lines[key] = Line(_open(device), self._idle)
        try:
            async with asyncio.timeout(within):
                return await line.ask(work)
        except TimeoutError:
            line.closed = True
            line.task.cancel()  # its answer may still come, and must not meet another question
            raise DeviceUnavailable(
                mark("The device did not answer within {seconds} s."),
                remedy=mark("Check address, cable and that the device is on; a slow device needs a longer time-out."),
                seconds=f"{within:g}",
            ) from None

    async def close(self) -> None:
        """Close all of them."""
        lines, self._lines = list(self._lines.values()), {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                await asyncio.gather(*(line.close() for line in lines))


def busy() -> Unavailable:
    """Too much is being asked."""
    return Unavailable(
        mark("The gateway is answering too many questions at the moment."), remedy=mark("Try again in a few seconds.")
    )


def _key(device: DeviceConfig) -> bytes:
    """Two configurations that differ only in their tags share a session."""
    return msgspec.json.encode([device.org, device.driver, device.name, sorted(device.options.items())])


def _open(device: DeviceConfig) -> AbstractAsyncContextManager[Session]:
    driver = registry.polled(device.driver)
    if hasattr(driver, "open_session"):
        return driver.open_session(device)
    return open_probe(driver, device)

"""A serial line without hardware, for simulators: a pseudo-terminal whose other end is this process. Linux and macOS.

:class:`Plug` is one end as a device has it. :class:`Cable` leads from it to a TCP port, where a simulator listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from gongfu.network.drivers.streams import DescriptorSource, Stream, open_socket

Alter = Callable[[bytes], bytes]


class Plug:
    """``line`` is the port's path, for a program; what it writes arrives in ``stream``, and the other way round.

    ``link``: a path that always leads to the port, also when it is pulled and put in again.
    """

    def __init__(self, link: Path | None = None) -> None:
        self._device, self._program = os.openpty()  # the program's end stays open, or reads fail while nobody is there
        tty.setraw(self._program)
        self.line = os.ttyname(self._program)
        self.stream = Stream(self.line)
        self.stream.attached(DescriptorSource(self._device, self._release, self.stream))
        if link is not None:
            link.unlink(missing_ok=True)
            link.symlink_to(self.line)
            self.line = str(link)

    def pull(self) -> None:
        """Take the port away, as when an adapter is unplugged."""
        self.stream.close()

    def _release(self) -> None:
        os.close(self._device)
        os.close(self._program)


class Cable:
    """``async with Cable(host, port) as cable``: the port at ``cable.line`` talks to who listens at ``host:port``.

    ``to_device`` and ``from_device`` may change the bytes on their way.
    """

    def __init__(self, host: str, port: int, link: Path | None = None) -> None:
        self._host = host
        self._port = port
        self._link = link
        self.to_device: Alter = bytes
        self.from_device: Alter = bytes
        self._plug: Plug | None = None
        self._far: Stream | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def line(self) -> str:
        """Path of the port."""
        assert self._plug is not None
        return self._plug.line

    def inject(self, data: bytes) -> None:
        """Put bytes on the line that nobody has sent: noise, or a late answer."""
        assert self._plug is not None
        self._plug.stream.send(data)

    async def __aenter__(self) -> Self:
        self._far = await open_socket(self._host, self._port, 5)
        self._plug = Plug(self._link)
        self._tasks = [
            asyncio.create_task(_carry(self._plug.stream, self._far, self.to_device)),
            asyncio.create_task(_carry(self._far, self._plug.stream, self.from_device)),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for stream in (self._far, self._plug.stream if self._plug else None):
            if stream is not None:
                stream.close()


async def _carry(source: Stream, target: Stream, alter: Alter) -> None:
    with contextlib.suppress(OSError):
        while True:
            data = alter(await source.receive())
            if data:
                target.send(data)

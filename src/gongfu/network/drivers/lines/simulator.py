"""Equipment that speaks in lines, for demonstration and tests: at a TCP port, at a pseudo-terminal, or dialling in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.cable import Plug
from gongfu.network.drivers.streams import SocketProtocol, Stream, open_socket

Answer = bytes | Callable[[bytes], bytes]


class LinesSimulator:
    """``async with LinesSimulator(answers) as scale: scale.say(b"...")``.

    ``answers``: what it says to each command it gets, line ends included. Where it stands: ``port`` (0 takes a free
    one), ``line`` when ``serial``, or nowhere until it has dialled in by :meth:`call`.
    """

    def __init__(
        self,
        answers: Mapping[bytes, Answer] | None = None,
        *,
        serial: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        link: Path | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.line = ""
        self.answers: dict[bytes, Answer] = dict(answers or {})
        self.heard: list[bytes] = []
        """Everything it was told, as it came."""
        self._serial = serial
        self._link = link
        self._streams: list[Stream] = []
        self._server: asyncio.Server | None = None
        self._plug: Plug | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if self._serial:
            self._plug = Plug(self._link)
            self.line = self._plug.line
            self._join(self._plug.stream)
            return self
        try:
            self._server = await asyncio.get_running_loop().create_server(self._called, self.host, self.port)
        except OSError as error:
            raise Unavailable(
                mark("The simulator cannot listen on {host}:{port}: {reason}."),
                host=self.host,
                port=self.port,
                reason=error,
            ) from error
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.hang_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many listen to it."""
        return len(self._streams)

    def say(self, data: bytes) -> None:
        """Send ``data``, line end included, to everybody who is connected."""
        for stream in self._streams:
            with contextlib.suppress(OSError):
                stream.send(data)

    async def call(self, host: str, port: int) -> None:
        """Dial in, as a scanner does that has been given the gateway's address."""
        self._join(await open_socket(host, port, 5))

    def hang_up(self) -> None:
        """Close every connection; a serial port is pulled."""
        for stream in list(self._streams):
            stream.close()

    def _called(self) -> SocketProtocol:
        stream = Stream("caller")
        self._join(stream)
        return SocketProtocol(stream)

    def _join(self, stream: Stream) -> None:
        self._streams.append(stream)
        task = asyncio.create_task(self._listen(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, stream: Stream) -> None:
        waiting = b""
        try:
            while True:
                data = await stream.receive()
                self.heard.append(data)
                waiting += data
                for command in [command for command in self.answers if command in waiting]:
                    answer = self.answers[command]
                    stream.send(answer(waiting) if callable(answer) else answer)
                    waiting = waiting.replace(command, b"")
                waiting = waiting[-1000:]
        except OSError:
            self._streams.remove(stream)

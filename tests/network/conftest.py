"""What tests of drivers share: a sink that remembers, a driver that runs, a server that talks rubbish."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol

import pytest

from gongfu.network.drivers.contract import Emitted, Sample, one_by_one
from gongfu.network.gateway.config import DeviceConfig


class Recorder:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[list[Sample]] = []
        self.arrivals: list[float] = []
        self.times_online = 0
        self.complaints: list[str] = []
        self.silences: list[str] = []
        self.delay = 0.0

    def online(self) -> None:
        self.times_online += 1

    def offline(self, reason: str) -> None:
        self.silences.append(reason)

    async def emit(self, samples: Emitted) -> None:
        await asyncio.sleep(self.delay)
        self.batches.append(one_by_one(samples))
        self.arrivals.append(asyncio.get_running_loop().time())

    async def emit_acknowledged(self, samples: Sequence[Sample]) -> None:
        await self.emit(samples)

    def malformed(self, detail: str) -> None:
        self.complaints.append(detail)

    @property
    def samples(self) -> list[Sample]:
        return [sample for batch in self.batches for sample in batch]

    def of(self, series: int) -> list[Sample]:
        return [sample for sample in self.samples if sample.series == series]

    def last(self) -> dict[int, Sample]:
        return {sample.series: sample for sample in self.samples}

    async def until(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)


class DriverModule(Protocol):
    async def run(self, device: DeviceConfig, sink: Recorder) -> None: ...


Running = Callable[[DriverModule, DeviceConfig, Recorder], AbstractAsyncContextManager["asyncio.Task[None]"]]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def running() -> Running:
    """Run a driver beside the test; at the end it is cancelled and must end at once, without another error."""

    @asynccontextmanager
    async def start(driver: DriverModule, device: DeviceConfig, sink: Recorder) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(driver.run(device, sink))
        try:
            yield task
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await asyncio.wait_for(task, 2)
                assert task.cancelled(), "a driver must not swallow cancellation"

    return start


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_RUBBISH: dict[str, bytes] = {
    "zeros": bytes(300),
    "noise": bytes((i * 7919 + 13) % 256 for i in range(300)),
    "text": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "huge length": b"\x00\x01\x00\x00\xff\xff" + b"ACKF\xff\xff\xff\x7f" + b"\x03\x00\xff\xff",
    "half an answer": b"\x00\x01\x00\x00\x00\x05\x01\x03\x04\x00",
    "nothing": b"",
}


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Talk], Awaitable[int]]]:
    """Start a TCP server that treats each connection as told; returns its port."""
    servers: list[asyncio.Server] = []
    talks: set[asyncio.Task[None] | None] = set()

    async def start(talk: Talk) -> int:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talks.add(asyncio.current_task())
            with suppress(OSError, asyncio.IncompleteReadError):
                await talk(reader, writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

        servers.append(await asyncio.start_server(handle, "127.0.0.1", 0))
        return int(servers[-1].sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()
    for task in talks:
        if task is not None:
            await asyncio.wait_for(task, 2)


@pytest.fixture(params=[*_RUBBISH, "closes at once"])
async def rubbish_port(request: pytest.FixtureRequest, serve: Callable[[Talk], Awaitable[int]]) -> int:
    """Port of a server that answers everything with the same nonsense."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request.param in _RUBBISH and await reader.read(4096):
            writer.write(_RUBBISH[request.param])
            await writer.drain()

    return await serve(talk)


@pytest.fixture
def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""A real bus for tests: nats-server with JetStream, MQTT and one MQTT user for each organisation."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Set
from pathlib import Path

import msgspec
from nats.aio.client import Client
from nats.js import JetStreamContext

from gongfu.data.telemetry.consume import Consumer
from gongfu.kernel import bus, ops, readings
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.events import Event
from gongfu.kernel.events import decoder as event_decoder
from gongfu.kernel.nats_server import find, mqtt_password, prepare, write_users
from gongfu.kernel.readings import Readings
from gongfu.kernel.settings import Settings
from gongfu.network.gateway.config import DeviceConfig, DeviceState, Status, desired_key
from gongfu.network.gateway.process import serve

ORGANISATIONS = ("acme", "rival")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in socks]


def node_settings(home: Path) -> Settings:
    """Settings of a node in ``home`` on free ports, with small limits."""
    bus_port, monitor, mqtt, gateway = free_ports(4)
    return Settings(
        home=home,
        bus_port=bus_port,
        bus_monitor_port=monitor,
        mqtt_port=mqtt,
        gateway_port=gateway,
        retention_bus_bytes=200_000_000,
    )


class Bus:
    """A nats-server that can be killed and started again on the same data."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def password(self, organisation: str) -> str:
        """Password of an organisation's MQTT devices."""
        return mqtt_password(self.settings.home, organisation)

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        write_users(self.settings.home, ORGANISATIONS)
        config = prepare(self.settings)
        self._process = subprocess.Popen(
            [find(self.settings), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        give_up = time.monotonic() + 10
        for port in (self.settings.bus_port, self.settings.mqtt_port):
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert time.monotonic() < give_up, "nats-server does not start"
                time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def running_bus(home: Path) -> Iterator[Bus]:
    """A bus in ``home``, killed at the end."""
    server = Bus(node_settings(home))
    server.start()
    try:
        yield server
    finally:
        server.kill()


class GatewayProcess:
    """A gateway in a process of its own, to be killed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it becomes ready by itself."""
        ports = ("bus_port", "bus_monitor_port", "mqtt_port", "gateway_port", "retention_bus_bytes")
        environment = {f"GONGFU_{name.upper()}": str(getattr(self.settings, name)) for name in ports}
        environment |= {"GONGFU_HOME": str(self.settings.home), "PATH": os.environ["PATH"]}
        code = (
            "from gongfu.kernel.settings import settings\n"
            "from gongfu.network.gateway.process import main\n"
            "main(settings())"
        )
        self._process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> float:
        """SIGTERM; returns how many seconds it took to end, with exit status 0."""
        assert self._process is not None
        begin = time.monotonic()
        self._process.terminate()
        assert self._process.wait(15) == 0
        self._process = None
        return time.monotonic() - begin


class Plane:
    """What the control plane and the recorder do, in small: desired state in, readings and events out."""

    def __init__(self, settings: Settings, client: Client, js: JetStreamContext) -> None:
        self.settings = settings
        self.client = client
        self.js = js
        self.batches: list[Readings] = []
        self.events: list[Event] = []
        self._consumers = {stream: Consumer(client, stream, bus.RECORDER) for stream in (bus.READINGS, bus.EVENTS)}
        self._reconnects: dict[str, int] = {}

    async def desire(self, *devices: DeviceConfig) -> None:
        """Configure devices."""
        bucket = await self.js.key_value(bus.DESIRED)
        for device in devices:
            await bucket.put(desired_key(self.settings.node, device.device), msgspec.json.encode(device))

    async def forget(self, device: int) -> None:
        """Remove a device."""
        await (await self.js.key_value(bus.DESIRED)).purge(desired_key(self.settings.node, device))

    async def state(self, device: int, status: Status, *, within: float = 10.0) -> DeviceState:
        """Wait until ``device`` has ``status``."""
        bucket = await self.js.key_value(bus.ACTUAL)
        found: DeviceState | None = None
        give_up = time.monotonic() + within
        while time.monotonic() < give_up:
            with contextlib.suppress(Exception):
                entry = await bucket.get(desired_key(self.settings.node, device))
                found = msgspec.json.decode(entry.value or b"", type=DeviceState)
                if found.status is status:
                    return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"device {device} is not {status}: {found}")

    async def collect(self) -> None:
        """Take everything that waits, as the recorder does: nothing that was lost on the way is acknowledged."""
        for stream, consumer in self._consumers.items():
            if self.client.stats["reconnects"] != self._reconnects.get(stream):
                self._reconnects[stream] = self.client.stats["reconnects"]
                consumer.disturb()
            while True:
                try:
                    taken = await asyncio.wait_for(consumer.take(rows_bytes=1, seconds=0.1), 0.3)
                except (TimeoutError, Unavailable):
                    break  # nothing more, or the bus is away
                if taken is None:
                    break
                for message in taken.messages:
                    if stream == bus.READINGS:
                        self.batches.append(readings.decode(message.data))
                    else:
                        self.events.append(event_decoder.decode(message.data))
                await consumer.acknowledge(taken)

    async def rows(
        self, count: int, *, among: Set[tuple[int, int]] | None = None, within: float = 15.0
    ) -> list[tuple[int, int, float, int]]:
        """Wait for ``count`` distinct (series, time) rows; returns all: series, time, value, quality.

        Only rows ``among`` these count, when given: more may be stored than was acknowledged, and come first.
        """
        give_up = time.monotonic() + within
        while True:
            await self.collect()
            found = {
                (int(series), int(at)): (int(series), int(at), float(value), int(quality))
                for batch in self.batches
                for series, at, value, quality in zip(
                    batch.series, batch.times, batch.values, batch.qualities, strict=True
                )
            }
            came = len(found) if among is None else len(among & found.keys())
            if came >= count or time.monotonic() > give_up:
                return sorted(found.values())

    async def event(self, kind: str, *, within: float = 10.0) -> Event:
        """Wait for an event of ``kind``."""
        give_up = time.monotonic() + within
        while time.monotonic() < give_up:
            for event in self.events:
                if event.kind == kind:
                    return event
            await self.collect()
        raise AssertionError(f"no event {kind}, only {[event.kind for event in self.events]}")


@contextlib.asynccontextmanager
async def plane(settings: Settings) -> AsyncIterator[Plane]:
    """The other side of the bus."""
    client = await bus.connect(settings, "test")
    try:
        yield Plane(settings, client, await bus.ensure(settings, client))
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def running_gateway(settings: Settings, *, ready_within: float = 10.0) -> AsyncIterator[ops.Health]:
    """A gateway inside this event loop; stopped as by SIGTERM at the end, within 10 s."""
    stopping = asyncio.Event()
    health = ops.Health("gateway", "bus", "devices", "mqtt")
    task = asyncio.create_task(serve(settings, stopping, health))
    give_up = time.monotonic() + ready_within
    try:
        while not health.ready and not task.done() and time.monotonic() < give_up:
            await asyncio.sleep(0.02)
        yield health
    finally:
        stopping.set()
        await asyncio.wait_for(task, 10)

"""The gateway process: devices on one side, the bus on the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import nats.errors
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gongfu.kernel import bus, ops, process
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.settings import Settings
from gongfu.network.discovery.ranges import permitted
from gongfu.network.discovery.scanning import Scans
from gongfu.network.drivers.sparkplug.hosting import be_host
from gongfu.network.drivers.surroundings import Surroundings, provide
from gongfu.network.gateway import tickets
from gongfu.network.gateway.config import Status
from gongfu.network.gateway.desk import Desk
from gongfu.network.gateway.devices import Devices
from gongfu.network.gateway.feeds import Feeds
from gongfu.network.gateway.ingress import Ingress, ensure
from gongfu.network.gateway.outlet import Outlet
from gongfu.network.gateway.states import States
from gongfu.network.map.probing import Prober

FLUSH_EVERY = 0.5
DRAIN_SECONDS = 5.0
"""With the time drivers have to stop this stays below the 10 s that a process has to end."""

T = TypeVar("T")

_log = structlog.get_logger("gateway")


def main(settings: Settings) -> None:
    """Run the gateway until SIGTERM."""
    sock = ops.listen("127.0.0.1", settings.gateway_port, "gateway_port")

    async def body(stopping: asyncio.Event) -> None:
        health = ops.Health("gateway", "bus", "devices", "mqtt")
        async with ops.serve(ops.app(health), sock):
            await serve(settings, stopping, health)

    process.run(settings, "gateway", body)


async def serve(settings: Settings, stopping: asyncio.Event, health: ops.Health) -> None:
    """Run until ``stopping``, then stop drivers, send what they emitted and wait until it is acknowledged."""
    provide(_surroundings(settings))
    connected = asyncio.Event()
    connected.set()
    devices: Devices | None = None

    async def on_disconnect() -> None:
        connected.clear()
        health.set("bus", False, "reconnecting")

    async def on_reconnect() -> None:
        connected.set()
        health.set("bus", True)
        if devices is not None:
            devices.reconnected.set()

    opening = asyncio.create_task(
        bus.connect(settings, "gateway", on_disconnect=on_disconnect, on_reconnect=on_reconnect)
    )
    client = await _unless(stopping, opening)
    if client is None:
        return
    js = await _unless(stopping, asyncio.create_task(_prepare(settings, client, health)))
    if js is None:
        await _close(client)
        return
    outlet = Outlet(js, connected)
    states = States(js, settings.node, connected)
    ingress = Ingress(settings, js)
    devices = Devices(settings.node, js, outlet, states, ingress)
    figures = _Figures(devices, outlet, states, ingress)
    REGISTRY.register(figures)
    tasks = [
        asyncio.create_task(states.run(), name="states"),
        asyncio.create_task(devices.run(), name="devices"),
        asyncio.create_task(_flush(devices, outlet, ingress, health), name="flush"),
        asyncio.create_task(_hear(devices, ingress), name="ingress"),
        asyncio.create_task(_host(settings, devices, ingress), name="host"),
        asyncio.create_task(
            Desk(
                settings.node,
                client,
                devices.configuration,
                tickets.guard(tickets.key(settings.home)),
                scans=Scans(permitted(settings.discovery_ranges)),
                feeds=Feeds(ingress),
                prober=Prober(permitted(settings.discovery_ranges), devices.addresses),
            ).run(),
            name="desk",
        ),
    ]
    stop = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stop}:
            task.result()  # a fault of ours: end with its traceback, the supervisor starts us again
    finally:
        stop.cancel()
        await _cancel(*tasks[:3], *tasks[4:])
        await _drain(devices, outlet, states, ingress)
        await _cancel(tasks[3])
        REGISTRY.unregister(figures)
        await _close(client)


def _surroundings(settings: Settings) -> Surroundings:
    return Surroundings(
        positions=settings.path("gateway", "positions.sqlite3"),
        roots=tuple(Path(root) for root in settings.file_roots),
        ingest_host=settings.host,
        ingest_port=settings.http_ingest_port,
    )


async def _prepare(settings: Settings, client: Client, health: ops.Health) -> JetStreamContext:
    """Streams and buckets exist afterwards; a bus that is not ready yet is waited for."""
    while True:
        try:
            js = await bus.ensure(settings, client)
            await ensure(settings, js)
        except (Unavailable, nats.errors.Error, OSError, TimeoutError) as error:
            health.set("bus", False, str(error))
            await asyncio.sleep(0.5)
        else:
            health.set("bus", True)
            return js


async def _hear(devices: Devices, ingress: Ingress) -> None:
    """Receive once every fed device has its ear: a message that no device wants is gone."""
    await devices.loaded.wait()
    await ingress.run()


async def _host(settings: Settings, devices: Devices, ingress: Ingress) -> None:
    """Tell edge nodes that they are heard, while they are."""
    await be_host(settings, lambda: devices.loaded.is_set() and not ingress.problem)
    await asyncio.Event().wait()


async def _flush(devices: Devices, outlet: Outlet, ingress: Ingress, health: ops.Health) -> None:
    while True:
        await asyncio.sleep(FLUSH_EVERY)
        for sink in devices.sinks():
            sink.flush()
        health.set("devices", devices.loaded.is_set(), f"{len(devices)} devices")
        health.set("mqtt", not ingress.problem, ingress.problem)
        health.set("store", not outlet.refused, outlet.refused)


async def _drain(devices: Devices, outlet: Outlet, states: States, ingress: Ingress) -> None:
    await devices.stop()
    until = asyncio.get_running_loop().time() + DRAIN_SECONDS
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            await ingress.stop()
    for sink in devices.sinks():
        sink.flush()
    left = await outlet.drain(max(0.0, until - asyncio.get_running_loop().time()))
    if left:
        _log.warning("stopped with messages that the bus has not acknowledged", messages=left)
    for sink in devices.sinks():
        if sink.state.status is Status.ONLINE:
            sink.stopped()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await states.write_all()


async def _close(client: Client) -> None:
    # A bus that is away needs no farewell; uvloop calls a transport that has closed a RuntimeError.
    with contextlib.suppress(nats.errors.Error, OSError, TimeoutError, RuntimeError):
        async with asyncio.timeout(1.0):
            await client.close()


async def _unless(stopping: asyncio.Event, work: asyncio.Task[T]) -> T | None:
    """The result of ``work``, or None when the process is to stop before."""
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({stop, work}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if work.done():
        return work.result()
    await _cancel(work)
    return None


async def _cancel(*tasks: asyncio.Task[T]) -> None:
    """End ``tasks``; asks more than once, because nats-py swallows a cancellation here and there."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.2)


class _Figures(Collector):
    """What ``/metrics`` says of the gateway."""

    def __init__(self, devices: Devices, outlet: Outlet, states: States, ingress: Ingress) -> None:
        self._devices = devices
        self._outlet = outlet
        self._states = states
        self._ingress = ingress

    def collect(self) -> Iterable[Metric]:
        """Read at each scrape."""
        sinks = self._devices.sinks()
        for name, text, value in (
            ("devices", "Devices that this gateway is to run", len(self._devices)),
            ("devices_online", "Devices that are online", self._states.online()),
            ("buffer_bytes", "Readings that the bus has not acknowledged", self._outlet.held),
        ):
            yield GaugeMetricFamily(f"gongfu_gateway_{name}", text, value=value)
        for name, text, value in (
            ("readings", "Readings that the bus has acknowledged", sum(sink.state.readings for sink in sinks)),
            ("malformed", "Payloads that could not be read", sum(sink.malformed_count for sink in sinks)),
            ("mqtt_messages", "MQTT messages taken in", self._ingress.received),
            ("mqtt_unrouted", "MQTT messages of topics that no device listens to", self._ingress.unrouted),
            ("mqtt_dropped", "QoS 0 messages dropped because too many were waiting", self._ingress.dropped),
        ):
            yield CounterMetricFamily(f"gongfu_gateway_{name}", text, value=value)

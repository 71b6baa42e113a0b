"""The process ``gongfu simulator``: the demonstration plant in real time, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
import structlog

from gongfu.kernel import ops, process
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings
from gongfu.simulators.control import control
from gongfu.simulators.hall import Counters, Hall
from gongfu.simulators.outlets.broker import Broker
from gongfu.simulators.outlets.modbus import ModbusOutlet
from gongfu.simulators.outlets.mqtt import MqttOutlet
from gongfu.simulators.outlets.opcua import OpcuaOutlet
from gongfu.simulators.outlets.outlet import Outlet
from gongfu.simulators.outlets.s7 import S7Outlet
from gongfu.simulators.outlets.sparkplug import SparkplugOutlet
from gongfu.simulators.plants.demonstration import HOST, demonstration
from gongfu.simulators.plants.plant import Plant

NAME = "simulator"
PERIOD = 1.0
"""Seconds between two reports of a machine."""
LONGEST = 10.0
"""A pause of the computer lets at most so many seconds of the plant pass."""
_log = structlog.get_logger(NAME)


def main(settings: Settings) -> None:
    """Run the plant until SIGTERM."""

    async def body(stopping: asyncio.Event) -> None:
        await run(settings, stopping)

    process.run(settings, NAME, body)


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """The plant until ``stopping`` is set; raises Conflict or Unavailable when a port cannot be had."""
    sock = ops.listen("127.0.0.1", settings.simulator_port, "simulator_port")
    plant = demonstration(settings)
    hall = Hall(plant)
    memory = settings.path("simulator", "counters.json")
    hall.restore(_remembered(memory))
    hall.step(PERIOD)
    outlets = _outlets(settings, plant)
    health = ops.Health(NAME, *outlets)
    application = ops.app(health, control(hall, secret(settings.home, NAME)))
    async with ops.serve(application, sock), _open(outlets.values()):
        _log.info("plant runs", machines=len(plant.devices), servers=len(plant.servers))
        await _let_run(hall, outlets, health, memory, stopping)


@contextlib.asynccontextmanager
async def _open(outlets: Iterable[Outlet]) -> AsyncIterator[None]:
    """All of them, opened one after the other and closed together: an OPC UA server takes a second to stop."""
    stacks: list[contextlib.AsyncExitStack] = []
    try:
        for outlet in outlets:
            stacks.append(contextlib.AsyncExitStack())
            await stacks[-1].enter_async_context(outlet.run())
        yield
    finally:
        await asyncio.gather(*(stack.aclose() for stack in stacks))


async def _let_run(
    hall: Hall, outlets: dict[str, Outlet], health: ops.Health, memory: Path, stopping: asyncio.Event
) -> None:
    before = time.monotonic()
    while not stopping.is_set():
        now = time.monotonic()
        hall.step(min(LONGEST, now - before))
        before = now
        # kept before it is told, so that no counter that was told ever falls back
        _remember(memory, hall.counters())
        reports = hall.reports(time.time_ns() // 1000)
        for name, outlet in outlets.items():
            await outlet.publish(reports)
            health.set(name, not outlet.problem, outlet.problem)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), max(0.0, PERIOD - (time.monotonic() - now)))


def _outlets(settings: Settings, plant: Plant) -> dict[str, Outlet]:
    """Every server and every connection to the broker, by a name for the health report."""
    outlets: dict[str, Outlet] = {}
    for server in plant.servers:
        devices = [device for device in plant.devices if device.server == server.name]
        match server.protocol:
            case "opcua":
                outlets[server.name] = OpcuaOutlet(HOST, server.port, devices)
            case "modbus":
                outlets[server.name] = ModbusOutlet(HOST, server.port, devices)
            case "s7":
                outlets[server.name] = S7Outlet(HOST, server.port, devices[0])
    for enterprise in plant.enterprises:
        broker = Broker.of(settings, enterprise.code)
        devices = plant.of(enterprise.code)
        for device in devices:
            if device.driver == "mqtt":
                outlets[device.path] = MqttOutlet(broker, device)
        if spoken := [device for device in devices if device.driver == "sparkplug"]:
            outlets[f"{enterprise.code}-sparkplug"] = SparkplugOutlet(broker, enterprise.code, spoken)
    return outlets


def _remembered(memory: Path) -> Counters:
    try:
        return msgspec.json.decode(memory.read_bytes(), type=Counters)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("counters start anew", file=str(memory), reason=str(error))
        return {}


def _remember(memory: Path, counters: Counters) -> None:
    draft = memory.with_suffix(".new")
    try:
        draft.write_bytes(msgspec.json.encode(counters))
        draft.replace(memory)
    except OSError as error:  # a full disk must not stop the plant
        _log.warning("counters not kept", file=str(memory), reason=str(error))

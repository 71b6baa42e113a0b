"""How much of a protocol library's speed the gateway keeps: both read the same numbers from the same server in one run.

    python bench/drivers.py [seconds [protocol …]]

Servers, gateway and bus run in processes of their own. What the gateway read is counted where it is on the bus, between
two messages of which the bus has every one on disk. A gateway is good when every ratio is 0.9 or more. ``ratio``
compares values a second, ``cpu_ratio`` the processor time of the reading process for a value.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import uvloop
from asyncua import Client, ua
from drivers_bacnet import bacnet_server, bare_bacnet
from drivers_plc import bare_logix, bare_melsec, logix_server, melsec_server
from harness import Node
from nats.aio.msg import Msg
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.framer import FramerType
from snap7 import AsyncClient
from snap7.type import Area

from gongfu.kernel import bus, nats_server, readings
from gongfu.network.drivers.modbus.simulator import ModbusSimulator
from gongfu.network.drivers.modbus.simulator import Point as ModbusPoint
from gongfu.network.drivers.modbus.wire import Framing
from gongfu.network.drivers.opcua.simulator import OpcuaSimulator
from gongfu.network.drivers.opcua.simulator import Point as OpcuaPoint
from gongfu.network.drivers.s7.simulator import Point as S7Point
from gongfu.network.drivers.s7.simulator import S7Simulator
from gongfu.network.gateway.config import DeviceConfig, TagConfig, desired_key

TAGS = 50
WITHOUT_PAUSE = 1e-6
_WARM = 0.7
"""Seconds of reading before the clock starts."""


@dataclass(frozen=True)
class Rate:
    """``count`` values in ``seconds``, for which this process needed ``cpu`` seconds of a processor."""

    count: int
    seconds: float
    cpu: float

    @property
    def per_s(self) -> float:
        """Values a second."""
        return self.count / self.seconds

    @property
    def per_cpu_s(self) -> float:
        """Values for a second of processor time."""
        return self.count / max(self.cpu, 0.001)


@dataclass(frozen=True)
class Comparison:
    """The turns of gateway and bare library."""

    protocol: str
    gateways: Sequence[Rate]
    libraries: Sequence[Rate]

    @property
    def gateway(self) -> Rate:
        """Its best turn."""
        return max(self.gateways, key=lambda rate: rate.per_s)

    @property
    def library(self) -> Rate:
        """Its best turn."""
        return max(self.libraries, key=lambda rate: rate.per_s)

    @property
    def ratio(self) -> float:
        """Of values a second; 1.0: the gateway costs nothing."""
        return self.gateway.per_s / self.library.per_s

    @property
    def cpu_ratio(self) -> float:
        """Of values for a second of processor time, the best turn of each."""
        return max(rate.per_cpu_s for rate in self.gateways) / max(rate.per_cpu_s for rate in self.libraries)


class _Stopwatch:
    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._wall

    def rate(self, count: int) -> Rate:
        return Rate(count, self.seconds, time.process_time() - self._cpu)


def compare(seconds: float = 2.0, turns: int = 2, missing: dict[str, str] | None = None) -> list[Comparison]:
    """Each protocol's library and the gateway, ``turns`` times for ``seconds`` each, turn by turn; the best of each.

    A protocol that cannot be measured now is left out, with the reason in ``missing``.
    """
    found = []
    folder = Path(tempfile.mkdtemp(prefix="gongfu-bench-"))
    try:
        with Node(folder) as node:
            nats_server.write_users(node.settings.home, ["bench"])
            node.start_bus()
            node.start("gateway", node.settings.gateway_port)
            for protocol, library, config in CASES:
                with _server(protocol) as port:
                    bare, through = [], []
                    try:
                        for _ in range(turns):
                            bare.append(uvloop.run(library(port, seconds)))
                            through.append(uvloop.run(to_the_bus(node, config(port), seconds)))
                    except (TimeoutError, RuntimeError) as error:
                        if missing is None:
                            raise
                        missing[f"{protocol}_ratio_to_library"] = str(error)
                        continue
                found.append(Comparison(protocol, through, bare))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


async def to_the_bus(node: Node, device: DeviceConfig, seconds: float) -> Rate:
    """Values a second that the gateway of ``node`` brings to the bus's disk; its device is gone afterwards."""
    client = await bus.connect(node.settings, "bench", wait=False)
    came: list[tuple[float, float, int]] = []
    rows = 0

    async def take(message: Msg) -> None:
        nonlocal rows
        rows += len(readings.decode(message.data))
        came.append((time.perf_counter(), node.cpu_seconds()["gateway"], rows))

    try:
        js = await bus.ensure(node.settings, client)
        await js.purge_stream(bus.READINGS)
        subscription = await client.subscribe("readings.>", cb=take, pending_msgs_limit=-1, pending_bytes_limit=-1)
        bucket = await js.key_value(bus.DESIRED)
        key = desired_key(node.settings.node, device.device)
        await bucket.put(key, msgspec.json.encode(device))
        until = time.perf_counter() + 20
        while not came:
            if time.perf_counter() > until:
                raise TimeoutError(f"no reading of {device.driver} within 20 s")
            await asyncio.sleep(0.05)
        await asyncio.sleep(_WARM)
        first = len(came) - 1
        await asyncio.sleep(seconds)
        last = len(came) - 1
        await bucket.purge(key)
        await asyncio.sleep(1.0)
        stored = (await js.stream_info(bus.READINGS)).state.messages
        if stored != len(came):
            raise RuntimeError(f"{device.driver}: {len(came)} messages were sent and {stored} are stored")
        await subscription.unsubscribe()
    finally:
        await client.close()
    (t0, cpu0, rows0), (t1, cpu1, rows1) = came[first], came[last]
    return Rate(rows1 - rows0, t1 - t0, cpu1 - cpu0)


def _device(driver: str, address: Callable[[int], str], interval: float, **options: str | int | float) -> DeviceConfig:
    tags = [TagConfig(series=i, name=f"t{i}", address=address(i)) for i in range(TAGS)]
    return DeviceConfig(
        device=1, org=1, org_code="bench", name="bench", driver=driver, options=options, interval=interval, tags=tags
    )


def _modbus_device(port: int) -> DeviceConfig:
    return _device("modbus", lambda i: f"holding:{2 * i}:float32", WITHOUT_PAUSE, host="127.0.0.1", port=port)


def _modbus_rtu_device(port: int) -> DeviceConfig:
    there = {"transport": "rtu-over-tcp", "host": "127.0.0.1", "port": port}
    return _device("modbus", lambda i: f"holding:{2 * i}:float32", WITHOUT_PAUSE, **there)


def _s7_device(port: int) -> DeviceConfig:
    return _device("s7", lambda i: f"DB1.DBD{4 * i}:real", WITHOUT_PAUSE, host="127.0.0.1", port=port)


def _opcua_device(port: int) -> DeviceConfig:
    return _device("opcua", lambda i: f"ns=2;s=D.{i}", 0.1, endpoint=f"opc.tcp://127.0.0.1:{port}/")


def _bacnet_device(port: int) -> DeviceConfig:
    return _device("bacnet", lambda i: f"analog-input,{i}", WITHOUT_PAUSE, host="127.0.0.1", port=port)


def _melsec_device(port: int) -> DeviceConfig:
    return _device("melsec", lambda i: f"D{2 * i}:float32", WITHOUT_PAUSE, host="127.0.0.1", port=port)


def _ethernetip_device(port: int) -> DeviceConfig:
    return _device("ethernetip", lambda i: f"T{i}", WITHOUT_PAUSE, host="127.0.0.1", port=port)


async def _bare_bacnet(port: int, seconds: float) -> Rate:
    watch = _Stopwatch()
    return watch.rate(await bare_bacnet(port, TAGS, lambda: watch.seconds < seconds))


async def _bare_melsec(port: int, seconds: float) -> Rate:
    watch = _Stopwatch()
    return watch.rate(await bare_melsec(port, TAGS, lambda: watch.seconds < seconds))


async def _bare_ethernetip(port: int, seconds: float) -> Rate:
    watch = _Stopwatch()
    return watch.rate(await bare_logix(port, TAGS, lambda: watch.seconds < seconds))


async def _bare_modbus_rtu(port: int, seconds: float) -> Rate:
    return await _bare_modbus(port, seconds, FramerType.RTU)


async def _bare_modbus(port: int, seconds: float, framer: FramerType = FramerType.SOCKET) -> Rate:
    async with AsyncModbusTcpClient("127.0.0.1", port=port, framer=framer) as client:
        count, watch = 0, _Stopwatch()
        while watch.seconds < seconds:
            count += len((await client.read_holding_registers(0, count=2 * TAGS)).registers) // 2
        return watch.rate(count)


async def _bare_s7(port: int, seconds: float) -> Rate:
    client = AsyncClient()
    await client.connect("127.0.0.1", 0, 1, port)
    count, watch = 0, _Stopwatch()
    while watch.seconds < seconds:
        count += len(await client.read_area(Area.DB, 1, 0, 4 * TAGS)) // 4
    rate = watch.rate(count)
    await client.disconnect()
    return rate


async def _bare_opcua(port: int, seconds: float) -> Rate:
    class Handler:
        count = 0

        def datachange_notification(self, node: object, value: object, data: object) -> None:
            self.count += 1

    handler = Handler()
    async with Client(f"opc.tcp://127.0.0.1:{port}/") as client:
        subscription = await client.create_subscription(100, handler)
        nodes = [client.get_node(f"ns=2;s=D.{i}") for i in range(TAGS)]
        await subscription.subscribe_data_change(nodes, queuesize=1000)
        await asyncio.sleep(0.5)
        before, watch = handler.count, _Stopwatch()
        await asyncio.sleep(seconds)
        rate = watch.rate(handler.count - before)
        await subscription.delete()
        return rate


@contextmanager
def _server(protocol: str) -> Iterator[int]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(protocol, there))
    process.start()
    try:
        yield int(here.recv())
    finally:
        here.send("stop")
        process.join(10)


def _serve(protocol: str, control: Connection) -> None:
    logging.disable()
    uvloop.run(_serve_until_told(protocol, control))


async def _serve_until_told(protocol: str, control: Connection) -> None:
    stopped = asyncio.create_task(asyncio.to_thread(control.recv))
    match protocol:
        case "modbus" | "modbus_rtu":
            points = [ModbusPoint(f"t{i}", f"holding:{2 * i}:float32", i) for i in range(TAGS)]
            framing = Framing.RTU if protocol == "modbus_rtu" else None
            async with ModbusSimulator("127.0.0.1", 0, points, framing=framing) as plant:
                control.send(plant.port)
                await stopped
        case "s7":
            async with S7Simulator(
                "127.0.0.1", 0, [S7Point(f"t{i}", f"DB1.DBD{4 * i}:real") for i in range(TAGS)]
            ) as s:
                control.send(s.port)
                await stopped
        case "bacnet":
            async with bacnet_server(TAGS) as building:
                control.send(building.port)
                await stopped
        case "melsec":
            async with melsec_server(TAGS) as melsec_plant:
                control.send(melsec_plant.port)
                await stopped
        case "ethernetip":
            async with logix_server(TAGS) as logix_plant:
                control.send(logix_plant.port)
                await stopped
        case "opcua":
            async with OpcuaSimulator("127.0.0.1", 0, [OpcuaPoint("D", f"D.{i}") for i in range(TAGS)]) as server:
                control.send(server.port)
                number = 0
                while not stopped.done():
                    number += 1
                    for i in range(TAGS):
                        await server.write_raw(f"D.{i}", ua.DataValue(ua.Variant(float(number))))
                    await asyncio.sleep(0)


CASES: list[tuple[str, Callable[[int, float], Coroutine[None, None, Rate]], Callable[[int], DeviceConfig]]] = [
    ("modbus", _bare_modbus, _modbus_device),
    ("modbus_rtu", _bare_modbus_rtu, _modbus_rtu_device),
    ("s7", _bare_s7, _s7_device),
    ("opcua", _bare_opcua, _opcua_device),
    ("bacnet", _bare_bacnet, _bacnet_device),
    ("melsec", _bare_melsec, _melsec_device),
    ("ethernetip", _bare_ethernetip, _ethernetip_device),
]
"""Protocol, its bare library, and how the gateway is told to read the same."""


def main() -> None:
    """Print the rates as JSON."""
    logging.disable()
    seconds, *wanted = sys.argv[1:] or ["2"]
    CASES[:] = [case for case in CASES if case[0] in wanted or not wanted]
    found = compare(float(seconds))
    metrics = {f"{c.protocol}_per_s": round(c.gateway.per_s) for c in found}
    ratios = {f"{c.protocol}_{name}": round(value, 2) for c in found for name, value in _ratios(c)}
    baselines = {f"{c.protocol}_library_per_s": round(c.library.per_s) for c in found}
    print(json.dumps({"name": "drivers", "metrics": metrics | ratios, "baselines": baselines}, indent=1))


def _ratios(found: Comparison) -> list[tuple[str, float]]:
    return [("ratio", found.ratio), ("cpu_ratio", found.cpu_ratio)]


if __name__ == "__main__":
    main()

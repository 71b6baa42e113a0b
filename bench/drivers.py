"""How much of a protocol library's speed a driver keeps: both read the same numbers from the same server in one run.

    python bench/drivers.py [seconds]

Servers run in a process of their own. A gateway is good when every ratio is 0.9 or more. ``ratio`` compares values
a second, ``cpu_ratio`` the client's processor time for a value, which a busy machine disturbs less.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvloop
from asyncua import Client, ua
from drivers_bacnet import bacnet_server, bare_bacnet
from drivers_plc import bare_logix, bare_melsec, logix_server, melsec_server
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.framer import FramerType
from snap7 import AsyncClient
from snap7.type import Area
from snap7.util import get_real

from gongfu.network.drivers import bacnet, ethernetip, melsec, modbus, opcua, s7
from gongfu.network.drivers.bacnet import driver as _bacnet  # noqa: F401
from gongfu.network.drivers.contract import Sample, Sink
from gongfu.network.drivers.ethernetip import driver as _ethernetip  # noqa: F401
from gongfu.network.drivers.melsec import driver as _melsec  # noqa: F401
from gongfu.network.drivers.modbus import driver as _modbus  # noqa: F401 loads modbus.driver
from gongfu.network.drivers.modbus.simulator import ModbusSimulator
from gongfu.network.drivers.modbus.simulator import Point as ModbusPoint
from gongfu.network.drivers.modbus.wire import Framing
from gongfu.network.drivers.opcua import driver as _opcua  # noqa: F401
from gongfu.network.drivers.opcua.simulator import OpcuaSimulator
from gongfu.network.drivers.opcua.simulator import Point as OpcuaPoint
from gongfu.network.drivers.s7 import driver as _s7  # noqa: F401
from gongfu.network.drivers.s7.simulator import Point as S7Point
from gongfu.network.drivers.s7.simulator import S7Simulator
from gongfu.network.gateway.config import DeviceConfig, TagConfig

TAGS = 50
WITHOUT_PAUSE = 1e-6


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


@dataclass(frozen=True)
class Comparison:
    """A driver beside its bare library."""

    protocol: str
    driver: Rate
    library: Rate

    @property
    def ratio(self) -> float:
        """Of values a second; 1.0: the driver costs nothing."""
        return self.driver.per_s / self.library.per_s

    @property
    def cpu_ratio(self) -> float:
        """Of values for a second of processor time."""
        return (self.driver.count / self.driver.cpu) / (self.library.count / self.library.cpu)


class _Stopwatch:
    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._wall

    def rate(self, count: int) -> Rate:
        return Rate(count, self.seconds, time.process_time() - self._cpu)


class _Counter:
    """A sink that counts."""

    def __init__(self) -> None:
        self.count = 0

    def online(self) -> None:
        pass

    async def emit(self, samples: Sequence[Sample]) -> None:
        self.count += len(samples)

    async def emit_acknowledged(self, samples: Sequence[Sample]) -> None:
        self.count += len(samples)

    def malformed(self, detail: str) -> None:
        raise RuntimeError(detail)


def compare(seconds: float = 2.0) -> list[Comparison]:
    """Measure every driver for ``seconds`` and its library for as long."""
    found = []
    for protocol, library, run, config in (
        ("modbus", _bare_modbus, modbus.driver.run, _modbus_device),
        ("modbus_rtu", _bare_modbus_rtu, modbus.driver.run, _modbus_rtu_device),
        ("s7", _bare_s7, s7.driver.run, _s7_device),
        ("opcua", _bare_opcua, opcua.driver.run, _opcua_device),
        ("bacnet", _bare_bacnet, bacnet.driver.run, _bacnet_device),
        ("melsec", _bare_melsec, melsec.driver.run, _melsec_device),
        ("ethernetip", _bare_ethernetip, ethernetip.driver.run, _ethernetip_device),
    ):
        with _server(protocol) as port:
            bare = uvloop.run(library(port, seconds))
            through = uvloop.run(_driven(run, config(port), seconds))
        found.append(Comparison(protocol, through, bare))
    return found


async def _driven(run: Callable[[DeviceConfig, Sink], Awaitable[None]], device: DeviceConfig, seconds: float) -> Rate:
    counter = _Counter()
    task = asyncio.ensure_future(run(device, counter))
    await asyncio.sleep(0.5)
    before, watch = counter.count, _Stopwatch()
    await asyncio.sleep(seconds)
    rate = watch.rate(counter.count - before)
    task.cancel()
    await asyncio.wait([task])
    return rate


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
            registers = (await client.read_holding_registers(0, count=2 * TAGS)).registers
            values = client.convert_from_registers(list(registers), client.DATATYPE.FLOAT32)
            count += len(values) if isinstance(values, list) else 1
        return watch.rate(count)


async def _bare_s7(port: int, seconds: float) -> Rate:
    client = AsyncClient()
    await client.connect("127.0.0.1", 0, 1, port)
    count, watch = 0, _Stopwatch()
    while watch.seconds < seconds:
        data = await client.read_area(Area.DB, 1, 0, 4 * TAGS)
        count += len([get_real(data, 4 * i) for i in range(TAGS)])
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


def main() -> None:
    """Print the rates as JSON."""
    logging.disable()
    found = compare(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
    metrics = {f"{c.protocol}_per_s": round(c.driver.per_s) for c in found}
    ratios = {f"{c.protocol}_{name}": round(value, 2) for c in found for name, value in _ratios(c)}
    baselines = {f"{c.protocol}_library_per_s": round(c.library.per_s) for c in found}
    print(json.dumps({"name": "drivers", "metrics": metrics | ratios, "baselines": baselines}, indent=1))


def _ratios(found: Comparison) -> list[tuple[str, float]]:
    return [("ratio", found.ratio), ("cpu_ratio", found.cpu_ratio)]


if __name__ == "__main__":
    main()

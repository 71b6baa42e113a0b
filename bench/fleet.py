"""A thousand Modbus devices behind one real gateway process: missed cycles, memory, processor. See ``gateway.py``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from harness import Node
from nats.aio.msg import Msg

from gongfu.kernel import bus, nats_server, readings
from gongfu.network.gateway.config import DeviceConfig, TagConfig, desired_key

TAGS = 50
INTERVAL = 1.0
_LATE = 1.5 * INTERVAL
_SETTLE = 3.0
_ALL_THERE = 60.0
"""Seconds within which every device must have been read once."""


class Watched(msgspec.Struct):
    """``times``: source times of each device's readings, microseconds; processor seconds while they were taken."""

    times: dict[int, list[int]]
    seconds: float
    gateway_cpu: float
    bus_cpu: float
    plant_cpu: float
    memory_mb: float

    def missed(self, count: int) -> list[int]:
        """Cycles that each device missed."""
        return [_missed(self.times.get(device, []), self.seconds) for device in range(1, count + 1)]

    @property
    def readings_per_s(self) -> float:
        """Values that came over the bus."""
        return sum(map(len, self.times.values())) * TAGS / self.seconds


@contextlib.contextmanager
def plant(count: int) -> Iterator[tuple[list[int], subprocess.Popen[str]]]:
    """The ports of ``count`` simulated devices in one process."""
    program = str(Path(__file__).with_name("plant.py"))
    child = subprocess.Popen([sys.executable, program, str(count)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield json.loads(child.stdout.readline()), child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def watch(count: int, seconds: float) -> Watched:
    """Read ``count`` devices once a second through gateway and bus for ``seconds``."""
    folder = Path(tempfile.mkdtemp(prefix="gongfu-bench-"))
    try:
        with plant(count) as (ports, simulators), Node(folder) as node:
            nats_server.write_users(node.settings.home, ["bench"])
            node.start_bus()
            node.start("gateway", node.settings.gateway_port)
            return asyncio.run(_watched(node, ports, seconds, simulators.pid))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(count: int, seconds: float) -> dict[str, float]:
    """The metrics of ``gateway.py``."""
    found = watch(count, seconds)
    missed = found.missed(count)
    return {
        "fleet_missed_cycles": float(np.percentile(missed, 99)),
        "fleet_missed_in_all": float(sum(missed)),
        "fleet_readings_per_s": round(found.readings_per_s),
        "fleet_rss_mb": found.memory_mb,
        "fleet_gateway_cores": round(found.gateway_cpu / found.seconds, 3),
        "fleet_bus_cores": round(found.bus_cpu / found.seconds, 3),
        "fleet_simulators_cores": round(found.plant_cpu / found.seconds, 3),
    }


def _missed(times: list[int], seconds: float) -> int:
    """Cycles that a device missed, by the source times of its readings, microseconds."""
    if not times:
        return int(seconds / INTERVAL)
    gaps = np.diff(np.array(sorted(times))) / 1e6
    return int(sum(round(gap / INTERVAL) - 1 for gap in gaps if gap > _LATE))


async def _watched(node: Node, ports: list[int], seconds: float, simulators: int) -> Watched:
    client = await bus.connect(node.settings, "bench", wait=False)
    times: dict[int, list[int]] = defaultdict(list)
    there: set[int] = set()
    watching = False

    async def take(message: Msg) -> None:
        there.add(int(message.subject.rpartition(".")[2]))
        if watching:
            batch = readings.decode(message.data)
            times[batch.device] += np.unique(batch.times).tolist()

    try:
        js = await bus.ensure(node.settings, client)
        await client.subscribe("readings.>", cb=take, pending_msgs_limit=-1, pending_bytes_limit=-1)
        bucket = await js.key_value(bus.DESIRED)
        for number, port in enumerate(ports, 1):
            await bucket.put(desired_key(node.settings.node, number), msgspec.json.encode(device(number, port)))
        give_up = time.monotonic() + _ALL_THERE
        while len(there) < len(ports):
            if time.monotonic() > give_up:
                raise TimeoutError(f"only {len(there)} of {len(ports)} devices were read within {_ALL_THERE:.0f} s")
            await asyncio.sleep(0.2)
        await asyncio.sleep(_SETTLE)
        before, plant_before = node.cpu_seconds(), node.cpu_of(simulators)
        began = time.perf_counter()
        watching = True
        await asyncio.sleep(seconds)
        watching = False
        after = node.cpu_seconds()
        return Watched(
            times=times,
            seconds=time.perf_counter() - began,
            gateway_cpu=after["gateway"] - before["gateway"],
            bus_cpu=after["bus"] - before["bus"],
            plant_cpu=node.cpu_of(simulators) - plant_before,
            memory_mb=node.resident_mb()["gateway"],
        )
    finally:
        await client.close()


def device(number: int, port: int) -> DeviceConfig:
    """One of the plant's devices with all its numbers, each a tag."""
    tags = [TagConfig(series=number * TAGS + i, name=f"t{i}", address=f"holding:{2 * i}:float32") for i in range(TAGS)]
    options: dict[str, str | int | float | bool] = {"host": "127.0.0.1", "port": port}
    return DeviceConfig(
        device=number, org=1, org_code="bench", name=f"d{number}", driver="modbus", options=options,
        interval=INTERVAL, tags=tags,
    )  # fmt: skip

"""What the gateway keeps of its libraries' speed, and how it carries a thousand devices.

    gongfu bench gateway --json [--quick]

``<protocol>_ratio_to_library``: values a second of 50 tags that the driver reads as fast as it can, beside the bare
library reading the same tags from the same simulator in the same run (``drivers.py``). ``<protocol>_cpu_ratio``: the
same by processor time of the client, which a busy machine disturbs less.

``fleet_*``: a real gateway process and bus, and in one more process 1,000 simulated Modbus devices (200 with
``--quick``), each on a port of its own with 50 numbers, read once a second. A cycle is missed when the reading that
should have come within a second and a half of the one before it did not. ``fleet_missed_cycles`` is the 99th percentile
over the devices, ``fleet_missed_in_all`` their sum.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import drivers
import msgspec
import numpy as np
import uvloop
from harness import Node, Result, result
from nats.aio.msg import Msg

from gongfu.kernel import bus, nats_server, readings
from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig, desired_key

TAGS = 50
INTERVAL = 1.0
_LATE = 1.5 * INTERVAL
_SETTLE = 12.0


def run(quick: bool) -> Result:
    """Measure; about two minutes, with ``quick`` one."""
    started = time.perf_counter()
    metrics: dict[str, float] = {}
    baselines: dict[str, float] = {}
    for found in drivers.compare(1.0 if quick else 3.0):
        metrics[f"{found.protocol}_ratio_to_library"] = round(found.ratio, 3)
        metrics[f"{found.protocol}_cpu_ratio"] = round(found.cpu_ratio, 3)
        baselines[f"{found.protocol}_library_per_s"] = round(found.library.per_s)
    count, seconds = (200, 15.0) if quick else (1000, 40.0)
    metrics |= _fleet(count, seconds)
    baselines |= {"fleet_devices": count, "fleet_tags": count * TAGS, "fleet_seconds": seconds}
    missing = {"cpu_ratio_to_thingsboard_gateway": "thingsboard-gateway is not installed with the project"}
    return result("gateway", metrics, baselines, started, missing)


def _fleet(count: int, seconds: float) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(prefix="gongfu-bench-"))
    plant = subprocess.Popen([sys.executable, __file__, "--plant", str(count)], stdout=subprocess.PIPE, text=True)
    assert plant.stdout is not None
    try:
        ports = json.loads(plant.stdout.readline())
        with Node(folder) as node:
            nats_server.write_users(node.settings.home, ["bench"])
            node.start_bus()
            node.start("gateway", node.settings.gateway_port)
            times, cpu = asyncio.run(_watched(node, ports, seconds))
            memory = node.resident_mb()["gateway"]
    finally:
        plant.kill()
        plant.wait()
        plant.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)
    missed = [_missed(times.get(device, []), seconds) for device in range(1, count + 1)]
    return {
        "fleet_missed_cycles": float(np.percentile(missed, 99)),
        "fleet_missed_in_all": float(sum(missed)),
        "fleet_readings_per_s": round(sum(map(len, times.values())) * TAGS / seconds),
        "fleet_rss_mb": memory,
        "fleet_gateway_cores": round(cpu / seconds, 3),
    }


def _missed(times: list[int], seconds: float) -> int:
    """Cycles that a device missed, by the source times of its readings, microseconds."""
    if not times:
        return int(seconds / INTERVAL)
    gaps = np.diff(np.array(sorted(times))) / 1e6
    return int(sum(round(gap / INTERVAL) - 1 for gap in gaps if gap > _LATE))


async def _watched(node: Node, ports: list[int], seconds: float) -> tuple[dict[int, list[int]], float]:
    """Source times of each device's readings for ``seconds``, and the gateway's processor time meanwhile."""
    client = await bus.connect(node.settings, "bench", wait=False)
    times: dict[int, list[int]] = defaultdict(list)
    watching = False

    async def take(message: Msg) -> None:
        if watching:
            batch = readings.decode(message.data)
            times[batch.device] += np.unique(batch.times).tolist()

    try:
        js = await bus.ensure(node.settings, client)
        await client.subscribe("readings.>", cb=take, pending_msgs_limit=-1, pending_bytes_limit=-1)
        bucket = await js.key_value(bus.DESIRED)
        for number, port in enumerate(ports, 1):
            await bucket.put(desired_key(node.settings.node, number), msgspec.json.encode(_device(number, port)))
        await asyncio.sleep(_SETTLE)
        before = node.cpu_seconds()["gateway"]
        watching = True
        await asyncio.sleep(seconds)
        watching = False
        return times, node.cpu_seconds()["gateway"] - before
    finally:
        await client.close()


def _device(number: int, port: int) -> DeviceConfig:
    tags = [TagConfig(series=number * TAGS + i, name=f"t{i}", address=f"holding:{2 * i}:float32") for i in range(TAGS)]
    options: dict[str, str | int | float | bool] = {"host": "127.0.0.1", "port": port}
    return DeviceConfig(
        device=number, org=1, org_code="bench", name=f"d{number}", driver="modbus", options=options,
        interval=INTERVAL, tags=tags,
    )  # fmt: skip


async def _plant(count: int) -> None:
    plants = []
    for _ in range(count):
        points = [Point(f"t{i}", f"holding:{2 * i}:float32", i * 1.5) for i in range(TAGS)]
        plants.append(await ModbusSimulator("127.0.0.1", 0, points).__aenter__())
    print(json.dumps([plant.port for plant in plants]), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_plant(int(sys.argv[2])))

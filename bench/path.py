"""The whole path of a reading: driver call → gateway → bus → recorder → queryable in the store.

    gongfu bench path --json [--quick]

Real processes in a temporary home. ``batched_per_s``: an outside driver hands over 1,000 tags at a time, as block
reads and subscriptions do; the clock runs from its first call to the moment the store counts every row.
``batched_ratio_to_bare_insert``: the same number of rows put into a bare embedded store by one process that does
nothing else, in blocks as large as the recorder's. ``single_mqtt_per_s``: JSON messages of one reading each,
QoS 1, from eight MQTT connections. ``*_cpu_us`` say what one reading costs each process.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import msgspec
import numpy as np
from harness import Node, Result, result, until
from mqtt_load import publish_qos1

from gongfu.data.telemetry import native
from gongfu.data.telemetry.schema import READINGS, migrate
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.kernel import bus, nats_server
from gongfu.kernel.store import StoreClient
from gongfu.network.gateway.config import DeviceConfig, TagConfig, desired_key

TAGS = 1000
DEVICES = 4
ORG, CODE = 1, "bench"
CONNECTIONS = 8
BLOCK_ROWS = 400_000


def run(quick: bool) -> Result:
    """Measure; ``quick`` moves a third of the readings."""
    started = time.perf_counter()
    rounds = 500 if quick else 1500
    singles = 60_000 if quick else 200_000
    readings = DEVICES * TAGS * rounds
    folder = Path(tempfile.mkdtemp(prefix="gongfu-bench-"))
    try:
        outside = _install(folder / "site")
        with Node(folder / "home", PYTHONPATH=outside) as node:
            nats_server.write_users(node.settings.home, [CODE])
            node.start_bus()
            node.start("recorder", node.settings.store_port)
            node.start("gateway", node.settings.gateway_port)
            store = StoreClient(node.settings)
            idle = node.resident_mb()
            before = node.cpu_seconds()
            batched = _batched(node, store, rounds)
            costs = {
                f"{name}_cpu_us": round((spent - before[name]) / readings * 1e6, 3)
                for name, spent in node.cpu_seconds().items()
            }
            single = _single(node, store, singles)
            resident = node.resident_mb()
            store.close()
        bare = _child("bare", folder / "bare", readings)["per_s"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    metrics = {
        "batched_per_s": round(readings / batched),
        "batched_ratio_to_bare_insert": round(readings / batched / bare, 3),
        "single_mqtt_per_s": round(singles / single),
        "recorder_idle_mb": idle["recorder"],
        "recorder_busy_mb": resident["recorder"],
        "gateway_busy_mb": resident["gateway"],
        **costs,
    }
    return result("path", metrics, {"bare_insert_per_s": round(bare)}, started)


def _batched(node: Node, store: StoreClient, rounds: int) -> float:
    """Seconds from the first driver call until the store counts every reading."""
    start = time.time() + 2.0
    devices = [
        DeviceConfig(
            device=number,
            org=ORG,
            org_code=CODE,
            name=f"load-{number}",
            driver="bench-load",
            options={"rounds": rounds, "start": start},
            tags=[TagConfig(series=number * 10_000 + n, name=f"t{n}", address="") for n in range(TAGS)],
        )
        for number in range(1, DEVICES + 1)
    ]
    asyncio.run(_desire(node, devices))
    return _stored(store, "series < 100000", DEVICES * TAGS * rounds) - start


def _single(node: Node, store: StoreClient, messages: int) -> float:
    """Seconds from the first PUBLISH until the store counts every message's reading."""
    devices = [
        DeviceConfig(
            device=100 + number,
            org=ORG,
            org_code=CODE,
            name=f"mqtt-{number}",
            driver="mqtt",
            options={"topic": f"gongfu/{CODE}/mqtt-{number}", "time": "/t", "time_unit": "us"},
            tags=[TagConfig(series=200_000 + number, name="v", address="/v")],
        )
        for number in range(CONNECTIONS)
    ]
    asyncio.run(_desire(node, devices))
    until(lambda: _loaded(node, DEVICES + CONNECTIONS), "configuring devices")
    password = nats_server.mqtt_password(node.settings.home, CODE)
    sent = _child("publish", messages, node.settings.mqtt_port, secret=password)
    if sent["acked"] < messages:
        raise RuntimeError(f"only {sent['acked']:.0f} of {messages} messages were acknowledged")
    return _stored(store, "series >= 200000", messages) - sent["began"]


async def _desire(node: Node, devices: list[DeviceConfig]) -> None:
    client = await bus.connect(node.settings, "bench")
    bucket = await (await bus.ensure(node.settings, client)).key_value(bus.DESIRED)
    for device in devices:
        await bucket.put(desired_key(node.settings.node, device.device), msgspec.json.encode(device))
    await client.close()


def _stored(store: StoreClient, condition: str, wanted: int) -> float:
    """When the store counts ``wanted`` rows. It is asked rarely: questions cost the recorder's time."""
    found = 0
    pause = 1.0
    while found < wanted:
        time.sleep(pause)
        before, found = found, int(store.command(f"SELECT count() FROM readings WHERE {condition}"))
        rate = (found - before) / pause
        pause = min(1.0, max(0.05, 0.5 * (wanted - found) / rate)) if rate else 0.5
    if found > wanted:
        raise RuntimeError(f"{found} rows instead of {wanted}")
    return time.time()


def _loaded(node: Node, devices: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{node.settings.gateway_port}/readyz", timeout=5) as answer:
        return f"{devices} devices" in answer.read().decode()


def _install(site: Path) -> str:
    """The load driver as an installed package of somebody else; returns the folder for PYTHONPATH."""
    shutil.copytree(Path(__file__).parent / "load_driver", site / "gongfu_bench_load")
    about = site / "gongfu_bench_load-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: gongfu-bench-load\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[gongfu.drivers]\nbench-load = gongfu_bench_load\n", encoding="utf-8")
    return str(site)


def _child(*words: object, secret: str = "") -> dict[str, float]:
    """Run a part of this file in a process of its own; ``secret`` goes through its standard input."""
    command = [sys.executable, __file__, *map(str, words)]
    answer = subprocess.run(command, input=secret.encode(), stdout=subprocess.PIPE, check=True, timeout=120).stdout
    return msgspec.json.decode(answer, type=dict[str, float])


def _publish(messages: int, port: int, password: str) -> dict[str, float]:
    load = publish_qos1(
        messages, CONNECTIONS, port=port, user=CODE, password=password, topic=f"gongfu/{CODE}/mqtt-{{connection}}"
    )
    return {"acked": load.acked, "began": time.time() - load.seconds}


def _bare(folder: Path, rows: int) -> dict[str, float]:
    """Rows a second of nothing but inserts."""
    engine = EmbeddedEngine(folder)
    migrate(engine)
    series = np.concatenate([np.arange(TAGS, dtype=np.uint32) + device * 10_000 for device in range(1, DEVICES + 1)])
    noise = np.random.default_rng(1)
    spent = 0.0
    done = 0
    while done < rows:
        size = min(BLOCK_ROWS, rows - done)
        times = 1_790_000_000_000_000 + np.arange(done, done + size, dtype=np.int64) // len(series) * 1000
        columns = [
            np.full(size, ORG, np.uint32),
            np.resize(series, size),
            times,
            np.round(noise.normal(50, 5, size), 2),
            np.zeros(size, np.uint8),
            (times // 1_000_000).astype(np.uint32),
        ]
        named = [(column.name, column.type, data) for column, data in zip(READINGS.columns, columns, strict=True)]
        began = time.perf_counter()
        engine.insert(READINGS, native.block(named))
        spent += time.perf_counter() - began
        done += size
    engine.close()
    return {"per_s": rows / spent}


if __name__ == "__main__":
    part, *given = sys.argv[1:]
    if part == "bare":
        print(json.dumps(_bare(Path(given[0]), int(given[1]))))
    else:
        print(json.dumps(_publish(int(given[0]), int(given[1]), sys.stdin.read())))

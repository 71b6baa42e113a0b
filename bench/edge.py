"""``gongfu bench edge``: how fast an edge catches up after a cut, and whether anything is lost or doubled.

A node (bus and recorder), an edge (bus and forwarder) and a cable between them, on this machine. First the cable is
cut while a backlog is recorded, mended, and the time is taken until the node's bus has confirmed all of it. Then the
cable is cut again and again while readings are produced, and now and then the forwarder or the edge's bus is killed.
At the end every reading is counted where the node's bus hands it on, and again in the node's store.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import nats.errors
import numpy as np
from harness import Node, Result, free_ports, result
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from gongfu.kernel import bus, nats_server, readings
from gongfu.kernel.nats_server import EdgeUser
from gongfu.kernel.settings import Settings, load
from gongfu.kernel.store import StoreClient
from gongfu.network.edge import credentials, local, server
from gongfu.network.edge.admitting import admit
from gongfu.network.edge.contract import JoinAnswer, Leaf

EDGE, ORG, DEVICES, TAGS = "bench-edge", 1, 40, 50
BACKLOG = 3_000_000
CUTS = 100
QUICK_BACKLOG, QUICK_CUTS = 500_000, 10
APART = 0.4
"""Seconds between a mended cable and the next cut."""


class Cable:
    """A TCP forwarder that can be cut."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        (self.port,) = free_ports(1)

    async def mend(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)

    def cut(self) -> None:
        """End every connection in the middle of what it says."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there: asyncio.StreamWriter | None = None
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            other, there = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers.add(there)
            await asyncio.gather(_pump(reader, there), _pump(other, writer), return_exceptions=True)
        for one in (writer, there):
            if one is not None:
                self._writers.discard(one)
                one.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(262_144):
        writer.write(data)
        await writer.drain()
    writer.transport.abort()


class Edge:
    """The edge's bus and forwarder."""

    def __init__(self, home: Path, node: Settings, port: int) -> None:
        names = ("BUS_PORT", "BUS_MONITOR_PORT", "MQTT_PORT", "EDGE_FORWARD_PORT", "SUPERVISOR_PORT")
        ports = {f"GONGFU_{name}": str(number) for name, number in zip(names, free_ports(len(names)), strict=True)}
        own = {"GONGFU_HOME": str(home), "GONGFU_NODE": EDGE, "GONGFU_LOG_LEVEL": "error", **ports}
        self.settings = load(own)
        self._environment = os.environ | own
        answer = JoinAnswer(
            edge=EDGE,
            name=EDGE,
            node="node",
            org=ORG,
            org_code="bench",
            leaf=Leaf(
                url=f"nats://127.0.0.1:{port}",
                user=nats_server.edge_user(EDGE),
                password=nats_server.edge_password(node.home, EDGE),
            ),
            tickets="x" * 64,
        )
        credentials.save(home, credentials.Membership("http://127.0.0.1:9", answer))
        self._config = server.prepare(self.settings, answer)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start ``bus`` or ``forwarder``."""
        commands = {
            "bus": [str(nats_server.find(self.settings)), "-c", self._config],
            "forwarder": [sys.executable, "-m", "gongfu.cli", "edge-forward"],
        }
        quiet = subprocess.DEVNULL
        self._children[name] = subprocess.Popen(commands[name], env=self._environment, stdout=quiet, stderr=quiet)

    def kill(self, name: str) -> None:
        """``kill -9``."""
        if name in self._children:
            child = self._children.pop(name)
            child.kill()
            child.wait()


class Count:
    """Every row that the node's bus hands on, by series and source time."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._keys: list[np.ndarray] = []
        self.rows = 0
        self.messages = 0

    async def begin(self) -> None:
        """From now on."""
        config = ConsumerConfig(
            durable_name="bench", ack_policy=AckPolicy.ALL, deliver_policy=DeliverPolicy.ALL, max_ack_pending=500_000
        )
        await self._js.add_consumer(bus.READINGS, config)
        self._subscription = await self._js.pull_subscribe_bind("bench", bus.READINGS)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                messages = await self._subscription.fetch(500, timeout=1)
            except (TimeoutError, nats.errors.Error):
                continue
            for message in messages:
                got = readings.decode(message.data)
                self._keys.append((got.times << 12) | got.series.astype(np.int64))
                self.rows += len(got)
                self.messages += 1
            if messages:  # a cut may end the wait with none
                await messages[-1].ack()

    def different(self) -> int:
        """How many different rows."""
        if self._keys:
            self._keys = [np.concatenate(self._keys)]
            return len(np.unique(self._keys[0]))
        return 0


class Producer:
    """Publishes as the edge's gateway does: again under the same id until it is acknowledged."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._number = 0
        self.rows = 0

    async def produce(self, messages: int) -> None:
        """So many messages of one second of one device."""
        for start in range(0, messages, 200):
            count = min(200, messages - start)
            await asyncio.gather(*(self._one(self._number + one) for one in range(count)))
            self._number += count

    async def _one(self, number: int) -> None:
        device = number % DEVICES + 1
        series = np.arange(TAGS, dtype=np.uint32) + (device - 1) * TAGS
        batch = readings.Readings(
            org=ORG,
            device=device,
            arrived=time.time_ns() // 1000,
            series=series,
            times=np.full(TAGS, 1_700_000_000_000_000 + (number // DEVICES) * 1_000, np.int64),
            values=np.full(TAGS, float(number % 1000)),
            qualities=np.zeros(TAGS, np.uint8),
            texts=[],
        )
        payload, headers = readings.encode(batch), {"Nats-Msg-Id": f"bench-{number}"}
        while True:
            try:
                await self._js.publish(bus.readings_subject(ORG, device), payload, timeout=5, headers=headers)
            except (nats.errors.Error, OSError, TimeoutError):
                await asyncio.sleep(0.05)
            else:
                self.rows += TAGS
                return


async def _until(holds: Callable[[], object], what: str, seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while True:
        found = holds()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        if time.monotonic() > give_up:
            raise TimeoutError(f"{what} took more than {seconds:.0f} s")
        await asyncio.sleep(0.02)


async def _measure(node: Node, edge: Edge, cable: Cable, backlog: int, cuts: int) -> dict[str, float]:
    client = await bus.connect(node.settings, "bench-node")
    js = await bus.ensure(node.settings, client)
    await admit(js, EDGE)
    await cable.mend()
    edge.start("bus")
    await local.prepare(edge.settings)
    here = await bus.connect(edge.settings, "bench-edge")
    js_here = here.jetstream(timeout=10)
    count = Count(js)
    await count.begin()
    counting = asyncio.create_task(count.run())
    producer = Producer(js_here)

    async def empty() -> bool:
        with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
            return (await js_here.stream_info(bus.READINGS)).state.messages == 0
        return False

    edge.start("forwarder")
    await producer.produce(DEVICES)
    await _until(empty, "the first readings", 60)
    cable.cut()
    await asyncio.sleep(0.5)
    await producer.produce(backlog // TAGS)
    before = count.rows
    await cable.mend()
    mended = time.perf_counter()
    await _until(lambda: count.rows > before, "the first reading after the cut", 60)
    first = time.perf_counter()
    at_first = count.rows
    await _until(empty, "catching up", 600)
    await _until(lambda: count.rows >= producer.rows, "counting", 60)
    took = time.perf_counter() - first
    metrics = {
        "catch_up_per_s": (producer.rows - at_first) / took,
        "seconds_to_first": first - mended,
        "backlog_readings": float(backlog // TAGS * TAGS),
        "messages_to_node": float(count.messages),
    }
    producing = asyncio.create_task(_keep_producing(producer))
    for number in range(1, cuts + 1):
        await asyncio.sleep(APART)
        cable.cut()
        if number % 5 == 0:
            edge.kill("forwarder")
        if number % 7 == 0:
            edge.kill("bus")
            edge.start("bus")
        await asyncio.sleep(0.1)
        await cable.mend()
        if number % 5 == 0:
            edge.start("forwarder")
    producing.cancel()
    await asyncio.wait([producing])
    await _until(empty, "catching up after the last cut", 300)
    with contextlib.suppress(TimeoutError):
        await _until(lambda: count.rows >= producer.rows, "counting", 30)
    counting.cancel()
    metrics |= {
        "cuts": float(cuts),
        "produced": float(producer.rows),
        "lost": float(producer.rows - count.different()),
        "doubled": float(count.rows - count.different()),
    }
    # The second consumer would keep the bus from forgetting what the recorder has.
    await js.delete_consumer(bus.READINGS, "bench")
    await client.close()
    await here.close()
    return metrics


async def _keep_producing(producer: Producer) -> None:
    while True:
        await asyncio.shield(asyncio.ensure_future(producer.produce(DEVICES)))
        await asyncio.sleep(0.02)


def _stored(node: Node, rows: float) -> tuple[float, float]:
    """Rows of the store that are missing, and rows of one key that are there twice."""
    store = StoreClient(node.settings)
    give_up = time.monotonic() + 60
    while True:
        different = int(store.command("SELECT uniqExact(series, ts) FROM readings"))
        if different >= rows or time.monotonic() > give_up:
            break
        time.sleep(0.5)
    shown = int(store.command("SELECT count() FROM readings FINAL"))
    store.close()
    return rows - different, float(shown - different)


def run(quick: bool) -> Result:
    """Measure."""
    started = time.perf_counter()
    backlog, cuts = (QUICK_BACKLOG, QUICK_CUTS) if quick else (BACKLOG, CUTS)
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-edge-") as folder:
        (leaf,) = free_ports(1)
        with Node(Path(folder, "node")) as node:
            node.settings = msgspec.structs.replace(node.settings, leaf_port=leaf)
            nats_server.write_edges(node.settings.home, [EdgeUser(EDGE, ORG)])
            node.start_bus()
            node.start("recorder", node.settings.store_port)
            cable = Cable(leaf)
            edge = Edge(Path(folder, "edge"), node.settings, cable.port)
            try:
                metrics = asyncio.run(_measure(node, edge, cable, backlog, cuts))
                metrics["lost_in_store"], metrics["doubled_in_store"] = _stored(node, metrics["produced"])
            finally:
                edge.kill("forwarder")
                edge.kill("bus")
                cable.cut()
    return result("edge", metrics, {"catch_up_per_s": 100_000.0, "lost": 0.0, "doubled": 0.0}, started)

"""A node's bus and an edge's bus with a cable between them that can be pulled out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import nats.errors
import nats.js.errors
import numpy as np

from gongfu.kernel import bus, nats_server, readings
from gongfu.kernel.nats_server import EdgeUser
from gongfu.kernel.settings import Settings
from gongfu.network.edge import credentials, local, server
from gongfu.network.edge.admitting import admit
from gongfu.network.edge.contract import EdgeState, JoinAnswer, Leaf, state_key, ticket_key
from gongfu.network.edge.credentials import Membership
from gongfu.network.gateway import tickets
from tests.network.nats import free_ports, node_settings

EDGE = "press-hall"
ORG = 1


class Cable:
    """A TCP forwarder that can be cut and mended."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = free_ports(1)[0]

    async def mend(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """End every connection and take no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(there)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(_pump(reader, there), _pump(there_reader, writer), return_exceptions=True)
        for one in (writer, there):
            self._writers.discard(one)
            one.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


class Server:
    """A nats-server of a configuration file."""

    def __init__(self, settings: Settings, config: str, folder: Path) -> None:
        self._settings = settings
        self._config = config
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "nats.log").open("ab") as log:
            program = nats_server.find(self._settings)
            self._process = subprocess.Popen([program, "-c", self._config], stdout=log, stderr=log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Daemon:
    """A process of the edge, to be killed."""

    def __init__(self, module: str, settings: Settings) -> None:
        self._module = module
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {"PATH": os.environ["PATH"], "GONGFU_HOME": str(self._settings.home)}
        for name in self._settings.__struct_fields__:
            if name.endswith("_port") or name in ("node", "retention_bus_bytes"):
                environment[f"GONGFU_{name.upper()}"] = str(getattr(self._settings, name))
        code = f"from gongfu.kernel.settings import settings\nfrom {self._module} import main\nmain(settings())"
        with (self._settings.home / "daemon.log").open("ab") as log:
            self._process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=log, stderr=log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Rig:
    """Both buses, the cable, and the node's end of it."""

    def __init__(self, folder: Path, *, bytes_kept: int = 200_000_000) -> None:
        (folder / "node").mkdir()
        (folder / "edge").mkdir()
        self.node = msgspec.structs.replace(node_settings(folder / "node"), leaf_port=free_ports(1)[0])
        forward, page = free_ports(2)
        self.edge = msgspec.structs.replace(
            node_settings(folder / "edge"),
            node=EDGE,
            edge_forward_port=forward,
            edge_port=page,
            retention_bus_bytes=bytes_kept,
        )
        nats_server.write_edges(self.node.home, [EdgeUser(EDGE, ORG), EdgeUser("other", 2)])
        nats_server.write_users(self.node.home, ["acme"])
        self.cable = Cable(self.node.leaf_port)
        self.node_bus = Server(self.node, str(nats_server.prepare(self.node)), folder / "node")
        self.key = ticket_key(tickets.key(self.node.home), EDGE)
        self.answer = self.join_answer(EDGE, ORG)
        credentials.save(self.edge.home, Membership("http://127.0.0.1:1", self.answer))
        self.edge_bus = Server(self.edge, server.prepare(self.edge, self.answer), folder / "edge")
        self.forwarder = Daemon("gongfu.network.edge.forwarding", self.edge)

    def join_answer(self, code: str, org: int) -> JoinAnswer:
        return JoinAnswer(
            edge=code,
            name=code,
            node="hub",
            org=org,
            org_code="acme",
            leaf=Leaf(
                url=f"nats://127.0.0.1:{self.cable.port}",
                user=nats_server.edge_user(code),
                password=nats_server.edge_password(self.node.home, code),
            ),
            tickets=ticket_key(tickets.key(self.node.home), code),
        )

    async def open(self) -> None:
        """Start both buses and connect to them."""
        self.node_bus.start()
        self.edge_bus.start()
        await self.cable.mend()
        self.client = await bus.connect(self.node, "test-node")
        self.js = await bus.ensure(self.node, self.client)
        await admit(self.js, EDGE)
        await local.prepare(self.edge)
        self.edge_client = await bus.connect(self.edge, "test-edge")
        self.edge_js = self.edge_client.jetstream(timeout=5)

    async def close(self) -> None:
        self.forwarder.kill()
        for client in (self.client, self.edge_client):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.close(), 2)
        await self.cable.cut()
        self.edge_bus.kill()
        self.node_bus.kill()

    async def state(self) -> EdgeState | None:
        """What the node last heard."""
        with contextlib.suppress(Exception):
            entry = await (await self.js.key_value(bus.EDGES)).get(state_key(EDGE))
            return msgspec.json.decode(entry.value or b"", type=EdgeState)
        return None

    async def local_state(self) -> EdgeState | None:
        """What the edge says of itself, at the edge."""
        with contextlib.suppress(Exception):
            entry = await (await self.edge_js.key_value(bus.EDGES)).get(state_key(EDGE))
            return msgspec.json.decode(entry.value or b"", type=EdgeState)
        return None

    async def joined(self) -> bool:
        """Whether the edge knows that it has its node."""
        state = await self.local_state()
        return state is not None and state.connected

    async def alone(self) -> bool:
        """Whether the edge knows that it is cut off."""
        state = await self.local_state()
        return state is not None and not state.connected

    async def produce(self, first: int, count: int, *, rows: int = 10, device: int = 5, org: int = ORG) -> None:
        """Messages ``first`` … on the edge's own stream, as its gateway publishes them; row times number them."""
        for number in range(first, first + count):
            payload = readings.encode(batch(number, rows, device, org))
            while True:  # as the gateway's outlet does
                try:
                    subject, headers = bus.readings_subject(org, device), {"Nats-Msg-Id": f"test-{number}"}
                    await self.edge_js.publish(subject, payload, timeout=2, headers=headers)
                    break
                except nats.js.errors.APIError:
                    raise
                except nats.errors.Error:
                    await asyncio.sleep(0.05)


def batch(number: int, rows: int, device: int = 5, org: int = ORG, at: int | None = None) -> readings.Readings:
    """One message whose times are unique among all numbers."""
    now = time.time_ns() // 1000 if at is None else at
    return readings.Readings(
        org=org,
        device=device,
        arrived=now,
        series=np.full(rows, device, np.uint32),
        times=np.arange(number * rows, (number + 1) * rows, dtype=np.int64) + 1_600_000_000_000_000,
        values=np.full(rows, float(number)),
        qualities=np.zeros(rows, np.uint8),
        texts=[],
    )


async def until(holds: object, within: float = 30.0) -> None:
    """Wait for a condition, sync or async."""
    assert callable(holds)
    give_up = time.monotonic() + within
    while True:
        found = holds()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < give_up, "did not come about"
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def rigged(folder: Path, **options: int) -> AsyncIterator[Rig]:
    """A rig that runs."""
    rig = Rig(folder, **options)
    try:
        await rig.open()
        yield rig
    finally:
        await rig.close()

"""A real ``gongfu edge`` beside a real bus: joined by one command, given a machine, read, written to, ruled."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import Client

from gongfu.kernel import nats_server
from gongfu.kernel.settings import settings
from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from gongfu.network.edge.contract import EdgeOrder, Logs, OrderAnswer, orders_subject
from gongfu.network.gateway import asking, tickets
from gongfu.network.gateway.asking import Seen, Write, Written
from gongfu.platform.devices import applying, gateways, sync
from gongfu.platform.devices.document import DeviceDocument, TagDocument
from gongfu.platform.devices.models import Device
from gongfu.platform.edges import joining, linking, ruling
from gongfu.platform.edges.models import Edge, EdgeRule
from tests.network.nats import free_ports, node_settings, plane
from tests.platform.devices.plants import enterprise, person
from tests.platform.edges.machines import edge_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400), pytest.mark.node]
PORTS = ("bus", "bus_monitor", "mqtt", "gateway", "supervisor", "edge", "edge_forward")


async def records(work: Callable[[], Any]) -> Any:
    def body() -> Any:
        try:
            return work()
        finally:
            connection.close()

    return await sync_to_async(body, thread_sensitive=False)()


async def until(holds: Callable[[], Any], within: float = 120.0) -> Any:
    """Wait for a condition over the records."""
    async with asyncio.timeout(within):
        while not (found := await records(holds)):
            await asyncio.sleep(0.3)
    return found


def test_an_edge_joins_reads_writes_and_obeys_rules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, live_server: Any
) -> None:
    (home := tmp_path / "node").mkdir()
    (box := tmp_path / "edge").mkdir()
    leaf, *others = free_ports(1 + len(PORTS))
    node = msgspec.structs.replace(node_settings(home), leaf_port=leaf)
    for module in ("joining", "assigning", "ordering", "services", "joining_pages", "api"):
        monkeypatch.setattr(f"gongfu.platform.edges.{module}.settings", lambda: node)
    plant = enterprise("hengrui", "恒锐")
    li = person("li", plant)
    edge = edge_of(plant)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GONGFU_", "DJANGO_"))}
    ports = {f"GONGFU_{name.upper()}_PORT": str(port) for name, port in zip(PORTS, others, strict=True)}
    environment = {**inherited, **ports, "GONGFU_HOME": str(box), "GONGFU_LANGUAGE": "en"}
    Client().get("/sign-in/")  # the first request reads every page: it would keep the machine waiting
    _, token = joining.invite(li, edge)
    joined = subprocess.run(
        [sys.executable, "-m", "gongfu.cli", "edge", "join", live_server.url, "--token", token],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert joined.returncode == 0, joined.stderr
    program = [nats_server.find(node), "-c", nats_server.prepare(node)]
    server = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with (box / "edge.out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gongfu.cli", "edge"], env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        asyncio.run(_scene(node, li, plant, edge))
    except BaseException:
        sys.stderr.write((box / "edge.out").read_text("utf-8", "replace")[-6000:])
        raise
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        server.kill()
        server.wait()


async def _scene(node: Any, li: Any, plant: Any, edge: Edge) -> None:
    async with (
        ModbusSimulator(
            "127.0.0.1", 0, [Point("speed", "holding:0:uint16", 800), Point("flow", "holding:1:uint16", 95)]
        ) as machine,
        plane(node) as world,
    ):
        stopping = asyncio.Event()
        works = [
            asyncio.create_task(linking.run(world.client, stopping, asyncio.Event())),
            asyncio.create_task(sync.run(world.js, stopping, asyncio.Event())),
        ]
        try:
            await until(lambda: Edge.objects.get().state == Edge.State.ONLINE)
            press = await records(partial(_give_press, li, plant, machine.port))
            await until(lambda: Device.objects.get().connection == Device.Connection.ONLINE)
            flow, speed = press
            assert {value for series, _, value, _ in await world.rows(3, within=60) if series == flow} == {95.0}

            tag = await records(lambda: Device.objects.get().tags.get(key="speed"))
            config = asking.TagConfig(series=speed, name="speed", address=tag.address)
            key = await records(lambda: gateways.signing("hall-1"))
            for signing, taken in ((tickets.key(settings().home), False), (key, True)):
                ticket = tickets.issue(signing, tag.device_id, tag.address, 650.0)
                write = Write(device=tag.device_id, tag=config, value=650.0, ticket=ticket)
                assert isinstance(await asking.ask(world.client, "hall-1", write), Written) is taken
            assert machine.value("speed") == 650
            seen = await asking.ask(world.client, "hall-1", asking.Read(device=tag.device_id))
            assert isinstance(seen, Seen)

            await records(partial(_rule, li, edge, flow))
            await until(lambda: (now := Edge.objects.get()).rules_seen == now.rules_version and now.rules_fired >= 1)

            order: EdgeOrder = Logs(process="gateway")
            answer = await world.client.request(orders_subject("hall-1"), msgspec.json.encode(order), timeout=20)
            assert msgspec.json.decode(answer.data, type=OrderAnswer).text
        finally:
            stopping.set()
            await asyncio.wait_for(asyncio.gather(*works), 60)


def _give_press(li: Any, plant: Any, port: int) -> tuple[int, int]:
    document = DeviceDocument(
        key="PRESS-1",
        name="压机",
        type="centrifugal-pump",
        driver="modbus",
        options={"host": "127.0.0.1", "port": port},
        interval=0.5,
        gateway="hall-1",
        tags=[
            TagDocument(key="speed", name="转速", address="holding:0:uint16"),
            TagDocument(key="flow", name="流量", address="holding:1:uint16"),
        ],
    )
    device = applying.put(li, plant, document).device
    assert device is not None
    return device.tags.get(key="flow").pk, device.tags.get(key="speed").pk


def _rule(li: Any, edge: Edge, flow: int) -> None:
    rule = EdgeRule(edge=Edge.objects.get(pk=edge.pk), name="流量过高", tag_id=flow, limit=90.0, seconds=1.0)
    ruling.save(rule, li, True)

"""The worker's link between the records of edge nodes and a real bus."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from gongfu.kernel import bus, nats_server
from gongfu.network.edge import contract
from gongfu.network.edge.contract import EdgeRules
from gongfu.platform.edges import assigning, linking, ruling
from gongfu.platform.edges.models import Edge, EdgeRule
from tests.network.nats import running_bus
from tests.platform.devices.plants import enterprise, person
from tests.platform.edges.machines import edge_of, joined, press_on, report, with_a_leaf_port

pytestmark = pytest.mark.django_db(transaction=True)


def test_reports_come_in_and_signed_rules_go_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_a_leaf_port(monkeypatch, tmp_path)
    monkeypatch.setattr(linking, "_LOOK_SECONDS", 0.2)
    plant = enterprise("hengrui", "恒锐")
    li = person("li", plant)
    edge = edge_of(plant)
    joined(li, edge)
    press = press_on(li, plant, "hall-1")
    rule = EdgeRule(edge=edge, name="限流", tag=press.tags.get(key="flow"), limit=80.0)
    ruling.save(rule, li, True)
    key = assigning.ticket_key(edge)

    async def scene() -> EdgeRules:
        with running_bus(tmp_path) as server:
            client = await bus.connect(server.settings, "test")
            js = await bus.ensure(server.settings, client)
            states = await js.key_value(bus.EDGES)
            await states.put("gone.state", b"{}")
            stopping = asyncio.Event()
            task = asyncio.create_task(linking.run(client, stopping, asyncio.Event()))
            try:
                give_up = time.monotonic() + 30
                while not await sync_to_async(_is_online, thread_sensitive=False)():
                    await states.put("hall-1.state", msgspec.json.encode(report()))
                    await states.put("hall-2.state", msgspec.json.encode(report(version="forged")))
                    await states.put("x.state", b"nonsense")
                    assert time.monotonic() < give_up
                    await asyncio.sleep(0.2)
                info = await js.consumer_info(f"KV_{bus.DESIRED}", nats_server.edge_consumer("hall-1"))
                assert info.config.filter_subject == "$KV.desired.hall-1.*"
                desired = await js.key_value(bus.DESIRED)
                entry = await desired.get(contract.rules_key("hall-1"))
                while "gone.state" in await states.keys():
                    assert time.monotonic() < give_up
                    await asyncio.sleep(0.1)
                return msgspec.json.decode(entry.value or b"", type=EdgeRules)
            finally:
                stopping.set()
                await asyncio.wait_for(task, 20)
                await client.close()

    made = asyncio.run(scene())
    assert contract.genuine(made, key)
    assert [one.name for one in made.rules] == ["限流"]
    edge.refresh_from_db()
    assert edge.version == "0.1.0"


def _is_online() -> bool:
    try:
        return Edge.objects.filter(state=Edge.State.ONLINE).exists()
    finally:
        connection.close()


def test_a_bus_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping, tries = asyncio.Event(), 0

    async def fail() -> None:
        nonlocal tries
        tries += 1
        if tries == 2:
            stopping.set()
        raise OSError("away")

    monkeypatch.setattr(linking, "_LOOK_SECONDS", 0.01)
    asyncio.run(linking._forever(stopping, fail))
    assert tries == 2

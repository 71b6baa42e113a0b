"""Local rules and the status page of an edge that is cut off from its node."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import httpx
import msgspec
import pytest

from gongfu.kernel import bus, ops
from gongfu.kernel.errors import Invalid
from gongfu.kernel.events import EventKind
from gongfu.kernel.events import decoder as event_decoder
from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from gongfu.network.edge import page
from gongfu.network.edge.contract import (
    Comparison,
    Condition,
    EdgeRules,
    EdgeState,
    EventAction,
    Rule,
    WriteAction,
    rules_key,
    signed,
)
from gongfu.network.edge.control import Controller, require_near
from gongfu.network.edge.page import Row, View
from gongfu.network.edge.rules import STALE
from gongfu.network.gateway.config import DeviceConfig, TagConfig, desired_key
from tests.network.edge.rig import EDGE, ORG, rigged, until
from tests.network.nats import running_gateway


def rules(version: int = 1) -> EdgeRules:
    return EdgeRules(
        edge=EDGE,
        version=version,
        rules=[
            Rule(
                number=1,
                name="cool it",
                when=[Condition(device=5, tag="temperature", comparison=Comparison.ABOVE, limit=80.0, deadband=5.0)],
                then=[
                    WriteAction(device=5, tag="valve", value=12.5),
                    WriteAction(device=5, tag="valve", value=12.5, address="holding:2:int16", largest_step=20.0),
                    WriteAction(device=5, tag="valve", value=99.0, largest_step=20.0),
                    EventAction(text="too hot"),
                ],
                otherwise=[WriteAction(device=5, tag="valve", value=0.0)],
                pause=0.0,
            )
        ],
    )


async def test_a_rule_switches_a_machine_while_the_node_is_away_and_the_node_hears_of_it_later(tmp_path: Path) -> None:
    points = [
        Point("temperature", "holding:0:int16", 20),
        Point("valve", "holding:1:int16", 0),
        Point("wanted", "holding:2:int16", 0),
    ]
    async with ModbusSimulator("127.0.0.1", 0, points) as plant, rigged(tmp_path) as rig:
        device = DeviceConfig(
            device=5,
            org=ORG,
            org_code="acme",
            name="furnace",
            driver="modbus",
            options={"host": "127.0.0.1", "port": plant.port},
            interval=0.1,
            tags=[
                TagConfig(series=1, name="temperature", address="holding:0:int16"),
                TagConfig(series=2, name="valve", address="holding:1:int16", scale=0.1),
            ],
        )
        desired = await rig.js.key_value(bus.DESIRED)
        await desired.put(desired_key(EDGE, 5), msgspec.json.encode(device))
        await desired.put(rules_key(EDGE), msgspec.json.encode(signed(rules(), rig.key)))
        rig.forwarder.start()
        here = await rig.edge_js.key_value(bus.DESIRED)

        async def configured() -> bool:
            with contextlib.suppress(Exception):
                return len(await here.keys()) == 2
            return False

        await until(configured)
        await rig.cable.cut()
        controller = Controller(rig.edge, EDGE, rig.key, ops.Health("edge-control", "bus"))
        async with running_gateway(rig.edge):
            working = asyncio.create_task(controller.run())
            try:
                await until(lambda: any(row.time for row in controller.view("node").rows))
                plant.put("temperature", 85)
                await until(lambda: plant.value("valve") == 125 and plant.value("wanted") == 125)
                plant.put("temperature", 60)
                await until(lambda: plant.value("valve") == 0)
                # Rules that the node did not sign change nothing.
                await here.put(rules_key(EDGE), msgspec.json.encode(signed(EdgeRules(edge=EDGE, version=2), "x" * 64)))
                await until(lambda: "not from the node" in controller.view("node").problem)
                plant.put("temperature", 85)
                await until(lambda: plant.value("valve") == 125)
                await until(lambda: len(controller.view("node").fired) == 3)
                assert controller.view("node").devices == {"furnace": "online"}
                await rig.cable.mend()
                subscription = await rig.js.pull_subscribe_bind(bus.RECORDER, bus.EVENTS)
                told: list[str] = []

                async def heard() -> bool:
                    with contextlib.suppress(TimeoutError):
                        for message in await subscription.fetch(20, timeout=0.5):
                            event = event_decoder.decode(message.data)
                            told.extend([event.detail] if event.kind is EventKind.RULE else [])
                    return len(told) == 3

                await until(heard)
                said = "cool it: valve = 12.5; valve = 12.5; valve: Nothing was written: 99 is more than one step of 20"
                assert told[0].startswith(said)
                assert told[0].endswith("; too hot")
            finally:
                working.cancel()
                await asyncio.wait([working])


@pytest.mark.parametrize("known", [None, (0, 5.0, 0), (10_000_000, 5.0, 2), (10_000_000, "5", 0)])
def test_no_step_is_taken_from_a_value_that_nobody_knows(known: tuple[int, float | str, int] | None) -> None:
    action = WriteAction(device=5, tag="valve", value=6.0, largest_step=2.0)
    with pytest.raises(Invalid, match="present value of valve is not known"):
        require_near(action, known, STALE + 1)
    require_near(action, (10_000_000, 5.0, 0), 11.0)


STATE = EdgeState(edge="hall", time=1, version="1", connected=False, errors=["clock"])
VIEW = View(
    edge="hall",
    node="https://node.example",
    state=STATE,
    devices={"<script>": "online", "press": "offline"},
    rows=[Row(1, "<b>", "speed", "r/min", 1_700_000_000_000_000, 1500.0, 0), Row(1, "p", "text", "", 0, "<i>", 2)],
    rules=1,
    problem="<u>",
    fired=["<s>"],
)


@pytest.mark.parametrize(
    ("language", "words"), [("en-GB,en", ("cut off", "offline")), ("zh-CN", ("断开", "离线")), ("", ("断开",))]
)
async def test_the_page_speaks_the_readers_language_and_runs_nothing(language: str, words: tuple[str, ...]) -> None:
    transport = httpx.ASGITransport(ops.app(ops.Health("edge-control"), page.app(lambda: VIEW)))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        answer = await client.get("/", headers={"accept-language": language})
        assert all(word in answer.text for word in words)
        assert "1500 r/min" in answer.text
        for hostile in ("<script", "<b>", "<i>", "<u>", "<s>"):
            assert hostile not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert (await client.get("/style.css")).headers["content-type"].startswith("text/css")
        assert msgspec.json.decode((await client.get("/state.json")).content, type=View) == VIEW
        assert (await client.get("/other")).status_code == 404

"""Scans asked for over the bus, of a whole gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from gongfu.kernel import bus
from gongfu.kernel.errors import unpacked
from gongfu.network.discovery.shapes import Order, Wish
from gongfu.network.drivers.melsec.simulator import MelsecSimulator
from gongfu.network.gateway import asking
from gongfu.network.gateway.asking import Failed, Halt, Look, Scan, Scanned
from tests.network.nats import running_bus, running_gateway


async def test_a_scan_is_started_followed_and_halted_over_the_bus(tmp_path: Path) -> None:
    with running_bus(tmp_path) as server:
        settings = msgspec.structs.replace(server.settings, discovery_ranges=["127.0.0.0/8"])
        async with running_gateway(settings), MelsecSimulator("127.0.0.1", 0, []) as plc:
            client = await bus.connect(settings, "test")
            order = Order(targets="127.0.0.1", wishes=[Wish(probe="melsec", ports=[plc.port])])
            answer = await asking.ask(client, settings.node, Scan(scan="scan-one", order=order))
            assert isinstance(answer, Scanned), answer
            async with asyncio.timeout(30):
                while isinstance(answer, Scanned) and answer.progress.state == "running":
                    await asyncio.sleep(0.05)
                    answer = await asking.ask(client, settings.node, Look(scan="scan-one"))
            assert isinstance(answer, Scanned)
            assert [one.identity.product for one in answer.progress.findings] == ["Q03UDVCPU"]
            answer = await asking.ask(client, settings.node, Halt(scan="scan-one", since=1))
            assert isinstance(answer, Scanned)
            assert (answer.progress.state, answer.progress.findings) == ("done", [])
            outside = msgspec.structs.replace(order, targets="192.168.1.1")
            answer = await asking.ask(client, settings.node, Scan(scan="scan-two", order=outside))
            assert isinstance(answer, Failed)
            assert "may not be scanned" in unpacked(answer.problem, "en")
            await client.close()

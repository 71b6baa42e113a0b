"""Servers that share their standard nodes are still servers of their own."""

from __future__ import annotations

import asyncio

from asyncua import Client, ua

from gongfu.network.drivers.opcua.simulator import OpcuaSimulator, Point


async def test_a_client_of_one_server_sees_nothing_of_the_other() -> None:
    async with (
        OpcuaSimulator("127.0.0.1", 0, [Point("PUMP", "PUMP.flow", 1.0)]) as first,
        OpcuaSimulator("127.0.0.1", 0, [Point("PRESS", "PRESS.force", 2.0), Point("PUMP", "PUMP.flow", 3.0)]) as second,
    ):
        await first.write("PUMP.flow", 10.0)
        seen: list[tuple[list[str], float]] = []
        for plant in (first, second):
            async with Client(f"opc.tcp://127.0.0.1:{plant.port}/") as client:
                children = await client.nodes.objects.get_children()
                names = sorted([(await child.read_browse_name()).Name for child in children])
                flow = await client.get_node("ns=2;s=PUMP.flow").read_value()
                seen.append((names, flow))
                status = await client.get_node(ua.NodeId(ua.ObjectIds.Server_ServerStatus)).read_value()
                assert status.State == ua.ServerState.Running
        assert "PRESS" not in seen[0][0]
        assert "PRESS" in seen[1][0]
        assert [flow for _, flow in seen] == [10.0, 3.0]


async def test_a_subscription_to_a_standard_node_stays_on_its_server() -> None:
    class Handler:
        def __init__(self) -> None:
            self.levels: list[int] = []

        def datachange_notification(self, node: object, value: int, data: object) -> None:
            self.levels.append(value)

    async with OpcuaSimulator("127.0.0.1", 0, []) as first, OpcuaSimulator("127.0.0.1", 0, []) as second:
        assert second.server is not None
        handler = Handler()
        level = ua.NodeId(ua.ObjectIds.Server_ServiceLevel)
        async with Client(f"opc.tcp://127.0.0.1:{first.port}/") as client:
            subscription = await client.create_subscription(10, handler)
            await subscription.subscribe_data_change(client.get_node(level))
            await second.server.get_node(level).write_value(ua.Variant(7, ua.VariantType.Byte))
            for _ in range(200):
                if handler.levels:
                    break
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
        assert 7 not in handler.levels
        assert handler.levels

"""What the gateway is told when there is no OPC UA server, a closed one, or none at all."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_session import InternalSession

from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable
from gongfu.network.drivers.opcua import client, driver
from gongfu.network.drivers.opcua.simulator import OpcuaSimulator, Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig

TAGS = [TagConfig(series=1, name="x", address="ns=2;s=D.x")]


def device(endpoint: str, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="cnc",
        driver="opcua",
        options={"endpoint": endpoint, "timeout": 0.5, **options},  # type: ignore[dict-item]
        interval=0.1,
        tags=TAGS,
    )


async def test_nobody_there_is_unavailable(recorder, closed_port) -> None:
    with pytest.raises(DeviceUnavailable, match=f"No OPC UA server answers at opc.tcp://127.0.0.1:{closed_port}/"):
        await driver.run(device(f"opc.tcp://127.0.0.1:{closed_port}/"), recorder)
    assert recorder.times_online == 0


async def test_rubbish_from_the_network_is_unavailable_soon_and_once(recorder, rubbish_port) -> None:
    start = time.process_time(), time.monotonic()
    with pytest.raises(DeviceUnavailable):
        await driver.run(device(f"opc.tcp://127.0.0.1:{rubbish_port}/"), recorder)
    assert time.monotonic() - start[1] < 2.5
    assert time.process_time() - start[0] < 1
    assert recorder.batches == []


@pytest.mark.parametrize(
    "endpoint", ["", "127.0.0.1:4840", "http://127.0.0.1/", "opc.tcp://", "opc.tcp://h:99999/", "opc.tcp://u:secret@h/"]
)
async def test_what_is_no_endpoint_is_refused_without_showing_a_password(recorder, endpoint) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        await driver.run(device(endpoint), recorder)
    assert "secret" not in str(refusal.value)


async def test_a_wrong_address_is_refused_without_connecting(recorder) -> None:
    wrong = DeviceConfig(
        device=1,
        org=1,
        org_code="a",
        name="n",
        driver="opcua",
        options={"endpoint": "opc.tcp://127.0.0.1:1/"},
        tags=[TagConfig(series=1, name="x", address="DB1.DBW0")],
    )
    with pytest.raises(BadConfiguration, match=r"DB1\.DBW0 is not an OPC UA node id"):
        await driver.run(wrong, recorder)


async def test_a_server_with_users_and_one_that_comes_back(recorder, running) -> None:
    points = [Point("D", "D.x", 1.0)]
    plant = OpcuaSimulator("127.0.0.1", 0, points, username="gateway", password="right")
    plain = {"policy": "None", "username": "gateway"}
    async with plant:
        with pytest.raises(BadConfiguration, match="refuses this user"):
            await driver.run(device(plant.endpoint, password="wrong", **plain), recorder)
        with pytest.raises(BadConfiguration, match="refuses this user"):
            await driver.run(device(plant.endpoint), recorder)
        assert recorder.times_online == 0
        task = asyncio.create_task(driver.run(device(plant.endpoint, password="right", **plain), recorder))
        await recorder.until(lambda: recorder.batches)
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(task, 3)
    count = len(recorder.batches)
    again = OpcuaSimulator("127.0.0.1", plant.port, points)
    async with again, running(driver, device(again.endpoint), recorder):
        await recorder.until(lambda: len(recorder.batches) > count)
    assert recorder.times_online == 2


async def test_a_server_that_renumbers_its_namespaces_gives_no_other_variable(recorder, running) -> None:
    tags = [
        TagConfig(series=1, name="by number", address="ns=2;s=D.x"),
        TagConfig(series=2, name="by uri", address="nsu=urn:gongfu:simulator;s=D.x"),
    ]
    plant = OpcuaSimulator("127.0.0.1", 0, [Point("D", "D.x", 1.0)])
    async with plant:
        task = asyncio.create_task(driver.run(msgspec.structs.replace(device(plant.endpoint), tags=tags), recorder))
        await recorder.until(lambda: len(recorder.last()) == 2)
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(task, 3)
    again = OpcuaSimulator("127.0.0.1", plant.port, [Point("D", "D.x", 2.0)], before=["urn:somebody:else"])
    async with again:
        other = await again.server.nodes.objects.add_variable(ua.NodeId("D.x", 2), "2:x", 666.0)
        assert await other.read_value() == 666.0
        moved = msgspec.structs.replace(device(again.endpoint), tags=tags)
        async with running(driver, moved, recorder):
            await recorder.until(lambda: {s.value for s in recorder.last().values()} == {2.0})
    assert 666.0 not in [sample.value for sample in recorder.samples]
    assert recorder.complaints == [
        "namespace 2 is no longer urn:gongfu:simulator; use nsu= in the addresses",
    ]


async def test_a_server_without_a_session_left_says_so(recorder, monkeypatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise ServiceError(ua.StatusCodes.BadTooManySessions)

    monkeypatch.setattr(InternalSession, "create_session", refuse)
    async with OpcuaSimulator("127.0.0.1", 0, [Point("D", "D.x", 1.0)]) as plant:
        with pytest.raises(DeviceUnavailable, match="has no session left"):
            await driver.run(device(plant.endpoint), recorder)
    assert recorder.times_online == 0


async def test_a_channel_whose_keys_are_not_renewed_ends_the_driver(recorder, monkeypatch) -> None:
    monkeypatch.setattr(client, "CHANNEL", 600)
    honest = client.GatewayClient.open_secure_channel

    async def refuse(self: client.GatewayClient, renew: bool = False) -> None:
        if renew:
            raise ua.UaStatusCodeError(ua.StatusCodes.BadSecureChannelTokenUnknown)
        await honest(self, renew)

    monkeypatch.setattr(client.GatewayClient, "open_secure_channel", refuse)
    async with OpcuaSimulator("127.0.0.1", 0, [Point("D", "D.x", 1.0)]) as plant:
        with pytest.raises(DeviceUnavailable):
            await asyncio.wait_for(driver.run(device(plant.endpoint), recorder), 10)
    assert recorder.times_online == 1


async def test_a_server_that_hangs_up_after_the_greeting_is_unavailable(recorder, serve) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"ACKF\x1c\x00\x00\x00" + bytes(4) + b"\x00\x20\x00\x00" * 2 + bytes(8))
        await writer.drain()
        await reader.read(4096)  # the channel's opening, which stays unanswered

    with pytest.raises(DeviceUnavailable):
        await driver.run(device(f"opc.tcp://127.0.0.1:{await serve(talk)}/"), recorder)
    assert recorder.times_online == 0

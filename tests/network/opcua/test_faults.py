"""What the gateway is told when there is no OPC UA server, a closed one, or none at all."""

from __future__ import annotations

import asyncio
import time

import pytest

from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable
from gongfu.network.drivers.opcua import driver
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
    async with plant:
        with pytest.raises(BadConfiguration, match="refuses this user"):
            await driver.run(device(plant.endpoint, username="gateway", password="wrong"), recorder)
        with pytest.raises((BadConfiguration, DeviceUnavailable)):
            await driver.run(device(plant.endpoint), recorder)
        assert recorder.times_online == 0
        task = asyncio.create_task(driver.run(device(plant.endpoint, username="gateway", password="right"), recorder))
        await recorder.until(lambda: recorder.batches)
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(task, 3)
    count = len(recorder.batches)
    again = OpcuaSimulator("127.0.0.1", plant.port, points)
    async with again, running(driver, device(again.endpoint), recorder):
        await recorder.until(lambda: len(recorder.batches) > count)
    assert recorder.times_online == 2

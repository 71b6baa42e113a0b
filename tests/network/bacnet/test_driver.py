"""A BACnet device read over a real socket: what the gateway is told when things go well, and when they do not."""

from __future__ import annotations

import asyncio
import socket

import pytest
from bacpypes3.app import Application

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.bacnet import driver
from gongfu.network.drivers.bacnet.simulator import BacnetSimulator, Point
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Sample
from gongfu.network.gateway.config import TagConfig

from .buildings import POINTS, TAGS, VALUES, device

GOOD = {series: Sample(series, value) for series, value in VALUES.items()}


async def test_values_of_all_types_arrive_again_and_again(recorder, running) -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 3)
        assert {sample.series: sample for sample in recorder.batches[0]} == GOOD
        await plant.write("supply", 18.25)
        await recorder.until(lambda: recorder.last()[1].value == 18.25)
        assert set(plant.requests) == {"ReadPropertyRequest", "ReadPropertyMultipleRequest"}
        assert plant.requests.count("ReadPropertyRequest") == 1
    assert recorder.times_online == 1
    assert recorder.complaints == []


@pytest.mark.parametrize("without", [{"multiple": False}, {"longest": 1}, {"longest": 3}])
async def test_a_device_that_cannot_read_many_at_once_is_read_in_parts(recorder, running, without) -> None:
    async with (
        BacnetSimulator("127.0.0.1", 0, POINTS, **without) as plant,
        running(driver, device(plant.port), recorder),
    ):
        await recorder.until(lambda: len(recorder.batches) >= 2, 10)
        assert recorder.last() == GOOD
        before = len(plant.requests)
        await recorder.until(lambda: len(recorder.batches) >= 4, 10)
        refused = plant.requests[before:].count("ReadPropertyMultipleRequest")
        assert refused == 0 if without != {"longest": 3} else refused > 0
    assert recorder.complaints == []


async def test_quality_follows_the_status_flags(recorder, running) -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: recorder.batches)
        await plant.write("supply", None, quality=Quality.BAD)
        await recorder.until(lambda: recorder.last()[1] == Sample(1, 21.5, quality=Quality.BAD))
        await plant.write("supply", None, quality=Quality.UNCERTAIN)
        await recorder.until(lambda: recorder.last()[1] == Sample(1, 21.5, quality=Quality.UNCERTAIN))
        await plant.write("supply", None)
        await recorder.until(lambda: recorder.last()[1] == Sample(1, 21.5))
        assert recorder.last()[2] == Sample(2, 40.0)


async def test_other_properties_than_the_present_value(recorder, running) -> None:
    tags = [
        TagConfig(series=1, name="name", address="analog-input,1:object-name", kind="text"),
        TagConfig(series=2, name="units", address="analog-input,1:units"),
        TagConfig(series=3, name="out", address="analog-input,1:out-of-service", kind="boolean"),
        TagConfig(series=4, name="flags", address="analog-input,1:status-flags", kind="text"),
        TagConfig(series=5, name="slots", address="analog-output,2:priority-array[0]"),
        TagConfig(series=6, name="status", address="device,1234:112"),
    ]
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: recorder.batches)
    assert [sample.value for sample in recorder.batches[0]] == ["supply", 62.0, False, "0000", 16.0, 0.0]
    assert recorder.complaints == []


async def test_what_the_device_does_not_have_is_bad_and_the_rest_lives(recorder, running) -> None:
    tags = [
        *TAGS,
        TagConfig(series=20, name="ghost", address="analog-input,77"),
        TagConfig(series=21, name="empty", address="analog-input,1:serial-number"),
        TagConfig(series=22, name="wrong", address="multi-state-value,1", kind="boolean"),
        TagConfig(series=23, name="list", address="analog-output,2:priority-array"),
        TagConfig(series=24, name="own", address="900,1:5000"),
    ]
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 3)
    last = recorder.last()
    assert {series: last[series] for series in VALUES} == GOOD
    assert all(last[series] == Sample(series, None, quality=Quality.BAD) for series in range(20, 25))
    assert sorted(recorder.complaints) == [
        "empty (analog-input,1:serial-number): property: unknown-property",
        "ghost (analog-input,77): object: unknown-object",
        "list (analog-output,2:priority-array): the value is no number",
        "own (900,1:5000): object: unknown-object",
        "wrong (multi-state-value,1): the value is no boolean",
    ]


async def test_an_object_that_goes_is_bad_and_good_when_it_is_back(recorder, running) -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: recorder.batches)
        plant.remove("supply")
        await recorder.until(lambda: recorder.last()[1] == Sample(1, None, quality=Quality.BAD))
        plant.add(Point("supply", "analog-input,1", 5.0))
        await recorder.until(lambda: recorder.last()[1] == Sample(1, 5.0))
        assert recorder.last()[2] == Sample(2, 40.0)


async def test_changes_are_told_where_the_device_tells_and_polled_where_not(recorder, running) -> None:
    tags = [TAGS[0], TagConfig(series=9, name="name", address="analog-input,1:object-name", kind="text"), TAGS[6]]
    async with (
        BacnetSimulator("127.0.0.1", 0, POINTS) as plant,
        running(driver, device(plant.port, tags, cov=True), recorder),
    ):
        await recorder.until(lambda: len(recorder.last()) == 3)
        assert recorder.last()[1] == Sample(1, 21.5)
        assert recorder.last()[7] == Sample(7, "王工")  # a text without COV: polled
        told = len(recorder.of(1))
        await recorder.until(lambda: len(recorder.of(7)) >= 6)
        assert len(recorder.of(1)) == told
        await plant.write("supply", 25.0)
        await recorder.until(lambda: recorder.last()[1] == Sample(1, 25.0))
        await plant.write("supply", 26.0, quality=Quality.BAD)
        await recorder.until(lambda: recorder.last()[1] == Sample(1, 26.0, quality=Quality.BAD))
        assert "SubscribeCOVRequest" in plant.requests


async def test_a_device_that_accepts_no_subscription_is_polled(recorder, running) -> None:
    async with (
        BacnetSimulator("127.0.0.1", 0, POINTS, tells=False) as plant,
        running(driver, device(plant.port, cov=True), recorder),
    ):
        await recorder.until(lambda: len(recorder.batches) >= 3)
        assert recorder.last() == GOOD


async def test_unconfirmed_notifications(recorder, running) -> None:
    async with (
        BacnetSimulator("127.0.0.1", 0, POINTS) as plant,
        running(driver, device(plant.port, [TAGS[0]], cov=True, cov_confirmed=False), recorder),
    ):
        await recorder.until(lambda: recorder.samples)
        await plant.write("supply", 25.0)
        await recorder.until(lambda: recorder.last()[1] == Sample(1, 25.0))


@pytest.mark.parametrize("cov", [False, True])
async def test_a_device_that_falls_silent_is_unavailable_in_time(recorder, monkeypatch, cov) -> None:
    monkeypatch.setattr(driver, "_QUIET", 0.2)
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant:
        wanted = device(plant.port, [TAGS[0]], cov=cov, timeout=0.4, retries=2)
        task = asyncio.create_task(driver.run(wanted, recorder))
        await recorder.until(lambda: recorder.samples)
        await plant.stop_answering()
        with pytest.raises(DeviceUnavailable, match=rf"answers at 127\.0\.0\.1:{plant.port} within 0\.4 s"):
            await asyncio.wait_for(task, 10)
        with pytest.raises(DeviceUnavailable, match="No BACnet device answers"):
            await asyncio.wait_for(driver.run(wanted, recorder), 10)
        await plant.answer_again()
        count = len(recorder.samples)
        task = asyncio.create_task(driver.run(wanted, recorder))
        await recorder.until(lambda: len(recorder.samples) > count)
        task.cancel()
        await asyncio.wait([task])
    assert recorder.times_online == 2


async def test_a_lost_answer_is_asked_for_again(recorder, running) -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant:
        await plant.stop_answering()
        async with running(driver, device(plant.port, timeout=0.3, retries=5), recorder):
            await recorder.until(lambda: len(plant.requests) >= 2)
            await plant.answer_again()
            await recorder.until(lambda: recorder.samples)


async def test_a_late_answer_is_not_taken_for_that_to_the_next_question(recorder) -> None:
    clock = asyncio.get_running_loop().time
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant:
        plant.set_delay(1.0)
        begin = clock()
        async with driver.open_session(device(plant.port, timeout=5.0)):  # keeps the socket
            with pytest.raises(DeviceUnavailable):
                await asyncio.wait_for(driver.run(device(plant.port, timeout=0.1, retries=1), recorder), 10)
            plant.set_delay(0.0)
            async with driver.open_session(device(plant.port, timeout=5.0)) as session:
                while clock() < begin + 2.5:  # among these the late answers arrive
                    assert await session.read([TAGS[1]]) == [Sample(2, 40.0)]
                    assert await session.read([TAGS[0]]) == [Sample(1, 21.5)]
                    await asyncio.sleep(0.02)


async def test_a_slow_device_is_read_less_often(recorder, running) -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant:
        plant.set_delay(0.15)
        async with running(driver, device(plant.port, interval=0.05), recorder):
            await recorder.until(lambda: len(recorder.batches) >= 3)
    assert recorder.last() == GOOD


async def test_a_dead_device_does_not_hold_up_another_on_the_same_socket(recorder, running) -> None:
    dead = BacnetSimulator("127.0.0.1", 0, POINTS)
    async with dead, BacnetSimulator("127.0.0.1", 0, POINTS) as plant:
        other = type(recorder)()
        async with running(driver, device(dead.port, timeout=5.0), other):
            await other.until(lambda: other.batches)
            await dead.stop_answering()
            async with running(driver, device(plant.port), recorder):
                await recorder.until(lambda: len(recorder.batches) >= 10)


async def test_garbage_from_the_device_and_from_others_does_no_harm(recorder, running) -> None:
    loop = asyncio.get_running_loop()

    class Garbage(asyncio.DatagramProtocol):
        def connection_made(self, transport) -> None:
            self.transport = transport

        def datagram_received(self, data, address) -> None:
            for rubbish in (
                b"",
                b"\x81",
                bytes(50),
                b"\x81\x0a\x00\x05\x01",
                b"\x81\x0a\x00\x09\x01\x04\x30\x01\xff",
                data,
            ):
                self.transport.sendto(rubbish, address)

    transport, _ = await loop.create_datagram_endpoint(Garbage, local_addr=("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
            await recorder.until(lambda: recorder.batches)
            with pytest.raises(DeviceUnavailable):
                await asyncio.wait_for(driver.run(device(port, timeout=0.2, retries=1), type(recorder)()), 10)
            count = len(recorder.batches)
            await recorder.until(lambda: len(recorder.batches) > count + 2)
    finally:
        transport.close()


async def test_another_device_than_configured_is_said_so(recorder, running) -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS, instance=77) as plant:
        with pytest.raises(DeviceUnavailable, match="is not number 78"):
            await driver.run(device(plant.port, instance=78), recorder)
        async with running(driver, device(plant.port, instance=77), recorder):
            await recorder.until(lambda: recorder.batches)


async def test_nobody_there_is_unavailable(recorder, closed_port) -> None:
    with pytest.raises(DeviceUnavailable, match="No BACnet device answers"):
        await asyncio.wait_for(driver.run(device(closed_port, timeout=0.2, retries=0), recorder), 10)
    with pytest.raises(DeviceUnavailable, match="not the name or IPv4 address"):
        await asyncio.wait_for(driver.run(device(1, host="no.such.host.invalid"), recorder), 30)


async def test_taken_ports_are_said_so(recorder) -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant:
        with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{plant.port}"):
            await BacnetSimulator("127.0.0.1", plant.port, POINTS).__aenter__()
        with pytest.raises(BadConfiguration, match=f"cannot use 127.0.0.1:{plant.port}"):
            await driver.run(device(1, local_port=plant.port), recorder)


async def test_a_foreign_device_registers_with_its_broadcaster(recorder, running) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as broadcaster:
        broadcaster.bind(("127.0.0.1", 0))
        broadcaster.setblocking(False)
        bbmd = f"127.0.0.1:{broadcaster.getsockname()[1]}"
        async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant:
            wanted = device(plant.port, bbmd=bbmd, bbmd_lifetime=60)
            async with running(driver, wanted, recorder):
                async with asyncio.timeout(10):
                    data, peer = await asyncio.get_running_loop().sock_recvfrom(broadcaster, 100)
                # Register-Foreign-Device with a lifetime of 60 s (ANSI/ASHRAE 135 clause J.5.2).
                assert data.hex() == "81050006003c"
                broadcaster.sendto(bytes.fromhex("810000060000"), peer)
                await recorder.until(lambda: recorder.batches)
            async with asyncio.timeout(10):
                data, peer = await asyncio.get_running_loop().sock_recvfrom(broadcaster, 100)
            assert data.hex() == "810500060000"  # gone


@pytest.mark.parametrize(("station", "mac"), [("5", 5), ("0x05", 5), ("254", 254)])
async def test_a_device_behind_a_router(recorder, running, station, mac) -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS, behind=(2001, mac)) as plant:
        wanted = device(plant.port, network=2001, station=station, cov=True)
        async with running(driver, wanted, recorder):
            await recorder.until(lambda: len(recorder.last()) == len(VALUES))
            assert recorder.last() == GOOD
            await plant.write("supply", 25.0)
            await recorder.until(lambda: recorder.last()[1] == Sample(1, 25.0))
        async with driver.open_session(wanted) as session:
            await session.write(TAGS[1], 12.5)
            assert len(await session.browse("")) == len(POINTS)
        assert plant.value("valve") == 12.5
        other = device(plant.port, network=2001, station="77", timeout=0.3, retries=0)
        with pytest.raises(DeviceUnavailable, match="2001:4d@"):
            await asyncio.wait_for(driver.run(other, type(recorder)()), 10)


async def test_a_foreign_client_reads_the_simulator() -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant:
        from bacpypes3.ipv4.link import NormalLinkLayer
        from bacpypes3.local.device import DeviceObject
        from bacpypes3.pdu import IPv4Address

        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.setblocking(False)
        end.bind(("127.0.0.1", 0))
        client = Application.from_object_list([DeviceObject(objectIdentifier=("device", 5), objectName="client")])
        address = IPv4Address("{}:{}".format(*end.getsockname()))
        link = NormalLinkLayer(address, bind_socket=end)
        client.nsap.bind(link, address=address)
        try:
            peer = f"127.0.0.1:{plant.port}"
            assert await client.read_property(peer, "analog-input,1", "present-value") == 21.5
            assert str(await client.read_property(peer, "analog-input,1", "units")) == "degrees-celsius"
        finally:
            link.close()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tags": [TagConfig(series=1, name="x", address="holding:1")]}, "holding:1 is not a BACnet address"),
        ({"host": ""}, "host"),
        ({"priority": 0}, "priority"),
        ({"local_address": "here"}, "here is not an IPv4 address"),
        ({"bbmd": "there"}, "there is not an IPv4 address"),
        ({"bbmd": "127.0.0.1:0"}, "not an address with a port"),
        ({"network": 5}, "network 5 and station  do not name"),
        ({"station": "5"}, "network 0 and station 5 do not name"),
        ({"network": 5, "station": "256"}, "do not name"),
        ({"network": 5, "station": "0x1"}, "do not name"),
    ],
)
async def test_a_wrong_configuration_is_refused_without_connecting(recorder, change, named) -> None:
    with pytest.raises(BadConfiguration, match=named):
        await asyncio.wait_for(driver.run(device(1, **change), recorder), 5)

"""Stations that are not there, that fall silent, that talk rubbish or count otherwise."""

from __future__ import annotations

import asyncio
import time

import pytest

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable, Sample
from gongfu.network.drivers.iec104 import driver, wire
from gongfu.network.drivers.iec104.codes import Cause, TypeId
from gongfu.network.drivers.iec104.elements import Information
from gongfu.network.drivers.iec104.link import Timing
from gongfu.network.drivers.iec104.simulator import Iec104Simulator, Point
from gongfu.network.drivers.iec104.wire import Asdu
from gongfu.network.gateway.config import TagConfig

from .stations import POINTS, TAGS, device

STARTED = bytes.fromhex("68040b000000")
IMPATIENT = {"t1": 0.6, "t2": 0.2, "t3": 0.6, "timeout": 0.6}


async def test_nobody_there_is_unavailable(recorder, closed_port) -> None:
    with pytest.raises(DeviceUnavailable, match=rf"No station answers at 127\.0\.0\.1:{closed_port}"):
        await driver.run(device(closed_port), recorder)
    assert recorder.times_online == 0


async def test_a_station_that_is_silent_from_the_start_is_unavailable_in_time(recorder) -> None:
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant:
        await plant.stop_answering()
        with pytest.raises(DeviceUnavailable, match=r"did not answer within 0\.6 s"):
            await asyncio.wait_for(driver.run(device(plant.port, **IMPATIENT), recorder), 10)
    assert recorder.times_online == 0


async def test_a_half_open_connection_is_noticed_by_test_frames(recorder) -> None:
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant:
        task = asyncio.create_task(driver.run(device(plant.port, **IMPATIENT), recorder))
        await recorder.until(lambda: recorder.samples)
        await plant.stop_answering()
        with pytest.raises(DeviceUnavailable, match=r"did not answer within 0\.6 s"):
            await asyncio.wait_for(task, 10)


async def test_a_quiet_station_stays_connected_by_test_frames(recorder, running) -> None:
    timing = Timing(t1=5, t2=3, t3=60)
    plant = Iec104Simulator("127.0.0.1", 0, POINTS, timing=timing)
    async with plant, running(driver, device(plant.port, t1=5.0, t2=0.1, t3=0.1), recorder) as task:
        await recorder.until(lambda: recorder.samples)
        await asyncio.sleep(1.0)  # ten times t3
        await plant.write("voltage", 1.0)
        await recorder.until(lambda: recorder.last()[7].value == 1.0)
        assert plant.connections == 1
        assert not task.done()


async def test_a_station_that_starts_but_does_not_answer_the_interrogation(recorder, serve) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(6)
        writer.write(STARTED)
        await reader.readexactly(16)
        writer.write(bytes.fromhex("680401000200"))  # received, and nothing more
        await reader.read()

    with pytest.raises(DeviceUnavailable, match=r"did not answer C_IC_NA_1 within 0\.4 s"):
        await asyncio.wait_for(driver.run(device(await serve(talk), timeout=0.4), recorder), 10)


async def test_a_station_that_never_confirms_what_it_received(recorder, serve) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(6)
        writer.write(STARTED)
        await reader.read()

    wanted = device(await serve(talk), t1=0.3, t2=0.1, timeout=20)
    with pytest.raises(DeviceUnavailable, match=r"did not answer within 0\.3 s"):
        await asyncio.wait_for(driver.run(wanted, recorder), 10)


async def test_a_station_that_goes_is_followed_again_when_it_is_back(recorder, running) -> None:
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant:
        task = asyncio.create_task(driver.run(device(plant.port), recorder))
        await recorder.until(lambda: recorder.samples)
        plant.close_connections()
        with pytest.raises(DeviceUnavailable, match="broke"):
            await asyncio.wait_for(task, 10)
        count = len(recorder.samples)
        async with running(driver, device(plant.port), recorder):
            await recorder.until(lambda: len(recorder.samples) > count)
    assert recorder.times_online == 2


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        ("680e060000000d0103000100 0140000000803f00", "counts its frames otherwise: frame 3 instead of 0"),
        ("6804010008 00", "counts its frames otherwise: frame 4 confirmed"),
    ],
)
async def test_wrong_sequence_numbers_end_the_connection(recorder, serve, frame, complaint) -> None:
    data = bytes.fromhex(frame)
    data = bytes((0x68, len(data) - 2)) + data[2:]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(6)
        writer.write(STARTED + data)
        await reader.read()

    with pytest.raises(DeviceUnavailable, match=complaint):
        await asyncio.wait_for(driver.run(device(await serve(talk)), recorder), 10)
    assert recorder.samples == []


async def test_the_same_frame_twice_ends_the_connection(recorder, serve) -> None:
    once = wire.encode_frame(wire.Information(0, 0, bytes.fromhex("0d01030001000340000000803f00")))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(6)
        writer.write(STARTED + once + once)
        await reader.read()

    with pytest.raises(DeviceUnavailable, match="frame 0 instead of 1"):
        await asyncio.wait_for(driver.run(device(await serve(talk)), recorder), 10)
    assert [sample.value for sample in recorder.samples] in ([], [1.0])


async def test_rubbish_from_the_network_is_unavailable_soon_and_once(recorder, rubbish_port) -> None:
    start = time.process_time()
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(driver.run(device(rubbish_port, **IMPATIENT), recorder), 10)
    assert time.process_time() - start < 2
    assert recorder.samples == []


@pytest.mark.parametrize(
    "rubbish", [b"\x68\xff\x00\x00\x00\x00", b"\x00" * 50, b"HTTP/1.1 400\r\n", b"\x68\x04\xff\0\0\0"]
)
async def test_rubbish_after_a_proper_greeting_is_unavailable(recorder, serve, rubbish) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(6)
        writer.write(STARTED + rubbish)
        await reader.read()

    with pytest.raises(DeviceUnavailable, match="does not speak IEC 60870-5-104"):
        await asyncio.wait_for(driver.run(device(await serve(talk)), recorder), 10)


async def test_frames_that_arrive_octet_by_octet_are_read(recorder, serve) -> None:
    data = STARTED + wire.encode_frame(wire.Information(0, 0, bytes.fromhex("0d01030001000340000000803f00")))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(6)
        for octet in data:
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0.002)
        await reader.read()

    task = asyncio.create_task(driver.run(device(await serve(talk)), recorder))
    await recorder.until(lambda: recorder.samples)
    assert recorder.samples == [Sample(7, 1.0)]
    task.cancel()
    await asyncio.wait([task])


async def test_an_asdu_that_cannot_be_read_is_reported_once_and_the_rest_lives(recorder, running) -> None:
    unknown = wire.encode_asdu(
        Asdu(type=TypeId.M_SP_NA_1, cause=Cause.SPONTANEOUS, common=1, objects=(Information(1001, True),))
    )
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.last()) == len(TAGS) - 1)
        for _ in range(3):
            await plant.say_bytes(bytes((200,)) + unknown[1:])
            await plant.say_bytes(unknown[:-1])
        await plant.write("voltage", 3.0)
        await recorder.until(lambda: recorder.last()[7].value == 3.0)
    assert recorder.complaints == [
        "type 200 is not known",
        "M_SP_NA_1 with 1 objects has 9 octets instead of 10",
    ]


async def test_what_the_station_does_not_have_is_bad_and_the_rest_lives(recorder, running) -> None:
    tags = [
        TagConfig(series=1, name="voltage", address="1/0x4003:nc"),
        TagConfig(series=2, name="ghost", address="1/77"),
        TagConfig(series=3, name="elsewhere", address="9/77"),
    ]
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: len(recorder.last()) == 3)
    assert recorder.last() == {
        1: Sample(1, 110.5),
        2: Sample(2, None, quality=Quality.BAD),
        3: Sample(3, None, quality=Quality.BAD),
    }
    assert sorted(recorder.complaints) == [
        "elsewhere (9/77): the station does not have it",
        "ghost (1/77): the station does not have it",
        "the station declines C_IC_NA_1 for common address 9 (cause 46)",
    ]


async def test_a_point_of_another_type_than_configured_is_bad_until_it_is_right(recorder, running) -> None:
    tags = [TagConfig(series=1, name="voltage", address="1/1:nc"), TagConfig(series=2, name="other", address="1/2")]
    points = [Point("voltage", "1/1:nb", 5), Point("other", "1/2:nc", 1.0)]
    async with Iec104Simulator("127.0.0.1", 0, points) as plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: len(recorder.last()) == 2)
        assert recorder.last() == {1: Sample(1, None, quality=Quality.BAD), 2: Sample(2, 1.0)}
        element = Information(1, 6.0)
        await plant.say(Asdu(type=TypeId.M_ME_NC_1, cause=Cause.SPONTANEOUS, common=1, objects=(element,)))
        await recorder.until(lambda: recorder.last()[1] == Sample(1, 6.0))
    assert recorder.complaints == ["voltage (1/1:nc): the station sends M_ME_NB_1, which is not nc"]


async def test_a_station_in_test_mode_is_not_believed(recorder, running) -> None:
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.last()) == len(TAGS) - 1)
        element = Information(0x4003, 9.0)
        asdu = Asdu(type=TypeId.M_ME_NC_1, cause=Cause.SPONTANEOUS, common=1, objects=(element,), test=True)
        await plant.say(asdu)
        await plant.write("power", 1)
        await recorder.until(lambda: recorder.last()[6].value == 1.0)
    assert 9.0 not in [sample.value for sample in recorder.of(7)]


async def test_a_silent_station_does_not_hold_up_another(recorder, running) -> None:
    dead = Iec104Simulator("127.0.0.1", 0, POINTS)
    async with dead, Iec104Simulator("127.0.0.1", 0, POINTS) as plant:
        await dead.stop_answering()
        task = asyncio.create_task(driver.run(device(dead.port), type(recorder)()))
        async with running(driver, device(plant.port), recorder):
            await recorder.until(lambda: recorder.samples)
            assert not task.done()
        task.cancel()
        await asyncio.wait([task])

"""An S7 controller read over a real socket: what the gateway is told when things go well, and when they do not."""

from __future__ import annotations

import asyncio
import gc
import math
import time

import pytest
import snap7
from snap7.type import Area

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Sample
from gongfu.network.drivers.s7 import driver
from gongfu.network.drivers.s7.simulator import Point, S7Simulator
from gongfu.network.gateway.config import DeviceConfig, TagConfig

POINTS = [
    Point("speed", "DB1.DBD4:real", 1500.5),
    Point("parts", "DB1.DBW8:int", -3),
    Point("running", "DB1.DBX0.3", True),
    Point("lamp", "M10.0", False),
    Point("program", "DB2.DBB20:string30", "O1234"),
    Point("operator", "DB2.DBB100:wstring10", "王工"),
]
TAGS = [
    TagConfig(series=1, name="speed", address="DB1.DBD4:real"),
    TagConfig(series=2, name="parts", address="DB1.DBW8:int"),
    TagConfig(series=3, name="running", address="DB1.DBX0.3", kind="boolean"),
    TagConfig(series=4, name="lamp", address="M10.0"),
    TagConfig(series=5, name="program", address="DB2.DBB20:string30", kind="text"),
    TagConfig(series=6, name="operator", address="DB2.DBB100:wstring10", kind="text"),
]


def device(port: int, tags: list[TagConfig] = TAGS, interval: float = 0.05, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="press",
        driver="s7",
        options={"host": "127.0.0.1", "port": port, "timeout": 0.4, **options},  # type: ignore[dict-item]
        interval=interval,
        tags=tags,
    )


async def test_values_of_all_areas_arrive_again_and_again(recorder, running) -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 3)
        assert sorted(recorder.batches[0], key=lambda sample: sample.series) == [
            Sample(1, 1500.5),
            Sample(2, -3.0),
            Sample(3, True),
            Sample(4, 0.0),
            Sample(5, "O1234"),
            Sample(6, "王工"),
        ]
        await plant.write("speed", 900)
        await recorder.until(lambda: recorder.last()[1].value == 900.0)
    assert recorder.times_online == 1
    assert recorder.complaints == []


async def test_the_libraries_own_client_reads_the_simulator() -> None:
    def read(port: int) -> tuple[bytearray, bytearray]:
        client = snap7.Client()
        client.connect("127.0.0.1", 0, 1, port)
        try:
            return client.db_read(1, 4, 4), client.read_area(Area.MK, 0, 10, 1)
        finally:
            client.disconnect()

    async with S7Simulator("127.0.0.1", 0, POINTS) as plant:
        assert await asyncio.to_thread(read, plant.port) == (bytearray.fromhex("44bb9000"), bytearray(1))


async def test_a_taken_port_is_said_so() -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant:
        with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{plant.port}"):
            await S7Simulator("127.0.0.1", plant.port, POINTS).__aenter__()


async def test_polling_keeps_its_rhythm(recorder, running) -> None:
    plant = S7Simulator("127.0.0.1", 0, POINTS)
    async with plant, running(driver, device(plant.port, interval=0.1), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 11)
    assert recorder.arrivals[10] - recorder.arrivals[0] == pytest.approx(1.0, abs=0.09)


async def test_nobody_there_is_unavailable_with_rack_and_slot(recorder, closed_port) -> None:
    with pytest.raises(DeviceUnavailable, match=rf"127\.0\.0\.1:{closed_port} \(rack 0, slot 2\)"):
        await driver.run(device(closed_port, slot=2), recorder)
    assert recorder.times_online == 0


async def test_a_controller_that_falls_silent_is_unavailable_in_time(recorder) -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant:
        task = asyncio.create_task(driver.run(device(plant.port), recorder))
        await recorder.until(lambda: recorder.batches)
        await plant.stop_answering()
        with pytest.raises(DeviceUnavailable, match="did not answer within"):
            await asyncio.wait_for(task, 2)
        with pytest.raises(DeviceUnavailable, match="did not answer within"):
            await asyncio.wait_for(driver.run(device(plant.port), recorder), 2)
    # What was opened is closed: an open connection would complain when it is collected.
    gc.collect()


async def test_a_controller_that_goes_is_read_again_when_it_is_back(recorder, running) -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant:
        task = asyncio.create_task(driver.run(device(plant.port), recorder))
        await recorder.until(lambda: recorder.batches)
        plant.close_connections()
        with pytest.raises(DeviceUnavailable, match="broke"):
            await asyncio.wait_for(task, 1)
        count = len(recorder.batches)
        async with running(driver, device(plant.port), recorder):
            await recorder.until(lambda: len(recorder.batches) > count)
    assert recorder.times_online == 2


async def test_missing_data_is_bad_and_the_rest_lives(recorder, running) -> None:
    tags = [
        *TAGS,
        TagConfig(series=8, name="beyond", address="DB1.DBW12:int"),
        TagConfig(series=9, name="ghost", address="DB9.DBW0:int"),
    ]
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 3)
    last = recorder.last()
    assert last[8] == Sample(8, None, quality=Quality.BAD)
    assert last[9] == Sample(9, None, quality=Quality.BAD)
    assert last[1] == Sample(1, 1500.5)
    assert len(recorder.complaints) == 2
    assert recorder.complaints[0].startswith("beyond (DB1.DBW12:int): ")
    assert recorder.complaints[1].startswith("ghost (DB9.DBW0:int): Object does not exist")


async def test_a_fault_is_bad_until_it_is_gone(recorder, running) -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: recorder.batches)
        await plant.write("parts", None, quality=Quality.BAD)
        await recorder.until(lambda: recorder.last()[2] == Sample(2, None, quality=Quality.BAD))
        assert recorder.last()[1] == Sample(1, 1500.5)
        await plant.write("parts", 4)
        await recorder.until(lambda: recorder.last()[2] == Sample(2, 4.0))


async def test_not_a_number_and_a_broken_string(recorder, running) -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant:
        plant.write_bytes("speed", bytes.fromhex("7fc00000"))
        plant.write_bytes("program", b"\x1e\xff")
        async with running(driver, device(plant.port), recorder):
            await recorder.until(lambda: recorder.batches)
    assert math.isnan(recorder.last()[1].value)
    assert recorder.last()[5] == Sample(5, None, quality=Quality.BAD)
    assert recorder.complaints == ["program (DB2.DBB20:string30): a string of 255 bytes does not fit 30"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tags": [TagConfig(series=1, name="x", address="DB1.DBQ1")]}, r"DB1\.DBQ1"),
        ({"tags": [TagConfig(series=1, name="x", address="DB1.DBW0:int", kind="text")]}, "Tag x is a text"),
        ({"rack": 8}, "rack"),
        ({"host": ""}, "host"),
        ({"encoding": "klingon"}, "klingon"),
    ],
)
async def test_a_wrong_configuration_is_refused_without_connecting(recorder, change, named) -> None:
    with pytest.raises(BadConfiguration, match=named):
        await driver.run(device(1, **change), recorder)


async def test_rubbish_from_the_network_is_unavailable_soon_and_once(recorder, rubbish_port) -> None:
    start = time.process_time(), time.monotonic()
    with pytest.raises(DeviceUnavailable):
        await driver.run(device(rubbish_port), recorder)
    assert time.monotonic() - start[1] < 1.5
    assert time.process_time() - start[0] < 0.5
    assert recorder.batches == []


async def test_rubbish_after_a_proper_greeting_is_unavailable(recorder, serve) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(bytes.fromhex("0300000b06d00001000100"))  # TPKT, COTP connection confirm
        await reader.read(4096)
        # Setup communication acknowledged, PDU 240 (job 1), then a read answer that promises more than it holds.
        writer.write(bytes.fromhex("0300001b02f08032030000000100080000" + "0000f0000001000100f0"))
        while await reader.read(4096):
            writer.write(bytes.fromhex("0300001502f080320300000002000200ff00000401"))

    with pytest.raises(DeviceUnavailable, match="broke"):
        await driver.run(device(await serve(talk)), recorder)


async def test_a_cpu_without_put_get_says_what_to_allow(recorder, serve) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(bytes.fromhex("0300000b06d00001000100"))
        setup = await reader.read(4096)
        sequence = setup[11:13].hex()
        writer.write(bytes.fromhex(f"0300001b02f08032030000{sequence}00080000" + "0000f0000001000100f0"))
        while request := await reader.read(4096):
            # Header error 81 04 (function not allowed), as an S7-1500 answers.
            writer.write(bytes.fromhex(f"0300001302f08032030000{request[11:13].hex()}000000008104"))

    with pytest.raises(DeviceUnavailable, match="PUT/GET"):
        await driver.run(device(await serve(talk)), recorder)

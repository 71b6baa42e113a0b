"""An OPC UA server followed over a real socket. One server for all: it takes three seconds to start."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asyncua import Client, ua

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable, Sample
from gongfu.network.drivers.opcua import driver
from gongfu.network.drivers.opcua.simulator import OpcuaSimulator, Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig

pytestmark = pytest.mark.asyncio(loop_scope="module")

EPOCH = 1_700_000_000_000_000
POINTS = [
    Point("CNC1", "CNC1.SpindleSpeed", 1200.0),
    Point("CNC1", "CNC1.Running", True),
    Point("CNC1", "CNC1.Program", "O1234"),
    Point("CNC1", "CNC1.Parts", 7),
    Point("fast", "fast.value", 0.0),
    Point("pending", "pending.value", 0.0, pending=True),
    Point("still", "still.value", 5.0),
    Point("grades", "grades.value", 0.0),
    Point("odd", "odd.array", [1.0, 2.0]),
    Point("odd", "odd.text", "five"),
    Point("odd", "odd.fine", 1.0),
    Point("nan", "nan.value", 0.0),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant() -> AsyncIterator[OpcuaSimulator]:
    async with OpcuaSimulator("127.0.0.1", 0, POINTS) as running:
        yield running


def tag(series: int, name: str, kind: str = "number") -> TagConfig:
    return TagConfig(series=series, name=name, address=f"ns=2;s={name}", kind=kind)


def device(plant: OpcuaSimulator, tags: list[TagConfig], interval: float = 0.1, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="cnc",
        driver="opcua",
        options={"endpoint": plant.endpoint, "timeout": 1.0, **options},  # type: ignore[dict-item]
        interval=interval,
        tags=tags,
    )


async def test_values_of_every_kind_arrive_with_their_source_time(plant, recorder, running) -> None:
    tags = [
        tag(1, "CNC1.SpindleSpeed"),
        tag(2, "CNC1.Running", "boolean"),
        TagConfig(series=3, name="program", address="nsu=urn:gongfu:simulator;s=CNC1.Program", kind="text"),
        tag(4, "CNC1.Parts"),
    ]
    async with running(driver, device(plant, tags), recorder):
        await recorder.until(lambda: len(recorder.last()) == 4)
        await plant.write("CNC1.SpindleSpeed", 1500, EPOCH + 123_457)
        await plant.write("CNC1.Running", False, EPOCH + 1)
        await plant.write("CNC1.Program", "工序二", EPOCH + 2)
        await plant.write("CNC1.Parts", 8, EPOCH + 3)
        await recorder.until(lambda: recorder.last()[4].value == 8)
        assert recorder.last() == {
            1: Sample(1, 1500.0, EPOCH + 123_457),
            2: Sample(2, False, EPOCH + 1),
            3: Sample(3, "工序二", EPOCH + 2),
            4: Sample(4, 8.0, EPOCH + 3),
        }
    assert recorder.times_online == 1
    assert recorder.complaints == []


async def test_a_source_faster_than_the_publications_loses_nothing(plant, recorder, running) -> None:
    recorder.delay = 0.05  # the bus is slow, too
    async with running(driver, device(plant, [tag(1, "fast.value")], heartbeat=0), recorder):
        await recorder.until(lambda: recorder.batches)
        for i in range(2000):
            await plant.write("fast.value", i, EPOCH + i)
            if i % 100 == 0:
                await asyncio.sleep(0.01)
        await recorder.until(lambda: recorder.last()[1].value == 1999)
    assert [(s.value, s.time - EPOCH) for s in recorder.of(1)[1:]] == [(float(i), i) for i in range(2000)]


async def test_the_same_value_at_another_time_is_another_reading(plant, recorder, running) -> None:
    async with running(driver, device(plant, [tag(1, "fast.value")], heartbeat=0), recorder):
        await recorder.until(lambda: recorder.batches)
        for i in range(3):
            await plant.write("fast.value", 42, EPOCH + i)
        await recorder.until(lambda: len(recorder.of(1)) == 4)
    assert recorder.of(1)[1:] == [Sample(1, 42.0, EPOCH + i) for i in range(3)]


async def test_a_variable_without_a_value_yet_gives_no_reading(plant, recorder, running) -> None:
    async with running(driver, device(plant, [tag(1, "pending.value")], heartbeat=0.2), recorder):
        await recorder.until(lambda: recorder.times_online)
        await asyncio.sleep(0.8)
        assert recorder.samples == []
        await plant.write("pending.value", 1, EPOCH)
        await recorder.until(lambda: recorder.samples)
    assert recorder.samples[0] == Sample(1, 1.0, EPOCH)


async def test_a_value_that_stays_the_same_proves_again_and_again_that_it_lives(plant, recorder, running) -> None:
    async with running(driver, device(plant, [tag(1, "still.value")], heartbeat=0.5), recorder):
        await recorder.until(lambda: len(recorder.of(1)) >= 3, seconds=4)
    assert recorder.of(1)[0].time > 0
    assert recorder.of(1)[1:3] == [Sample(1, 5.0), Sample(1, 5.0)]  # time 0: the gateway's
    assert recorder.arrivals[2] - recorder.arrivals[1] < 1.6


async def test_without_heartbeat_only_changes_arrive(plant, recorder, running) -> None:
    async with running(driver, device(plant, [tag(1, "still.value")], heartbeat=0), recorder):
        await recorder.until(lambda: recorder.batches)
        await asyncio.sleep(1.2)
    assert len(recorder.samples) == 1


async def test_status_codes_become_qualities(plant, recorder, running) -> None:
    async with running(driver, device(plant, [tag(1, "grades.value")], heartbeat=0), recorder):
        await recorder.until(lambda: recorder.batches)
        await plant.write("grades.value", 1, EPOCH, Quality.UNCERTAIN)
        await plant.write("grades.value", None, EPOCH + 1, Quality.BAD)
        await plant.write("grades.value", 2, EPOCH + 2)
        await recorder.until(lambda: len(recorder.samples) == 4)
    assert recorder.samples[1:] == [
        Sample(1, 1.0, EPOCH, Quality.UNCERTAIN),
        Sample(1, None, EPOCH + 1, Quality.BAD),
        Sample(1, 2.0, EPOCH + 2),
    ]


async def test_what_does_not_fit_or_does_not_exist_is_bad_and_the_rest_lives(plant, recorder, running) -> None:
    tags = [
        tag(1, "odd.array"),
        tag(2, "odd.text"),
        tag(3, "odd.fine"),
        tag(4, "odd.missing"),
        TagConfig(series=5, name="elsewhere", address="nsu=urn:nobody;s=x"),
    ]
    async with running(driver, device(plant, tags, heartbeat=0.3), recorder):
        await recorder.until(lambda: len(recorder.last()) == 5)
        await recorder.until(lambda: len(recorder.of(4)) >= 2)
    last = recorder.last()
    assert (last[3].value, last[3].quality) == (1.0, Quality.GOOD)
    assert all((last[i].value, last[i].quality) == (None, Quality.BAD) for i in (1, 2, 4, 5))
    assert sorted(recorder.complaints) == [
        "elsewhere (nsu=urn:nobody;s=x): the server does not know this namespace",
        "odd.array (ns=2;s=odd.array): the value is an array of Double, the tag is a number",
        "odd.missing (ns=2;s=odd.missing): BadNodeIdUnknown",
        "odd.text (ns=2;s=odd.text): the value is String, the tag is a number",
    ]


async def test_an_element_of_an_array_is_followed(plant, recorder, running) -> None:
    tags = [TagConfig(series=1, name="second", address="ns=2;s=odd.array | index=1"), tag(2, "odd.fine")]
    async with running(driver, device(plant, tags, heartbeat=0), recorder):
        await recorder.until(lambda: len(recorder.last()) == 2)
        await plant.write("odd.array", [1.0, 8.5], EPOCH)
        await recorder.until(lambda: recorder.last()[1] == Sample(1, 8.5, EPOCH))


async def test_not_a_number_passes_to_the_gateway_which_judges_it(plant, recorder, running) -> None:
    async with running(driver, device(plant, [tag(1, "nan.value")], heartbeat=0), recorder):
        await recorder.until(lambda: recorder.batches)
        await plant.write("nan.value", math.nan, EPOCH)
        await recorder.until(lambda: len(recorder.samples) == 2)
    assert math.isnan(recorder.samples[1].value)


async def test_a_variable_that_is_added_later_is_found(plant, recorder, running) -> None:
    async with running(driver, device(plant, [tag(1, "late.value")], heartbeat=0.3), recorder):
        await recorder.until(lambda: recorder.of(1))
        folder = await plant.server.nodes.objects.add_object(2, "late")
        node = await folder.add_variable(ua.NodeId("late.value", 2), "value", 3.0)
        await recorder.until(lambda: recorder.last()[1].value == 3.0, seconds=3)
        await node.write_value(4.0)
        await recorder.until(lambda: recorder.last()[1].value == 4.0 and recorder.last()[1].time)


async def test_lost_values_are_reported(plant, recorder, running) -> None:
    async with running(driver, device(plant, [tag(1, "fast.value")], heartbeat=0), recorder):
        await recorder.until(lambda: recorder.batches)
        await plant.write_raw("fast.value", ua.DataValue(ua.Variant(1.0), StatusCode=ua.StatusCode(0x480)))
        await recorder.until(lambda: recorder.complaints)
    assert recorder.complaints == ["fast.value (ns=2;s=fast.value): the server has lost values, its queue was full"]


async def test_a_foreign_client_browses_the_simulator(plant) -> None:
    async with Client(plant.endpoint) as client:
        folder = await client.nodes.objects.get_child("2:CNC1")
        names = [(await node.read_browse_name()).Name for node in await folder.get_children()]
        assert names == ["SpindleSpeed", "Running", "Program", "Parts"]
        with pytest.raises(ua.uaerrors.BadUserAccessDenied):
            await client.get_node("ns=2;s=CNC1.Parts").write_value(9, ua.VariantType.Int64)


async def test_a_dropped_connection_ends_the_driver_at_once(plant, recorder) -> None:
    task = asyncio.create_task(driver.run(device(plant, [tag(1, "still.value")]), recorder))
    await recorder.until(lambda: recorder.batches)
    plant.close_connections()
    with pytest.raises(DeviceUnavailable, match="has ended"):
        await asyncio.wait_for(task, 2)


async def test_a_server_that_falls_silent_is_noticed(plant, recorder) -> None:
    task = asyncio.create_task(driver.run(device(plant, [tag(1, "still.value")], timeout=0.5), recorder))
    await recorder.until(lambda: recorder.batches)
    await plant.stop_answering()
    try:
        with pytest.raises(DeviceUnavailable):
            await asyncio.wait_for(task, 4)
    finally:
        await plant.answer_again()

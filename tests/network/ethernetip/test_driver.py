"""A Logix controller read over a real socket: what the gateway is told when things go well, and when they do not."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Sample
from gongfu.network.drivers.ethernetip import driver
from gongfu.network.drivers.ethernetip.cip import Service
from gongfu.network.drivers.ethernetip.simulator import LogixSimulator, Structure, Tag
from gongfu.network.gateway.config import TagConfig

from .plants import LOGIX, TAGS, VALUES, device, plant


def values(batch: list[Sample]) -> list[object]:
    return [sample.value for sample in sorted(batch, key=lambda sample: sample.series)]


@pytest.mark.parametrize(
    ("options", "served"),
    [
        pytest.param({}, {}, id="large connection"),
        pytest.param({}, {"grants": ("small",)}, id="small connection"),
        pytest.param({}, {"grants": ()}, id="none granted"),
        pytest.param({"connected": False}, {}, id="unconnected"),
        pytest.param({"connected": False, "route": "direct"}, {}, id="without a route"),
        pytest.param({"connected": False, "route": "direct"}, {"packs": False}, id="one service a message"),
        pytest.param({"route": "1,3"}, {"slot": 3}, id="slot 3"),
    ],
)
async def test_every_type_of_tag_arrives_again_and_again(recorder, running, options, served) -> None:
    async with plant(**served) as controller, running(driver, device(controller.port, **options), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 2)
        assert values(recorder.batches[0]) == VALUES
        controller.put("Speed", 900)
        controller.put("Bits[41]", True)
        await recorder.until(lambda: recorder.last()[1].value == 900.0 and recorder.last()[10].value is True)
    assert recorder.times_online == 1
    assert recorder.complaints == []


async def test_many_tags_need_few_messages_and_neighbours_one_request(recorder, running) -> None:
    tags = [TagConfig(series=i, name=f"c{i}", address=f"Counts[{i}]") for i in range(200)]
    tags += [TagConfig(series=200 + i, name=f"b{i}", address=f"Bits[{i}]", kind="boolean") for i in range(96)]
    async with plant() as controller, running(driver, device(controller.port, tags), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 2)
        controller.requests.clear()
        count = len(recorder.batches)
        await recorder.until(lambda: len(recorder.batches) >= count + 2)
        asked = [request.service for request in controller.requests]
    assert values(recorder.batches[0])[:8] == [7, 7, 7, 7, 7, 55, 7, 7]
    assert [i for i, value in enumerate(values(recorder.batches[0])[200:]) if value] == [0, 40]
    packets = asked.count(Service.MULTIPLE_SERVICE_PACKET)
    assert asked.count(Service.READ_TAG) <= 2 * packets  # one for each array


async def test_a_long_value_comes_in_parts(recorder, running) -> None:
    tags = [TagConfig(series=1, name="x", address="Huge.Text", kind="text")]
    structure = Structure("Page", [Tag("Text", "Line"), Tag("Number", "DINT")])
    line = Structure("Line", [Tag("LEN", "DINT"), Tag("DATA", "SINT", count=3000)])
    served = LogixSimulator("127.0.0.1", 0, [Tag("Huge", "Page")], [line, structure], grants=())
    served.put("Huge.Text", "工" * 900)
    async with served, running(driver, device(served.port, tags), recorder):
        await recorder.until(lambda: recorder.batches)
        assert Service.READ_TAG_FRAGMENTED in {request.service for request in served.requests}
    assert recorder.last()[1] == Sample(1, "工" * 900)


async def test_a_taken_port_is_said_so() -> None:
    async with plant() as served:
        with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{served.port}"):
            await LogixSimulator("127.0.0.1", served.port, LOGIX[:2]).__aenter__()


async def test_a_device_without_tags_is_online_while_it_is_there(recorder) -> None:
    async with plant() as served:
        task = asyncio.create_task(driver.run(device(served.port, [], timeout=0.3), recorder))
        await recorder.until(lambda: recorder.times_online)
        await served.stop_answering()
        with pytest.raises(DeviceUnavailable, match="did not answer"):
            await asyncio.wait_for(task, 10)


async def test_nobody_there_is_unavailable(recorder, closed_port) -> None:
    with pytest.raises(DeviceUnavailable, match=f"No EtherNet/IP device answers at 127.0.0.1:{closed_port}"):
        await driver.run(device(closed_port), recorder)
    with pytest.raises(DeviceUnavailable, match="No EtherNet/IP device answers"):
        await driver.run(device(1, host="no..such"), recorder)
    assert recorder.times_online == 0


@pytest.mark.parametrize("connected", [True, False])
async def test_a_wrong_slot_says_what_to_check(recorder, connected) -> None:
    async with plant(slot=2) as served:
        with pytest.raises(DeviceUnavailable, match=r"no way to the controller.*Check the option route"):
            await driver.run(device(served.port, connected=connected), recorder)


async def test_a_controller_that_falls_silent_is_unavailable_and_read_again_when_it_is_back(recorder, running) -> None:
    async with plant() as served:
        task = asyncio.create_task(driver.run(device(served.port, timeout=0.3), recorder))
        await recorder.until(lambda: recorder.batches)
        await served.stop_answering()  # the socket stays open, as when a cable is pulled behind a switch
        with pytest.raises(DeviceUnavailable, match="did not answer within"):
            await asyncio.wait_for(task, 10)
        with pytest.raises(DeviceUnavailable, match="did not answer within"):
            await asyncio.wait_for(driver.run(device(served.port, timeout=0.3), recorder), 10)
        await served.answer_again()
        count = len(recorder.batches)
        async with running(driver, device(served.port), recorder):
            await recorder.until(lambda: len(recorder.batches) > count)
    assert recorder.times_online == 2


async def test_a_connection_that_is_closed_is_unavailable_at_once(recorder) -> None:
    async with plant() as served:
        task = asyncio.create_task(driver.run(device(served.port, timeout=30), recorder))
        await recorder.until(lambda: recorder.batches)
        await served.stop_answering()
        served.close_connections()
        with pytest.raises(DeviceUnavailable, match="broke"):
            await asyncio.wait_for(task, 10)


async def test_a_slow_controller_is_read_less_often_and_nothing_queues_up(recorder, running) -> None:
    async with plant() as served, running(driver, device(served.port, TAGS[:1], interval=0.02), recorder):
        await recorder.until(lambda: recorder.batches)
        served.delay = 0.1
        count = len(recorder.batches)
        await recorder.until(lambda: len(recorder.batches) >= count + 4)
    recent = recorder.arrivals[-3:]
    assert min(later - earlier for earlier, later in pairwise(recent)) > 0.05


async def test_what_is_not_there_is_bad_and_the_rest_lives(recorder, running) -> None:
    tags = [
        *TAGS,
        TagConfig(series=30, name="ghost", address="Nothing"),
        TagConfig(series=31, name="beyond", address="Counts[200]"),
        TagConfig(series=32, name="last", address="Counts[199]"),
        TagConfig(series=33, name="member", address="Drive.Nothing"),
        TagConfig(series=34, name="whole", address="Drive"),
        TagConfig(series=35, name="bit", address="Small.9", kind="boolean"),
        TagConfig(series=36, name="text", address="Speed", kind="text"),
        TagConfig(series=37, name="attribute", address="cip:1/1/99:UINT"),
        TagConfig(series=38, name="object", address="cip:0x300/1/1:UINT"),
        TagConfig(series=39, name="bits", address="Bits[96]"),
    ]
    async with plant() as served, running(driver, device(served.port, tags), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 3)
    for batch in recorder.batches:
        assert values(batch) == [*VALUES, None, None, 7.0, *[None] * 7]
    assert recorder.last()[30] == Sample(30, None, quality=Quality.BAD)
    assert sorted(recorder.complaints) == [
        "attribute (cip:1/1/99:UINT): status 14",
        "beyond (Counts[200]): status FF/2105",
        "bit (Small.9): a SINT has no bit 9",
        "bits (Bits[96]): status FF/2105",
        "ghost (Nothing): status 04",
        "member (Drive.Nothing): status 04",
        "object (cip:0x300/1/1:UINT): status 05",
        "text (Speed): the value is no text",
        "whole (Drive): a structure or string: name a member, or read it as text",
    ]


async def test_a_tag_that_fails_is_bad_until_it_recovers(recorder, running) -> None:
    async with plant() as served, running(driver, device(served.port), recorder):
        await recorder.until(lambda: recorder.batches)
        await served.write("Parts", None, quality=Quality.BAD)
        await recorder.until(lambda: recorder.last()[2] == Sample(2, None, quality=Quality.BAD))
        assert recorder.last()[1] == Sample(1, 1500.5)
        await served.write("Parts", 4)
        await recorder.until(lambda: recorder.last()[2] == Sample(2, 4.0))


async def test_a_program_that_is_changed_under_way_is_read_as_it_is_now(recorder, running) -> None:
    async with plant() as served, running(driver, device(served.port), recorder):
        await recorder.until(lambda: recorder.batches)
        for name in ("Speed", "Counts", "Bits"):  # renamed: for the driver they are gone
            served.memory.remove(name)
        await recorder.until(lambda: recorder.last()[1].value is None and recorder.last()[9].value is None)
        assert recorder.last()[2] == Sample(2, -3.0)
        served.memory.add(Tag("Speed", "DINT", 8))  # and come back with other types
        served.memory.add(Tag("Counts", "REAL", 1.5, count=10))
        served.memory.add(Tag("Bits", "BOOL", True, count=64))
        await recorder.until(
            lambda: [recorder.last()[series].value for series in (1, 7, 8, 9, 10)] == [8.0, 1.5, 1.5, True, True]
        )


async def test_an_array_that_shrinks_costs_only_what_is_gone(recorder, running) -> None:
    tags = [TagConfig(series=i, name=f"c{i}", address=f"Counts[{i}]") for i in (0, 3, 6, 9)]
    async with plant() as served, running(driver, device(served.port, tags), recorder):
        await recorder.until(lambda: recorder.batches)
        served.memory.remove("Counts")
        served.memory.add(Tag("Counts", "DINT", 5, count=7))
        await recorder.until(lambda: recorder.last()[0].value == 5.0)
        await recorder.until(lambda: recorder.last()[9].value is None)
        count = len(recorder.batches)
        await recorder.until(lambda: len(recorder.batches) > count + 2)
    assert values(recorder.batches[-1]) == [5.0, 5.0, 5.0, None]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tags": [TagConfig(series=1, name="x", address="1x")]}, "1x"),
        ({"tags": [TagConfig(series=1, name="x", address="cip:1/1/7:SHORT_STRING")]}, "Tag x is a number"),
        ({"route": "1"}, "route 1 is wrong"),
        ({"host": ""}, "host"),
        ({"encoding": "klingon"}, "klingon"),
        ({"interval": 0.0}, "interval"),
    ],
)
async def test_a_wrong_configuration_is_refused_without_connecting(recorder, change, named) -> None:
    with pytest.raises(BadConfiguration, match=named):
        await driver.run(device(1, **change), recorder)

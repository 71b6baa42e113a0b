"""Questions to a station: what it holds, readings, commands."""

from __future__ import annotations

import asyncio

import pytest

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Identity, Refusal, Sample
from gongfu.network.drivers.iec104 import driver
from gongfu.network.drivers.iec104.codes import Cause, TypeId
from gongfu.network.drivers.iec104.elements import Command
from gongfu.network.drivers.iec104.simulator import Iec104Simulator, Point
from gongfu.network.drivers.iec104.wire import Asdu
from gongfu.network.gateway.config import TagConfig

from .stations import POINTS, TAGS, device

BREAKER, TAP, POWER, VOLTAGE = TAGS[1], TAGS[2], TAGS[5], TAGS[6]


async def test_browsing_finds_the_points_of_a_common_address() -> None:
    async with (
        Iec104Simulator("127.0.0.1", 0, POINTS) as plant,
        driver.open_session(device(plant.port, [], counters=True)) as session,
    ):
        assert await session.identify() == Identity()
        root = await session.browse("")
        assert [(point.address, point.folder) for point in root] == [("1", True)]
        found = {point.address: point for point in await session.browse("1")}
    assert list(found) == [
        "1/1001:sp",
        "1/1002:dp",
        "1/1003:st",
        "1/1004:bo",
        "1/16385:na",
        "1/16386:nb",
        "1/16387:nc",
        "1/25601:it",
    ]
    assert (found["1/1001:sp"].kind, found["1/1001:sp"].detail) == ("boolean", "M_SP_NA_1 single point")
    assert (found["1/16385:na"].kind, found["1/16385:na"].low) == ("number", -1.0)


async def test_an_address_that_browsing_shows_is_a_tag(recorder, running) -> None:
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant:
        async with driver.open_session(device(plant.port, [])) as session:
            found = await session.browse("1")
        tags = [TagConfig(series=i, name=p.name, address=p.address, kind=p.kind) for i, p in enumerate(found)]
        async with running(driver, device(plant.port, tags), recorder):
            await recorder.until(lambda: len(recorder.last()) == len(found))
    assert all(sample.quality is Quality.GOOD for sample in recorder.samples)


async def test_what_is_no_common_address_cannot_be_browsed() -> None:
    async with (
        Iec104Simulator("127.0.0.1", 0, POINTS) as plant,
        driver.open_session(device(plant.port, [])) as session,
    ):
        for wrong in ("x", "0", "1/2", "999999", "²"):
            with pytest.raises(BadConfiguration, match="is not a common address"):
                await session.browse(wrong)
        with pytest.raises(Refusal, match="does not have common address 7"):
            await session.browse("7")


@pytest.mark.parametrize("reads", [True, False])
async def test_tags_are_read_whether_or_not_the_station_knows_the_read_command(reads) -> None:
    tags = [VOLTAGE, TagConfig(series=20, name="ghost", address="1/77"), TAGS[0]]
    async with (
        Iec104Simulator("127.0.0.1", 0, POINTS, reads=reads) as plant,
        driver.open_session(device(plant.port, [])) as session,
    ):
        assert await session.read([VOLTAGE]) == [Sample(7, 110.5)]
        assert await session.read(tags) == [Sample(7, 110.5), Sample(20, None, quality=Quality.BAD), Sample(1, True)]
        lost = TagConfig(series=21, name="lost", address="5/77")
        assert await session.read([lost]) == [Sample(21, None, quality=Quality.BAD)]
        read = [asdu for asdu in plant.heard if asdu.type is TypeId.C_RD_NA_1]
        assert read[0].cause == Cause.REQUESTED


async def test_a_command_is_selected_executed_and_read_back(recorder, running) -> None:
    plant = Iec104Simulator("127.0.0.1", 0, POINTS, must_select=True)
    async with plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.last()) == len(TAGS) - 1)
        async with driver.open_session(device(plant.port)) as session:
            await session.write(BREAKER, False)
            assert plant.connections == 1
            await recorder.until(lambda: recorder.last()[2].value is False)
            assert recorder.last()[2].time > 0
            await session.write(TAP, 2)
            await recorder.until(lambda: recorder.last()[3].value == 6.0)
    sent = [asdu.objects[0] for asdu in plant.heard if isinstance(asdu.objects[0], Command)]
    assert sent == [
        Command(24578, 1, select=True),
        Command(24578, 1),
        Command(24579, 2, select=True),
        Command(24579, 2),
    ]


async def test_set_points_go_at_once_and_may_be_selected_too() -> None:
    plant = Iec104Simulator("127.0.0.1", 0, POINTS)
    async with plant:
        async with driver.open_session(device(plant.port)) as session:
            await session.write(VOLTAGE, 110.25)
            await session.write(POWER, -7)
        async with driver.open_session(device(plant.port, select="all")) as session:
            await session.write(VOLTAGE, 110.75)
            assert [sample.value for sample in await session.read([VOLTAGE, POWER])] == [110.75, -7.0]
    sent = [(asdu.type, asdu.objects[0]) for asdu in plant.heard if isinstance(asdu.objects[0], Command)]
    assert sent == [
        (TypeId.C_SE_NC_1, Command(25091, 110.25)),
        (TypeId.C_SE_NB_1, Command(25090, -7)),
        (TypeId.C_SE_NC_1, Command(25091, 110.75, select=True)),
        (TypeId.C_SE_NC_1, Command(25091, 110.75)),
    ]


@pytest.mark.parametrize("name", ["sp", "dp", "st", "bo", "na", "nb", "nc"])
@pytest.mark.parametrize("tagged", [False, True])
async def test_every_kind_of_command_with_and_without_time(name, tagged) -> None:
    value = 0.5 if name in ("na", "nc") else 1
    async with (
        Iec104Simulator("127.0.0.1", 0, [Point("x", f"1/5:{name}")]) as plant,
        driver.open_session(device(plant.port, [], time_tagged=tagged, originator=9)) as session,
    ):
        await session.write(TagConfig(series=1, name="x", address=f"1/5:{name}"), value)
        last = plant.heard[-1]
    assert last.originator == 9
    assert ("T" in last.type.name.split("_")[2]) is tagged or last.type is TypeId.C_SE_TB_1
    assert (last.objects[0].time is not None) is tagged


async def test_the_type_of_a_command_is_that_of_its_point_when_it_is_known() -> None:
    tag = TagConfig(series=1, name="voltage", address="1/0x4003>25091")
    async with (
        Iec104Simulator("127.0.0.1", 0, POINTS) as plant,
        driver.open_session(device(plant.port, [])) as session,
    ):
        with pytest.raises(Refusal, match="not known which command 1/0x4003>25091 takes"):
            await session.write(tag, 1.0)
        await session.browse("1")
        await session.write(tag, 1.0)
        assert (await session.read([tag]))[0].value == 1.0


@pytest.mark.parametrize(
    ("address", "value", "complaint"),
    [
        ("1/1002:dp>24578", 3, "3 cannot be sent as dp"),
        ("1/0x4002:nb>25090", 40000, "40000 cannot be sent as nb"),
        ("1/0x4002:nb>25090", 1.5, r"1\.5 is not a whole number"),
        ("1/1:na", 1.0, r"1\.0 cannot be sent as na"),
        ("1/1:nc", float("nan"), "nan is no number"),
        ("1/1:nc", float("inf"), "inf is no number"),
        ("1/1:bo", -1, "-1 cannot be sent as bo"),
        ("1/1:sp", "on", "on is neither on nor off"),
        ("1/0x6401:it", 1, "not known which command"),
        ("1/99:nc", 1.0, "declines C_SE_NC_1 for object 99|has no object 99"),
        ("8/99:nc", 1.0, "does not have common address 8"),
        ("1/1002:nc>24578", 1.0, "declines C_SE_NC_1 for object 24578"),
    ],
)
async def test_what_the_station_or_the_type_declines_is_a_refusal(address, value, complaint) -> None:
    async with (
        Iec104Simulator("127.0.0.1", 0, POINTS) as plant,
        driver.open_session(device(plant.port, [])) as session,
    ):
        with pytest.raises(Refusal, match=complaint):
            await session.write(TagConfig(series=1, name="x", address=address), value)


async def test_a_station_that_must_be_selected_declines_a_direct_command() -> None:
    plant = Iec104Simulator("127.0.0.1", 0, POINTS, must_select=True)
    async with plant, driver.open_session(device(plant.port, select="none")) as session:
        with pytest.raises(Refusal, match="declines C_DC_NA_1"):
            await session.write(BREAKER, True)


async def test_a_station_that_does_not_say_when_it_is_done() -> None:
    plant = Iec104Simulator("127.0.0.1", 0, POINTS, terminates=False)
    async with plant:
        async with driver.open_session(device(plant.port, timeout=0.3)) as session:
            with pytest.raises(DeviceUnavailable, match=r"did not answer C_SE_NC_1 within 0\.3 s"):
                await session.write(VOLTAGE, 1.0)
            assert len(await session.browse("1")) == 7
        async with driver.open_session(device(plant.port, termination=False)) as session:
            await session.write(VOLTAGE, 2.0)


async def test_the_late_answer_to_one_command_is_not_taken_for_another() -> None:
    async with (
        Iec104Simulator("127.0.0.1", 0, POINTS) as plant,
        driver.open_session(device(plant.port, termination=False)) as session,
    ):
        plant.delay = 1.0
        writing = asyncio.create_task(session.write(VOLTAGE, 7.0))
        while not plant.heard:
            await asyncio.sleep(0.01)
        late = Asdu(type=TypeId.C_SE_NC_1, cause=Cause.ACTIVATION_CONFIRMED, common=1, objects=(Command(25091, 5.0),))
        await plant.say(late)
        await asyncio.sleep(0.05)
        assert not writing.done()
        await writing
        assert [asdu.objects[0] for asdu in plant.heard] == [Command(25091, 7.0)]


async def test_a_station_that_falls_silent_during_a_command_is_unavailable() -> None:
    async with (
        Iec104Simulator("127.0.0.1", 0, POINTS) as plant,
        driver.open_session(device(plant.port, timeout=0.3)) as session,
    ):
        await plant.stop_answering()
        with pytest.raises(DeviceUnavailable, match="did not answer C_DC_NA_1"):
            await session.write(BREAKER, True)


async def test_a_connection_that_breaks_during_a_command_is_unavailable() -> None:
    async with (
        Iec104Simulator("127.0.0.1", 0, POINTS) as plant,
        driver.open_session(device(plant.port)) as session,
    ):
        await plant.stop_answering()
        writing = asyncio.create_task(session.write(BREAKER, True))
        await asyncio.sleep(0.05)
        plant.close_connections()
        with pytest.raises(DeviceUnavailable, match="broke"):
            await asyncio.wait_for(writing, 10)

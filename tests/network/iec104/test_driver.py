"""A station followed over a real socket: what the gateway is told when things go well."""

from __future__ import annotations

import asyncio
import time

import pytest

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, Sample
from gongfu.network.drivers.iec104 import driver
from gongfu.network.drivers.iec104.codes import Cause, Flag, TypeId
from gongfu.network.drivers.iec104.elements import Information, System
from gongfu.network.drivers.iec104.simulator import Iec104Simulator, Point
from gongfu.network.drivers.iec104.wire import Asdu
from gongfu.network.gateway.config import TagConfig

from .stations import POINTS, TAGS, device


async def test_an_interrogation_brings_all_points(recorder, running) -> None:
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.last()) == len(TAGS) - 1)
        assert recorder.last() == {
            1: Sample(1, True),
            2: Sample(2, True),
            3: Sample(3, 5.0),
            4: Sample(4, 2_147_483_649.0),
            5: Sample(5, -0.5),
            6: Sample(6, -1234.0),
            7: Sample(7, 110.5),
        }
        assert recorder.times_online == 1
        assert recorder.complaints == []


async def test_counters_come_when_they_are_asked_for(recorder, running) -> None:
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant:
        async with running(driver, device(plant.port, counters=True), recorder):
            await recorder.until(lambda: len(recorder.last()) == len(TAGS))
        assert recorder.last()[8] == Sample(8, 123456.0)


async def test_what_happens_is_told_with_the_stations_time(recorder, running) -> None:
    at = 1_781_965_845_500_000
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.last()) == len(TAGS) - 1)
        await plant.write("voltage", 99.25, at)
        await plant.write("breaker", 1, at + 1000)
        await plant.write("earthed", False)
        await recorder.until(lambda: recorder.last()[1].value is False)
    assert recorder.last()[7] == Sample(7, 99.25, at)
    assert recorder.last()[2] == Sample(2, False, at + 1000)
    assert recorder.last()[1] == Sample(1, False, 0)


@pytest.mark.parametrize(("clock", "hours"), [("utc", 8), ("+08:00", 0), ("+09:30", -1.5)])
async def test_the_clock_of_a_station_may_be_another(recorder, running, clock, hours) -> None:
    at = 1_781_965_845_500_000  # the simulator keeps Beijing time
    plant = Iec104Simulator("127.0.0.1", 0, POINTS)
    async with plant, running(driver, device(plant.port, clock=clock), recorder):
        await recorder.until(lambda: len(recorder.last()) == len(TAGS) - 1)
        await plant.write("voltage", 99.25, at)
        await recorder.until(lambda: recorder.last()[7].value == 99.25)
    assert recorder.last()[7].time == at + round(hours * 3_600_000_000)


async def test_quality_follows_the_quality_descriptor(recorder, running) -> None:
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.last()) == len(TAGS) - 1)
        for flags, grade in [
            (Flag.INVALID, Quality.BAD),
            (Flag.NOT_TOPICAL, Quality.UNCERTAIN),
            (Flag.SUBSTITUTED, Quality.UNCERTAIN),
            (Flag.BLOCKED, Quality.UNCERTAIN),
            (Flag.OVERFLOW, Quality.UNCERTAIN),
            (Flag.OVERFLOW | Flag.INVALID, Quality.BAD),
            (Flag.NONE, Quality.GOOD),
        ]:
            count = len(recorder.of(7))
            element = Information(0x4003, 1.5, flags)
            await plant.say(Asdu(type=TypeId.M_ME_NC_1, cause=Cause.SPONTANEOUS, common=1, objects=(element,)))
            await recorder.until(lambda count=count: len(recorder.of(7)) > count)
            assert recorder.last()[7] == Sample(7, 1.5, quality=grade)
        assert recorder.last()[1] == Sample(1, True)


async def test_a_breaker_between_its_ends_is_no_boolean(recorder, running) -> None:
    tags = [
        TagConfig(series=1, name="breaker", address="1/1002:dp", kind="boolean"),
        TagConfig(series=2, name="position", address="1/1002"),
    ]
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: len(recorder.last()) == 2)
        assert recorder.last() == {1: Sample(1, True), 2: Sample(2, 2.0)}
        await plant.write("breaker", 0)
        await recorder.until(lambda: recorder.last()[2].value == 0.0)
    assert recorder.last()[1] == Sample(1, None, quality=Quality.BAD)
    assert recorder.last()[2] == Sample(2, 0.0, quality=Quality.UNCERTAIN)


async def test_two_stations_behind_one_socket_share_one_connection(running, recorder) -> None:
    points = [Point("here", "1/1:nc", 1.0), Point("there", "2/1:nc", 2.0)]
    other = type(recorder)()
    async with Iec104Simulator("127.0.0.1", 0, points) as plant:
        first = device(plant.port, [TagConfig(series=1, name="here", address="1/1")])
        second = device(plant.port, [TagConfig(series=2, name="there", address="2/1")])
        async with running(driver, first, recorder), running(driver, second, other):
            await recorder.until(lambda: recorder.samples)
            await other.until(lambda: other.samples)
            assert plant.connections == 1
    assert recorder.samples == [Sample(1, 1.0)]
    assert other.samples == [Sample(2, 2.0)]


async def test_more_points_than_a_window_holds(recorder, running) -> None:
    count = 3000
    points = [Point(f"p{i}", f"1/{i}:nc", float(i)) for i in range(1, count + 1)]
    tags = [TagConfig(series=i, name=f"p{i}", address=f"1/{i}:nc") for i in range(1, count + 1)]
    async with Iec104Simulator("127.0.0.1", 0, points) as plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: len(recorder.samples) >= count, 20)
    assert {sample.series: sample.value for sample in recorder.samples} == {i: float(i) for i in range(1, count + 1)}


async def test_a_slow_gateway_loses_nothing_and_stays_connected(recorder, running) -> None:
    recorder.delay = 0.02
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: recorder.samples)
        for value in range(2000):
            await plant.write("voltage", float(value))
        await recorder.until(lambda: recorder.last()[7].value == 1999.0, 30)
        assert plant.connections == 1
    assert [sample.value for sample in recorder.of(7)][-2000:] == [float(value) for value in range(2000)]


async def test_the_interval_interrogates_again_when_told_to(recorder, running) -> None:
    plant = Iec104Simulator("127.0.0.1", 0, POINTS)
    async with plant, running(driver, device(plant.port, interval=0.05, cyclic=True), recorder):
        await recorder.until(lambda: len(recorder.of(7)) >= 3)


async def test_a_station_that_has_started_anew_is_interrogated_again(recorder, running) -> None:
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: len(recorder.last()) == len(TAGS) - 1)
        await recorder.until(lambda: len(plant.heard) == 1)
        await plant.say(Asdu(type=TypeId.M_EI_NA_1, cause=Cause.INITIALISED, common=1, objects=(System(0, 2),)))
        await recorder.until(lambda: len(recorder.of(7)) == 2)


async def test_the_clock_is_set_when_told_to(recorder, running) -> None:
    plant = Iec104Simulator("127.0.0.1", 0, POINTS)
    async with plant, running(driver, device(plant.port, set_clock=True), recorder):
        await recorder.until(lambda: plant.clock is not None)
    assert plant.clock is not None
    local = time.gmtime(time.time() + 8 * 3600)
    assert (plant.clock.year, plant.clock.month) == (local.tm_year % 100, local.tm_mon)


async def test_short_common_addresses(recorder, running) -> None:
    plant = Iec104Simulator("127.0.0.1", 0, POINTS, common_size=1)
    async with plant, running(driver, device(plant.port, common_address_size=1), recorder):
        await recorder.until(lambda: len(recorder.last()) == len(TAGS) - 1)


async def test_a_standby_is_used_when_the_first_is_gone(recorder, running, closed_port) -> None:
    plant = Iec104Simulator("127.0.0.1", 0, POINTS)
    async with plant:
        both = device(closed_port, standby_host="127.0.0.1", standby_port=plant.port)
        async with running(driver, both, recorder):
            await recorder.until(lambda: recorder.samples)


async def test_a_taken_port_is_said_so() -> None:
    async with Iec104Simulator("127.0.0.1", 0, POINTS) as plant:
        with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{plant.port}"):
            await Iec104Simulator("127.0.0.1", plant.port, POINTS).__aenter__()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tags": [TagConfig(series=1, name="x", address="DB1.DBW0")]}, r"DB1\.DBW0"),
        ({"tags": [TagConfig(series=1, name="x", address="1/1", kind="text")]}, "Tag x is a text"),
        ({"tags": [TagConfig(series=1, name="x", address="300/1")], "common_address_size": 1}, "1 to 254"),
        ({"clock": "Mars"}, "Mars is not the clock"),
        ({"t1": 5, "t2": 5}, r"t2 \(5.0 s\) must be less than t1"),
        ({"host": ""}, "host"),
        ({"k": 0}, "k"),
    ],
)
async def test_a_wrong_configuration_is_refused_without_connecting(recorder, change, named) -> None:
    with pytest.raises(BadConfiguration, match=named):
        await asyncio.wait_for(driver.run(device(1, **change), recorder), 5)

"""Questions to a BACnet device: who it is, what it holds, readings, writes."""

from __future__ import annotations

import asyncio

import pytest

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.bacnet import driver
from gongfu.network.drivers.bacnet.simulator import BacnetSimulator, Point
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Identity, Refusal, Sample
from gongfu.network.gateway.config import TagConfig

from .buildings import POINTS, TAGS, VALUES, device

SUPPLY, VALVE, SETPOINT, FILTER, FAN, MODE, OPERATOR = TAGS


async def test_a_device_says_who_it_is() -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        assert await session.identify() == Identity(
            vendor="Gongfu", product="Simulated building", version="1.0", serial_number="0001"
        )


@pytest.mark.parametrize("without", [{}, {"multiple": False}, {"longest": 4}])
async def test_browsing_finds_every_object(without) -> None:
    async with (
        BacnetSimulator("127.0.0.1", 0, POINTS, **without) as plant,
        driver.open_session(device(plant.port, [])) as session,
    ):
        found = {point.address: point for point in await session.browse("")}
        with pytest.raises(BadConfiguration, match="holds nothing to browse"):
            await session.browse("analog-input,1")
    assert list(found) == [point.address for point in POINTS]
    supply = found["analog-input,1"]
    assert (supply.name, supply.unit, supply.kind, supply.writable) == ("supply", "°C", "number", False)
    assert supply.detail == "Supply air"
    assert [point.address for point in found.values() if point.writable] == [
        "analog-output,2",
        "analog-value,3",
        "binary-output,1",
    ]
    assert [point.kind for point in found.values()] == [*["number"] * 3, *["boolean"] * 2, "number", "text"]


async def test_an_address_that_browsing_shows_is_a_tag() -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        found = await session.browse("")
        tags = [TagConfig(series=i, name=p.name, address=p.address, kind=p.kind) for i, p in enumerate(found)]
        assert [sample.value for sample in await session.read(tags)] == list(VALUES.values())


async def test_a_device_whose_object_list_does_not_fit_is_browsed_entry_by_entry() -> None:
    points = [Point(f"p{i}", f"analog-value,{i}", float(i)) for i in range(40)]
    async with (
        BacnetSimulator("127.0.0.1", 0, points, long_list=True) as plant,
        driver.open_session(device(plant.port, [])) as session,
    ):
        assert [point.name for point in await session.browse("")] == [point.name for point in points]


async def test_tags_are_read_each_with_its_quality() -> None:
    tags = [SUPPLY, TagConfig(series=20, name="ghost", address="analog-input,77"), OPERATOR, FILTER]
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        await plant.write("supply", 30.5, quality=Quality.BAD)
        assert await session.read(tags) == [
            Sample(1, 30.5, quality=Quality.BAD),
            Sample(20, None, quality=Quality.BAD),
            Sample(7, "王工"),
            Sample(4, True),
        ]
        assert await session.read([]) == []


async def test_writes_arrive_and_are_given_up() -> None:
    async with (
        BacnetSimulator("127.0.0.1", 0, POINTS) as plant,
        driver.open_session(device(plant.port, priority=8)) as session,
    ):
        await session.write(VALVE, 75.5)
        await session.write(FAN, True)
        await session.write(MODE, 5)
        await session.write(OPERATOR, "李工")
        assert [plant.value(name) for name in ("valve", "fan", "mode", "operator")] == [75.5, 1, 5, "李工"]
        slot = TagConfig(series=9, name="slot", address="analog-output,2:priority-array[8]")
        assert await session.read([slot, VALVE]) == [Sample(9, 75.5), Sample(2, 75.5)]
        await session.write(VALVE, "null")
        await session.write(FAN, "null")
        assert await session.read([VALVE, FAN]) == [Sample(2, 40.0), Sample(5, False)]


async def test_a_higher_priority_wins() -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant:
        async with driver.open_session(device(plant.port, priority=5)) as session:
            await session.write(SETPOINT, 25.0)
        async with driver.open_session(device(plant.port, priority=10)) as session:
            await session.write(SETPOINT, 19.0)
            assert await session.read([SETPOINT]) == [Sample(3, 25.0)]
        async with driver.open_session(device(plant.port, priority=5)) as session:
            await session.write(SETPOINT, "null")
            assert await session.read([SETPOINT]) == [Sample(3, 19.0)]


@pytest.mark.parametrize(
    ("address", "value", "complaint"),
    [
        ("analog-input,77", 1.0, "declines to write analog-input,77: object: unknown-object"),
        ("analog-input,1:status-flags", 1.0, "holds BitString cannot be written"),
        ("analog-output,2", "much", "much is no number"),
        ("analog-output,2", 1e39, "outside the range of Real"),
        ("binary-output,1", 0.5, r"0\.5 is not a whole number"),
        ("multi-state-value,1", -1, "-1 is outside the range of Unsigned"),
        ("characterstring-value,1", 5.0, r"5\.0 is no text"),
        ("analog-output,2:priority-array", 1.0, "holds a list"),
        ("analog-input,1", 1.0, "declines to write analog-input,1: property: write-access-denied"),
    ],
)
async def test_what_the_device_or_the_type_declines_is_a_refusal(address, value, complaint) -> None:
    async with BacnetSimulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        with pytest.raises(Refusal, match=complaint):
            await session.write(TagConfig(series=1, name="x", address=address), value)


async def test_a_device_that_falls_silent_is_unavailable() -> None:
    async with (
        BacnetSimulator("127.0.0.1", 0, POINTS) as plant,
        driver.open_session(device(plant.port, timeout=0.3, retries=2)) as session,
    ):
        await plant.stop_answering()
        questions = session.identify(), session.browse(""), session.read(TAGS), session.write(VALVE, 1.0)
        for answer in await asyncio.gather(*questions, return_exceptions=True):
            assert isinstance(answer, DeviceUnavailable)
            assert "No BACnet device answers" in str(answer)

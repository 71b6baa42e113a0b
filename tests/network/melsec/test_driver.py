"""A MELSEC controller read over a real socket: what the gateway is told when things go well, and when they do not."""

from __future__ import annotations

import asyncio
import math

import pytest

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Sample
from gongfu.network.drivers.melsec import driver
from gongfu.network.drivers.melsec.simulator import SIZE, MelsecSimulator, Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig

POINTS = [
    Point("speed", "D100:float32", 1500.5),
    Point("parts", "D104", -3),
    Point("total", "R2000:uint32", 4_000_000_000),
    Point("running", "M10", True),
    Point("door", "X1F", False),
    Point("alarm", "D105.A", True),
    Point("program", "D200:string10", "O1234"),
    Point("operator", "D210:string12", "王工"),
    Point("timer", "T5", 250),
]
TAGS = [
    TagConfig(series=1, name="speed", address="D100:float32"),
    TagConfig(series=2, name="parts", address="D104"),
    TagConfig(series=3, name="total", address="R2000:uint32"),
    TagConfig(series=4, name="running", address="M10", kind="boolean"),
    TagConfig(series=5, name="door", address="X1F"),
    TagConfig(series=6, name="alarm", address="D105.A", kind="boolean"),
    TagConfig(series=7, name="program", address="D200:string10", kind="text"),
    TagConfig(series=8, name="operator", address="D210:string12", kind="text"),
    TagConfig(series=9, name="timer", address="T5"),
]
VALUES = [1500.5, -3.0, 4e9, True, 0.0, True, "O1234", "王工", 250.0]


def device(port: int, tags: list[TagConfig] = TAGS, interval: float = 0.05, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="press",
        driver="melsec",
        options={"host": "127.0.0.1", "port": port, "timeout": 1.0, **options},  # type: ignore[dict-item]
        interval=interval,
        tags=tags,
    )


def values(batch: list[Sample]) -> list[object]:
    return [sample.value for sample in sorted(batch, key=lambda sample: sample.series)]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("series", ["Q/L/FX5", "iQ-R"])
@pytest.mark.parametrize("code", ["binary", "ascii"])
@pytest.mark.parametrize("frame", ["3E", "4E"])
async def test_every_dialect_gives_the_same_values(recorder, running, transport, series, code, frame) -> None:
    plant = MelsecSimulator("127.0.0.1", 0, POINTS, ascii=code == "ascii", udp=transport == "udp")
    async with plant:
        options = {"transport": transport, "series": series, "code": code, "frame": frame}
        async with running(driver, device(plant.port, **options), recorder):
            await recorder.until(lambda: len(recorder.batches) >= 2)
            assert values(recorder.batches[0]) == VALUES
            await plant.write("speed", 900)
            await recorder.until(lambda: recorder.last()[1].value == 900.0)
    assert recorder.times_online == 1
    assert recorder.complaints == []


async def test_a_taken_port_is_said_so() -> None:
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as plant:
        with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{plant.port}"):
            await MelsecSimulator("127.0.0.1", plant.port, POINTS).__aenter__()


async def test_a_device_without_tags_is_online_while_it_is_there(recorder) -> None:
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as served:
        task = asyncio.create_task(driver.run(device(served.port, [], timeout=0.3), recorder))
        await recorder.until(lambda: recorder.times_online)
        await served.stop_answering()
        with pytest.raises(DeviceUnavailable, match="did not answer"):
            await asyncio.wait_for(task, 10)


async def test_nobody_there_is_unavailable(recorder, closed_port) -> None:
    with pytest.raises(DeviceUnavailable, match=f"No controller answers at 127.0.0.1:{closed_port}"):
        await driver.run(device(closed_port), recorder)
    with pytest.raises(DeviceUnavailable, match=f"127.0.0.1:{closed_port}"):
        await driver.run(device(closed_port, transport="udp"), recorder)
    with pytest.raises(DeviceUnavailable, match="No controller answers"):
        await driver.run(device(1, host="no..such"), recorder)
    assert recorder.times_online == 0


async def test_a_controller_that_falls_silent_is_unavailable_and_read_again_when_it_is_back(recorder, running) -> None:
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as plant:
        task = asyncio.create_task(driver.run(device(plant.port, timeout=0.3), recorder))
        await recorder.until(lambda: recorder.batches)
        await plant.stop_answering()  # the socket stays open, as when a cable is pulled behind a switch
        with pytest.raises(DeviceUnavailable, match="did not answer within"):
            await asyncio.wait_for(task, 10)
        await plant.answer_again()
        count = len(recorder.batches)
        async with running(driver, device(plant.port), recorder):
            await recorder.until(lambda: len(recorder.batches) > count)
    assert recorder.times_online == 2


async def test_a_connection_that_is_closed_is_unavailable_at_once(recorder) -> None:
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as plant:
        task = asyncio.create_task(driver.run(device(plant.port, timeout=30), recorder))
        await recorder.until(lambda: recorder.batches)
        await plant.stop_answering()
        plant.close_connections()
        with pytest.raises(DeviceUnavailable, match="broke"):
            await asyncio.wait_for(task, 10)


async def test_a_slow_controller_is_read_less_often_and_nothing_queues_up(recorder, running) -> None:
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as plant:
        plant.delay = 0.1
        async with running(driver, device(plant.port, TAGS[:1], interval=0.02), recorder):
            await recorder.until(lambda: len(recorder.batches) >= 3)
    gaps = [later - earlier for earlier, later in zip(recorder.arrivals, recorder.arrivals[1:], strict=False)]
    assert min(gaps) > 0.05


async def test_a_number_beyond_the_controllers_is_bad_and_the_rest_lives(recorder, running) -> None:
    tags = [
        *TAGS,
        TagConfig(series=10, name="ghost", address=f"D{SIZE + 5}"),
        TagConfig(series=11, name="edge", address=f"M{SIZE + 1}"),
        TagConfig(series=12, name="last", address=f"D{SIZE - 1}"),
    ]
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port, tags), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 3)
    for batch in recorder.batches:
        assert values(batch) == [*VALUES, None, None, 0.0]
    assert recorder.last()[10] == Sample(10, None, quality=Quality.BAD)
    assert sorted(recorder.complaints) == [
        f"edge (M{SIZE + 1}): end code C056",
        f"ghost (D{SIZE + 5}): end code C056",
    ]


async def test_a_device_that_cannot_be_read_is_bad_until_it_can(recorder, running) -> None:
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as plant, running(driver, device(plant.port), recorder):
        await recorder.until(lambda: recorder.batches)
        await plant.write("parts", None, quality=Quality.BAD)
        await recorder.until(lambda: recorder.last()[2] == Sample(2, None, quality=Quality.BAD))
        assert recorder.last()[1] == Sample(1, 1500.5)
        await plant.write("parts", 4)
        await recorder.until(lambda: recorder.last()[2] == Sample(2, 4.0))


async def test_a_locked_port_says_so(recorder) -> None:
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as plant:
        plant.declines = 0xC201
        with pytest.raises(DeviceUnavailable, match=r"locked by a remote password \(end code C201\)"):
            await driver.run(device(plant.port), recorder)


async def test_not_a_number_and_a_wrong_type_are_left_to_judge(recorder, running) -> None:
    tags = [
        TagConfig(series=1, name="speed", address="D100:float32"),
        TagConfig(series=2, name="two", address="D104", kind="boolean"),
        TagConfig(series=3, name="program", address="D200:string10", kind="text"),
    ]
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as plant:
        plant.put("speed", math.nan)
        plant.put("parts", 2)
        plant.put("program", "\u0001\u0002")
        async with running(driver, device(plant.port, tags), recorder):
            await recorder.until(lambda: recorder.batches)
    assert math.isnan(recorder.last()[1].value)
    assert recorder.last()[2] == Sample(2, None, quality=Quality.BAD)
    assert recorder.complaints == ["two (D104): the value is no boolean"]


async def test_devices_on_one_port_share_its_connection(recorder, running) -> None:
    other = type(recorder)()
    async with (
        MelsecSimulator("127.0.0.1", 0, POINTS) as plant,
        running(driver, device(plant.port), recorder),
        running(driver, device(plant.port, TAGS[:2]), other),
        driver.open_session(device(plant.port)) as session,
    ):
        await recorder.until(lambda: len(recorder.batches) >= 2)
        await other.until(lambda: len(other.batches) >= 2)
        assert (await session.identify()).product == "Q03UDVCPU"
        assert plant.connections == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tags": [TagConfig(series=1, name="x", address="Q1")]}, "Q1"),
        ({"tags": [TagConfig(series=1, name="x", address="D1", kind="text")]}, "Tag x is a text"),
        ({"tags": [TagConfig(series=1, name="x", address="D1:string4")]}, "Tag x is a number"),
        ({"frame": "1E"}, "frame"),
        ({"host": ""}, "host"),
        ({"encoding": "klingon"}, "klingon"),
        ({"interval": 0.0}, "interval"),
    ],
)
async def test_a_wrong_configuration_is_refused_without_connecting(recorder, change, named) -> None:
    with pytest.raises(BadConfiguration, match=named):
        await driver.run(device(1, **change), recorder)

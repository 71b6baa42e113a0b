"""An agent followed over a real socket: nothing lost, nothing doubled, and what the gateway is told otherwise."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable
from gongfu.network.drivers.mtconnect import driver
from gongfu.network.drivers.mtconnect.simulator import MTConnectSimulator, Point
from gongfu.network.drivers.surroundings import Surroundings, provide
from gongfu.network.gateway.config import DeviceConfig, TagConfig

POINTS = [
    Point("Xpos", "SAMPLE", "POSITION", "1", units="MILLIMETER"),
    Point("exec", "EVENT", "EXECUTION", "READY"),
    Point("sys", "CONDITION", "SYSTEM", "Normal"),
]
TAGS = [
    TagConfig(series=1, name="x", address="Xpos"),
    TagConfig(series=2, name="execution", address="VMC-3Axis/exec", kind="text"),
    TagConfig(series=3, name="state", address="sys", kind="text"),
]
START = 1_700_000_000_000_000


@pytest.fixture(autouse=True)
def _positions(tmp_path: Path) -> None:
    provide(Surroundings(positions=tmp_path / "positions.sqlite3"))


def agent(**how: object) -> MTConnectSimulator:
    return MTConnectSimulator("127.0.0.1", 0, POINTS, **how)  # type: ignore[arg-type]


def device(url: str, tags: list[TagConfig] = TAGS, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="mill",
        driver="mtconnect",
        options={"url": url, "timeout": 2, "heartbeat": 0.2, "refresh": 0, **options},  # type: ignore[dict-item]
        interval=0.02,
        tags=tags,
    )


def values(recorder, series: int = 1) -> list[float | bool | str | None]:
    return [sample.value for sample in recorder.of(series)]


@pytest.mark.parametrize("streaming", [True, False])
async def test_what_changes_arrives_once_with_its_time(recorder, running, streaming: bool) -> None:
    async with agent(streaming=streaming) as plant, running(driver, device(plant.url), recorder):
        await recorder.until(lambda: len(recorder.samples) == 3)
        for number in range(50):
            plant.put("Xpos", str(number), START + number)
            if number % 10 == 0:
                await asyncio.sleep(0.02)
        plant.put("exec", "UNAVAILABLE", START)
        plant.put("sys", "Fault: hot", START, code="4")
        await recorder.until(lambda: len(recorder.samples) >= 55)
        assert values(recorder) == [1, *range(50)]
        assert [sample.time for sample in recorder.of(1)][1:] == [START + number for number in range(50)]
        assert (recorder.last()[2].value, recorder.last()[2].quality) == (None, Quality.BAD)
        assert recorder.last()[3].value == "Fault 4: hot"
    assert recorder.times_online == 1
    assert recorder.complaints == []


async def test_nothing_is_lost_or_doubled_when_streams_break_and_the_gateway_starts_again(recorder, running) -> None:
    async with agent() as plant:
        for life in range(4):
            async with running(driver, device(plant.url), recorder) as task:
                await recorder.until(lambda: recorder.times_online > life)  # noqa: B023
                for number in range(20):
                    plant.put("Xpos", str(100 * life + number))
                await recorder.until(lambda: 100 * life + 10 in values(recorder))  # noqa: B023
                if life == 1:
                    while not task.done():  # it may not have opened its stream yet
                        await plant.break_streams()
                        await asyncio.sleep(0.01)
                    assert isinstance(task.exception(), DeviceUnavailable)
            for number in range(20, 40):  # while nobody listens
                plant.put("Xpos", str(100 * life + number))
        async with running(driver, device(plant.url), recorder):
            await recorder.until(lambda: 339 in values(recorder))
    assert values(recorder) == [1, *(100 * life + number for life in range(4) for number in range(40))]
    assert recorder.complaints == []


async def test_a_restarted_agent_is_noticed_and_read_anew(recorder, running) -> None:
    async with agent() as plant:
        for number in range(30):
            plant.put("Xpos", str(number))
        async with running(driver, device(plant.url), recorder):
            await recorder.until(lambda: values(recorder) == [29])
        await plant.restart()
        async with running(driver, device(plant.url), recorder):
            await recorder.until(lambda: len(values(recorder)) == 2)
            plant.put("Xpos", "77")
            await recorder.until(lambda: 77 in values(recorder))
    assert values(recorder) == [29, 1, 77]
    assert "the agent was restarted" in recorder.complaints[0]


async def test_a_buffer_that_no_longer_reaches_back_is_an_event_and_reading_goes_on(recorder, running) -> None:
    async with agent(size=10) as plant:
        async with running(driver, device(plant.url), recorder):
            await recorder.until(lambda: len(recorder.samples) == 3)
        for number in range(50):
            plant.put("Xpos", str(number))
        async with running(driver, device(plant.url), recorder):
            await recorder.until(lambda: 49 in values(recorder))
            plant.put("Xpos", "50")
            await recorder.until(lambda: 50 in values(recorder))
    assert values(recorder) == [1, 49, 50]
    assert "has dropped observations 4 to 43" in recorder.complaints[0]


async def test_falling_behind_a_running_stream_is_an_event_too(recorder, running) -> None:
    async with agent(size=10) as plant, running(driver, device(plant.url), recorder):
        await recorder.until(lambda: len(recorder.samples) == 3)
        await asyncio.sleep(0.05)
        for number in range(50):
            plant.put("Xpos", str(number))
        await recorder.until(lambda: 49 in values(recorder))
    assert "dropped observations" in recorder.complaints[0]


async def test_a_data_item_that_is_not_there_is_bad_and_its_neighbours_live(recorder, running) -> None:
    tags = [
        *TAGS,
        TagConfig(series=9, name="gone", address="gone"),
        TagConfig(series=8, name="y", address="Other/Xpos"),
    ]
    async with agent() as plant, running(driver, device(plant.url, tags), recorder):
        await recorder.until(lambda: len(recorder.samples) == 5)
        assert {series: sample.value for series, sample in recorder.last().items()} == {
            1: 1.0,
            2: "READY",
            3: "Normal",
            8: None,
            9: None,
        }
    assert recorder.complaints == [
        "gone (gone): the agent has no such data item",
        "y (Other/Xpos): the agent has no such data item",
    ]


async def test_a_changed_device_is_noticed_after_the_agents_restart(recorder, running) -> None:
    async with agent() as plant:
        async with running(driver, device(plant.url), recorder):
            await recorder.until(lambda: len(recorder.samples) == 3)
        plant.remove("exec")
        await plant.restart()
        async with running(driver, device(plant.url), recorder):
            await recorder.until(lambda: len(recorder.of(2)) == 2)
        assert recorder.last()[2].quality is Quality.BAD


async def test_a_value_of_the_wrong_type_is_bad(recorder, running) -> None:
    tags = [TagConfig(series=1, name="x", address="exec"), TagConfig(series=2, name="y", address="Xpos")]
    async with agent() as plant, running(driver, device(plant.url, tags), recorder):
        await recorder.until(lambda: len(recorder.samples) == 2)
    assert recorder.last()[1].quality is Quality.BAD
    assert recorder.complaints == ["x (exec): 'READY' is no number"]


async def test_a_value_that_does_not_change_is_confirmed_from_time_to_time(recorder, running) -> None:
    async with agent() as plant, running(driver, device(plant.url, refresh=0.1), recorder):
        await recorder.until(lambda: len(recorder.of(1)) >= 3)
    assert [(sample.value, sample.time) for sample in recorder.of(1)][1:3] == [(1.0, 0), (1.0, 0)]


async def test_a_session_reads_and_browses(recorder) -> None:
    async with agent() as plant, driver.open_session(device(plant.url, device="VMC-3Axis")) as session:
        assert (await session.identify()).vendor == "Gongfu"
        assert [point.address for point in await session.browse("x")] == ["Xpos", "exec", "sys"]
        tags = [TAGS[2], TagConfig(series=5, name="n", address="nothing"), TAGS[0]]
        assert [sample.value for sample in await session.read(tags)] == ["Normal", None, 1.0]


async def test_a_device_the_agent_does_not_know_is_refused(recorder) -> None:
    async with agent() as plant:
        with pytest.raises(BadConfiguration, match="no such device"):
            await driver.run(device(plant.url, device="press"), recorder)


@pytest.mark.parametrize(
    "body",
    [
        b"<html/>",
        b"noise" * 1000,
        b'<!DOCTYPE a [<!ENTITY x "ha">]><MTConnectDevices>&x;</MTConnectDevices>',
        b"<MTConnectDevices><Devices/></MTConnectDevices>",
        b"<MTConnectStreams><Header/></MTConnectStreams>",
    ],
)
async def test_documents_that_are_none_are_unavailable(recorder, body: bytes) -> None:
    async with agent() as plant:
        plant.answer_with(body)
        with pytest.raises(DeviceUnavailable):
            await driver.run(device(plant.url), recorder)
    assert recorder.batches == []


async def test_nobody_there_is_unavailable(recorder, closed_port) -> None:
    with pytest.raises(DeviceUnavailable, match=f"Nothing answers at http://127.0.0.1:{closed_port}"):
        await driver.run(device(f"http://127.0.0.1:{closed_port}"), recorder)


async def test_rubbish_from_the_network_is_unavailable(recorder, rubbish_port) -> None:
    with pytest.raises(DeviceUnavailable):
        await driver.run(device(f"http://127.0.0.1:{rubbish_port}", timeout=0.5), recorder)
    assert recorder.batches == []


async def test_a_slow_agent_is_unavailable_in_time(recorder) -> None:
    async with agent() as plant:
        plant.set_delay(20)
        with pytest.raises(DeviceUnavailable, match="did not answer within"):
            await asyncio.wait_for(driver.run(device(plant.url, timeout=0.2), recorder), 10)


async def test_a_stream_that_falls_silent_is_unavailable_in_time(recorder, serve) -> None:
    """A half-open socket: the agent has died without a word in the middle of its stream."""
    async with agent() as plant:

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", plant.port)
            while request := await reader.readuntil(b"\r\n\r\n"):
                if b"interval=" in request:
                    writer.write(
                        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\n\r\n--x\r\n"
                    )
                    await reader.read()
                    break
                back.write(request)
                head = await there.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                writer.write(head + await there.readexactly(length))
            back.close()

        port = await serve(forward)
        with pytest.raises(DeviceUnavailable, match="did not answer within"):
            await asyncio.wait_for(driver.run(device(f"http://127.0.0.1:{port}", timeout=0.3), recorder), 10)
    assert len(recorder.samples) == 3


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/", "127.0.0.1:5000", "http://", "http://u:p@h/"])
async def test_what_is_no_web_address_is_refused(recorder, url: str) -> None:
    with pytest.raises(BadConfiguration, match="no address of a web server"):
        await driver.run(device(url), recorder)


async def test_a_wrong_address_is_refused(recorder) -> None:
    with pytest.raises(BadConfiguration, match="no address of an MTConnect data item"):
        await driver.run(device("http://127.0.0.1:1", [TagConfig(series=1, name="x", address="a/b/c")]), recorder)

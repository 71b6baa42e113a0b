"""Questions to a gateway: who a device is, what it holds, what it reads, against a real bus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from gongfu.kernel import bus
from gongfu.kernel.errors import unpacked
from gongfu.kernel.readings import Quality
from gongfu.network.drivers import registry
from gongfu.network.drivers.modbus import driver as modbus
from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from gongfu.network.drivers.sparkplug.wire import DataType, Metric, Payload, encode_payload
from gongfu.network.gateway import asking
from gongfu.network.gateway.asking import Browse, Browsed, Failed, Question, Reached, Read, Seen, Trial, Write, Written
from gongfu.network.gateway.config import DeviceConfig, Status, TagConfig
from gongfu.network.gateway.desk import MOST_AT_ONCE, Desk
from gongfu.network.gateway.lines import Lines
from tests.network.gateway.answering import driver as answering
from tests.network.nats import Bus, plane, running_bus, running_gateway


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    real = registry._packages()
    monkeypatch.setattr(registry, "_packages", lambda: {**real, "answering": "tests.network.gateway.answering"})
    registry.manifest.cache_clear()
    for told in (answering.opened, answering.closed, answering.written):
        told.clear()
    with running_bus(tmp_path) as running:
        yield running
    registry.manifest.cache_clear()


@asynccontextmanager
async def desk(server: Bus, idle: float = 10.0, **configured: DeviceConfig) -> AsyncIterator[Client]:
    """A client of a desk; ``configured`` are the devices that its gateway runs."""
    client = await bus.connect(server.settings, "test")
    known = {device.device: device for device in configured.values()}
    working = asyncio.create_task(Desk("local", client, known.get, lines=Lines(idle)).run())
    try:
        await client.flush()
        yield client
    finally:
        working.cancel()
        await asyncio.wait({working})
        await client.close()


def machine(mode: str = "well", number: int = 0, **options: str | int) -> DeviceConfig:
    return DeviceConfig(
        device=0,
        org=7,
        org_code="acme",
        name="press",
        driver="answering",
        options={"mode": mode, "number": number, **options},
    )


def tag(address: str, **more: float | str) -> TagConfig:
    return msgspec.convert({"series": 0, "name": address, "address": address, **more}, TagConfig)


async def failure(client: Client, question: Question) -> str:
    answer = await asking.ask(client, "local", question)
    assert isinstance(answer, Failed), answer
    return unpacked(answer.problem, "en")


async def test_a_device_that_is_not_configured_says_who_it_is(server: Bus) -> None:
    async with desk(server) as client:
        answer = await asking.ask(client, "local", Trial(device=machine()))
        assert isinstance(answer, Reached)
        assert (answer.identity.vendor, answer.identity.serial_number) == ("Acme", "4711")
        assert 0 <= answer.seconds < 10


async def test_a_device_that_is_configured_is_asked_about_by_number_and_keeps_its_password(server: Bus) -> None:
    config = msgspec.structs.replace(machine(number=3), device=5, tags=[tag("a", scale=2)])
    async with desk(server, press=config) as client:
        answer = await asking.ask(client, "local", Read(device=5))
        assert isinstance(answer, Seen)
        assert [value.value for value in answer.values] == [42]
        assert "does not run device 6" in await failure(client, Trial(device=6))


async def test_a_folder_is_listed_level_by_level_and_a_very_full_one_is_cut(server: Bus) -> None:
    async with desk(server) as client:
        top = await asking.ask(client, "local", Browse(device=machine()))
        assert isinstance(top, Browsed)
        assert [(point.name, point.folder) for point in top.points] == [("Spindle", True)]
        inside = await asking.ask(client, "local", Browse(device=machine(), parent="spindle"))
        assert isinstance(inside, Browsed)
        assert (len(inside.points), inside.cut) == (asking.MOST_POINTS, True)


async def test_values_come_raw_and_scaled_and_one_wrong_address_spoils_no_other(server: Bus) -> None:
    tags = [tag("a", scale=0.5, high=10.0), tag("nonsense"), tag("gone"), tag("b", kind="text")]
    async with desk(server) as client:
        answer = await asking.ask(client, "local", Read(device=machine(), tags=tags))
        assert isinstance(answer, Seen)
        a, nonsense, gone, b = answer.values
        assert (a.raw, a.value, a.quality) == (21, 10.5, Quality.UNCERTAIN)
        assert unpacked(nonsense.problem, "en") == "There is no address nonsense."
        assert (gone.value, gone.quality, gone.time) == (None, Quality.BAD, 0)
        assert (b.text, b.quality) == ("21", Quality.GOOD)


async def test_questions_to_one_device_share_a_session_that_is_closed_when_nobody_asks(server: Bus) -> None:
    async with desk(server, idle=0.3) as client:
        await asking.ask(client, "local", Trial(device=machine()))
        await asking.ask(client, "local", Browse(device=machine()))
        await asking.ask(client, "local", Read(device=machine(), tags=[tag("a")]))
        assert answering.opened == [0]
        await _until(lambda: answering.closed == [0])
        await asking.ask(client, "local", Read(device=machine(), tags=[tag("a")]))
        assert answering.opened == [0, 0]


async def test_a_connection_that_broke_is_opened_anew(server: Bus) -> None:
    async with desk(server) as client:
        for _ in range(2):
            assert await failure(client, Read(device=machine("breaks"), tags=[tag("a")])) == "The connection broke."
        assert answering.opened == [0, 0]


async def test_a_silent_device_keeps_nobody_waiting_but_who_asked_about_it(server: Bus) -> None:
    async with desk(server) as client:
        slow = asyncio.create_task(failure(client, Trial(device=machine("silent", 1), within=8.0)))
        await _until(lambda: 1 in answering.opened)
        quick = await asking.ask(client, "local", Trial(device=machine("well", 2)))
        assert isinstance(quick, Reached)
        assert not slow.done()
        slow.cancel()


async def test_a_device_that_does_not_answer_in_time_is_said_to_be_so(server: Bus) -> None:
    async with desk(server) as client:
        for mode in ("silent", "mute"):
            assert "did not answer within 0.2 s" in await failure(client, Trial(device=machine(mode), within=0.2))
        assert isinstance(await asking.ask(client, "local", Trial(device=machine())), Reached)


async def test_more_questions_than_a_gateway_takes_are_told_to_come_again(server: Bus) -> None:
    async with desk(server) as client:
        crowd = [
            asyncio.create_task(asking.ask(client, "local", Trial(device=machine("silent", n), within=20)))
            for n in range(MOST_AT_ONCE)
        ]
        await _until(lambda: len(answering.opened) == MOST_AT_ONCE)
        assert "too many questions" in await failure(client, Trial(device=machine("well", 99)))
        for task in crowd:
            task.cancel()


async def test_nothing_is_written_without_the_guard(server: Bus) -> None:
    async with desk(server) as client:
        for ticket in ("", "made up"):
            question = Write(device=machine(), tag=tag("a"), value=5, ticket=ticket)
            assert "Nothing may be written to press" in await failure(client, question)
        assert answering.written == []


async def test_what_the_guard_lets_through_is_written_and_a_refusal_of_the_device_is_told(server: Bus) -> None:
    client = await bus.connect(server.settings, "test")
    working = Desk("local", client, {}.get, guard=lambda asked, device: None)
    try:
        for value, kind in ((5, Written), (13, Failed)):
            question = Write(device=machine(), tag=tag("a"), value=value, ticket="ok")
            assert isinstance(await working.answer(msgspec.json.encode(question)), kind)
        assert answering.written == [("a", 5)]
    finally:
        await client.close()


async def test_a_wrong_option_or_an_unknown_driver_is_told_with_what_to_do(server: Bus) -> None:
    async with desk(server) as client:
        assert "Did you mean mode?" in await failure(client, Trial(device=machine(moed="x")))
        unknown = msgspec.structs.replace(machine(), driver="telepathy")
        assert "no driver telepathy" in await failure(client, Trial(device=unknown))


async def test_nobody_at_the_gateway_is_said_at_once(server: Bus) -> None:
    client = await bus.connect(server.settings, "test")
    try:
        with pytest.raises(asking.Unavailable, match="other is not running"):
            await asking.ask(client, "other", Trial(device=1))
    finally:
        await client.close()


_JSON = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda some: st.lists(some, max_size=4))


@given(st.binary(max_size=300) | _JSON.map(msgspec.json.encode))
def test_no_question_is_so_wrong_that_it_is_not_answered(data: bytes) -> None:
    answer = asyncio.run(Desk("local", Client(), {}.get).answer(data))
    assert isinstance(answer, Failed)


async def test_a_driver_that_can_only_poll_is_tested_and_read_too(server: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(modbus, "open_session")
    points = [Point("t", "holding:0:int16", 215), Point("n", "holding:1:uint16", 7)]
    async with ModbusSimulator("127.0.0.1", 0, points) as plant, desk(server) as client:
        device = DeviceConfig(
            device=0,
            org=7,
            org_code="acme",
            name="m",
            driver="modbus",
            options={"host": "127.0.0.1", "port": plant.port, "timeout": 2.0},
        )
        assert isinstance(await asking.ask(client, "local", Trial(device=device)), Reached)
        tags = [tag("holding:0:int16", scale=0.1), tag("nonsense"), tag("holding:1:uint16")]
        answer = await asking.ask(client, "local", Read(device=device, tags=tags, within=20))
        assert isinstance(answer, Seen)
        assert [value.value for value in answer.values] == [21.5, None, 7]
        assert answer.values[1].problem
        nobody = msgspec.structs.replace(device, options={"host": "127.0.0.1", "port": 1})
        assert "Nothing answers at 127.0.0.1:1" in await failure(client, Trial(device=nobody))


async def test_a_device_that_speaks_first_is_listened_to(server: Bus) -> None:
    device = DeviceConfig(device=0, org=7, org_code="acme", name="press 1", driver="mqtt")
    async with plane(server.settings) as node, running_gateway(server.settings):
        silent = await asking.ask(node.client, "local", Trial(device=device, listen=0.1))
        assert isinstance(silent, Reached)
        assert (silent.messages, silent.topics) == (0, [])
        async with _speaking(node.client, "gongfu.acme.press-1.data", b'{"spindle": {"speed": 1200}, "on": true}'):
            heard = await asking.ask(node.client, "local", Trial(device=device, listen=1.0))
            assert isinstance(heard, Reached)
            assert heard.messages
            assert heard.topics == ["gongfu/acme/press-1/data"]
            told = await asking.ask(node.client, "local", Browse(device=device))
            assert isinstance(told, Browsed)
            assert [(point.address, point.kind) for point in told.points] == [
                ("/on", "boolean"),
                ("/spindle/speed", "number"),
            ]
            seen = await asking.ask(node.client, "local", Read(device=device, tags=[tag("/spindle/speed"), tag("/x")]))
            assert isinstance(seen, Seen)
            assert [value.value for value in seen.values] == [1200, None]
        elsewhere = msgspec.structs.replace(device, options={"topic": "gongfu/rival/#"})
        assert "gongfu/rival/#" in await failure(node.client, Trial(device=elsewhere))


async def test_the_metrics_of_a_birth_are_listed_though_it_was_long_ago(server: Bus) -> None:
    device = DeviceConfig(
        device=0, org=7, org_code="acme", name="p", driver="sparkplug", options={"edge_node": "hall", "device": "p"}
    )
    metrics = [
        Metric(name="Spindle/Speed", alias=1, datatype=DataType.INT16, value=1200),
        Metric(name="Program", datatype=DataType.STRING, value="O123"),
    ]
    birth = encode_payload(Payload(timestamp=1, seq=1, metrics=metrics))
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.client.publish("spBv1//0.acme.DBIRTH.hall.p", birth)
        await node.client.flush()
        told = await asking.ask(node.client, "local", Browse(device=device))
        assert isinstance(told, Browsed)
        assert [(point.address, point.kind) for point in told.points] == [
            ("Program", "text"),
            ("Spindle/Speed", "number"),
        ]


async def test_readings_go_on_while_a_silent_device_is_being_asked(server: Bus) -> None:
    running = DeviceConfig(
        device=1,
        org=7,
        org_code="acme",
        name="m",
        driver="answering",
        interval=0.02,
        tags=[TagConfig(series=1, name="speed", address="x")],
    )
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(running)
        await node.state(1, Status.ONLINE)
        slow = [
            asyncio.create_task(asking.ask(node.client, "local", Trial(device=machine("silent", n), within=5)))
            for n in range(10)
        ]
        await _until(lambda: len(answering.opened) == 10)
        before = len(await node.rows(1))
        assert len(await node.rows(before + 50)) >= before + 50
        for task in slow:
            task.cancel()


def test_a_thread_without_a_loop_asks_and_hears_of_a_bus_that_is_away(server: Bus) -> None:
    asker = asking.Asker(server.settings)
    with pytest.raises(asking.Unavailable, match="is not running"):
        asker.ask("local", Trial(device=1))
    server.kill()
    with pytest.raises(asking.Unavailable):
        asking.Asker(server.settings).ask("local", Trial(device=1, within=0.5))
    asker.close()


@asynccontextmanager
async def _speaking(client: Client, subject: str, payload: bytes) -> AsyncIterator[None]:
    async def speak() -> None:
        while True:
            await client.publish(subject, payload)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(speak())
    try:
        yield
    finally:
        task.cancel()


async def _until(done: Callable[[], bool], within: float = 10.0) -> None:
    give_up = time.monotonic() + within
    while not done():
        assert time.monotonic() < give_up, "it does not happen"
        await asyncio.sleep(0.02)

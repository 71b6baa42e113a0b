"""MQTT devices over real sockets: what they publish is in the readings stream, and nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.mqtt_load import length, open_session, publish_packet, publish_qos1
from gongfu.network.gateway.config import DeviceConfig, Status, TagConfig
from gongfu.network.gateway.ingress import STREAM
from tests.network.nats import Bus, GatewayProcess, plane, running_bus, running_gateway

NOW = time.time_ns() // 1000


def press(device: int = 1, organisation: str = "acme", **options: str | float) -> DeviceConfig:
    return DeviceConfig(
        device=device,
        org=7 if organisation == "acme" else 8,
        org_code=organisation,
        name=f"press {device}",
        driver="mqtt",
        options={"time": "/t", **options},
        tags=[TagConfig(series=100 * device, name="speed", address="/v", low=0, high=1000)],
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Bus]:
    with running_bus(tmp_path) as running:
        yield running


@contextlib.contextmanager
def session(server: Bus, organisation: str = "acme") -> Iterator[socket.socket]:
    sock = open_session(
        "127.0.0.1", server.settings.mqtt_port, f"d{time.monotonic_ns()}", organisation, server.password(organisation)
    )
    with sock:
        yield sock


def publish(server: Bus, topic: str, *payloads: bytes, qos: int = 1, organisation: str = "acme") -> None:
    """Publish and wait for every PUBACK, or with QoS 0 until the broker has read it."""
    with session(server, organisation) as sock:
        for number, payload in enumerate(payloads, 1):
            sock.sendall(publish_packet(topic, payload, number if qos else 0))
        sock.sendall(b"\xc0\x00")  # PINGREQ; the answer may come before a PUBACK
        answers = b""
        while len(answers) < 2 + 4 * qos * len(payloads):
            more = sock.recv(4096)
            assert more, "closed by the broker"
            answers += more


def reading(value: float, number: int = 0) -> bytes:
    return b'{"v": %f, "t": %d}' % (value, NOW + number)


async def test_a_reading_arrives_with_its_source_time(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press())
        await node.state(1, Status.CONNECTING)
        await asyncio.to_thread(publish, server, "gongfu/acme/press-1/data", reading(41.5))
        assert await node.rows(1) == [(100, NOW, 41.5, 0)]
        await node.state(1, Status.ONLINE)
        assert (await node.event("online")).device == 1


async def test_qos_0_arrives_too(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press())
        await node.state(1, Status.CONNECTING)
        await asyncio.to_thread(publish, server, "gongfu/acme/press-1/data", reading(1), reading(2, 1), qos=0)
        assert [row[2] for row in await node.rows(2)] == [1.0, 2.0]


async def test_a_message_without_time_has_the_time_at_which_the_bus_stored_it(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press(time=""))
        await node.state(1, Status.CONNECTING)
        before = time.time_ns() // 1000
        await asyncio.to_thread(publish, server, "gongfu/acme/press-1/data", b'{"v": 5}')
        [(_, at, value, _)] = await node.rows(1)
        assert (before <= at <= time.time_ns() // 1000, value) == (True, 5.0)


async def test_the_same_message_twice_is_one_row(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press())
        await node.state(1, Status.CONNECTING)
        await asyncio.to_thread(publish, server, "gongfu/acme/press-1/data", reading(3), reading(3), reading(4, 1))
        assert [row[2] for row in await node.rows(2)] == [3.0, 4.0]


async def test_an_organisation_is_heard_by_its_own_devices_only(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(
            press(1), press(2, "rival", topic="gongfu/rival/#"), press(3, "rival", topic="gongfu/acme/press-1/#")
        )
        assert "gongfu/rival" in (await node.state(3, Status.REFUSED)).problem
        await node.state(2, Status.CONNECTING)
        # The broker answers PUBACK to a topic that is not allowed (MQTT 3.1.1 §3.3.5) and forgets the message.
        await asyncio.to_thread(publish, server, "gongfu/acme/press-1/data", reading(666), organisation="rival")
        await asyncio.to_thread(publish, server, "gongfu/rival/x", reading(1, 1), organisation="rival")
        await asyncio.to_thread(publish, server, "gongfu/acme/press-1/data", reading(2, 2))
        rows = await node.rows(2)
        assert [(row[0], row[2]) for row in rows] == [(100, 2.0), (200, 1.0)]
        assert {(batch.org, batch.device) for batch in node.batches} == {(7, 1), (8, 2)}


async def test_what_cannot_be_read_is_reported_once_and_stops_nothing(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press())
        await node.state(1, Status.CONNECTING)
        broken = [b"{", b"\xff" * 100, b"[" * 60_000, b'{"v": 1}', b'{"v": 1, "t": "x"}', b"", b"null"]
        await asyncio.to_thread(publish, server, "gongfu/acme/press-1/data", *broken, reading(9))
        assert [row[2] for row in await node.rows(1)] == [9.0]
        event = await node.event("malformed")
        assert "gongfu/acme/press-1/data" in event.detail
        assert "not JSON" in event.detail
        assert len([e for e in node.events if e.kind == "malformed"]) == 1
        assert (await node.js.stream_info(STREAM)).state.messages == 0  # not brought again


async def test_values_of_the_wrong_type_or_out_of_range_are_marked(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press())
        await node.state(1, Status.CONNECTING)
        payloads = [
            b'{"v": "fast", "t": %d}' % NOW,
            b'{"v": null, "t": %d}' % (NOW + 1),
            reading(5000, 2),
            reading(1, 3_600_000_000),
        ]
        await asyncio.to_thread(publish, server, "gongfu/acme/press-1/data", *payloads)
        rows = await node.rows(4)
        assert [row[3] for row in rows] == [2, 2, 1, 1]
        assert rows[3][1] < time.time_ns() // 1000 + 600_000_000  # an hour ahead: the arrival counts
        await node.event("out_of_range")
        await node.event("clock_ahead")


async def test_a_payload_of_10_mb_ends_its_connection_and_nobody_elses(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press())
        await node.state(1, Status.CONNECTING)
        with session(server) as sock, session(server) as other:
            body = b"\x00\x18gongfu/acme/press-1/data\x00\x01"
            with contextlib.suppress(OSError):  # it may be closed while we still send
                sock.sendall(b"\x32" + length(len(body) + 10_000_000) + body)
                for _ in range(100):
                    sock.sendall(b"1" * 100_000)
            with contextlib.suppress(ConnectionError):
                assert sock.recv(16) == b""
            other.sendall(publish_packet("gongfu/acme/press-1/data", reading(7), 1))
            assert other.recv(4) == b"\x40\x02\x00\x01"
        assert [row[2] for row in await node.rows(1)] == [7.0]


async def test_messages_sent_while_no_gateway_runs_arrive_when_it_does(server: Bus) -> None:
    async with plane(server.settings) as node:
        async with running_gateway(server.settings):
            await node.desire(press())
            await node.state(1, Status.CONNECTING)
        await asyncio.to_thread(publish, server, "gongfu/acme/press-1/data", *(reading(n, n) for n in range(50)))
        async with running_gateway(server.settings):
            assert [row[2] for row in await node.rows(50)] == list(map(float, range(50)))


async def test_a_device_that_falls_silent_is_offline(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press(silence=1.5))
        await node.state(1, Status.CONNECTING)
        await asyncio.to_thread(publish, server, "gongfu/acme/press-1/data", reading(1))
        await node.state(1, Status.ONLINE)
        assert "No message for 1.5 s" in (await node.state(1, Status.OFFLINE)).problem
        assert (await node.event("offline")).device == 1


async def test_a_full_bus_answers_no_puback_and_what_it_acknowledged_arrives(server: Bus) -> None:
    async with plane(server.settings) as node:
        async with running_gateway(server.settings):
            await node.desire(press(topic="gongfu/acme/load"))
            await node.state(1, Status.CONNECTING)
        stream = (await node.js.stream_info(STREAM)).config
        stream.max_bytes = 50_000
        await node.js.update_stream(stream)
        result = await asyncio.to_thread(
            publish_qos1,
            2000,
            1,
            port=server.settings.mqtt_port,
            user="acme",
            password=server.password("acme"),
            topic="gongfu/acme/load",
            payload=lambda _, number: reading(number % 1000, number),
            give_up=3,
        )
        assert 100 < result.acked < 1000
        assert result.failed == 1  # closed, without PUBACK for what was not stored
        async with running_gateway(server.settings):
            want = {(100, NOW + number) for number in range(result.acked)}
            rows = await node.rows(len(want), among=want)
            assert {(series, at) for series, at, _, _ in rows} >= want


async def test_qos_2_arrives_too(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press())
        await node.state(1, Status.CONNECTING)
        with session(server) as sock:
            packet = publish_packet("gongfu/acme/press-1/data", reading(5), 1)
            sock.sendall(b"\x34" + packet[1:])
            assert sock.recv(4) == b"\x50\x02\x00\x01"  # PUBREC
            sock.sendall(b"\x62\x02\x00\x01")  # PUBREL
            assert sock.recv(4) == b"\x70\x02\x00\x01"  # PUBCOMP
        assert [row[2] for row in await node.rows(1)] == [5.0]


async def _acknowledged_is_stored(server: Bus, fault: str) -> None:
    """Publish while ``fault`` happens; every PUBACK must be in the readings stream, once."""
    gateway = GatewayProcess(server.settings)
    gateway.start()
    devices, each = 4, 2500
    try:
        async with plane(server.settings) as node:
            await node.desire(
                *(press(device, topic=f"gongfu/acme/load/{device - 1}") for device in range(1, devices + 1))
            )
            for device in range(1, devices + 1):
                await node.state(device, Status.CONNECTING)
            acked: list[set[int]] = [set() for _ in range(devices)]
            for part in range(3):
                first = part * each
                under_way = threading.Event()
                work = asyncio.to_thread(
                    publish_qos1,
                    devices * each,
                    devices,
                    port=server.settings.mqtt_port,
                    user="acme",
                    password=server.password("acme"),
                    topic="gongfu/acme/load/{connection}",
                    payload=lambda _, number, first=first: reading(number % 1000, first + number),
                    window=20,
                    progress=lambda done, under_way=under_way: under_way.set() if done > each // 10 else None,
                )
                running = asyncio.create_task(work)
                assert await asyncio.to_thread(under_way.wait, 30)
                if fault == "gateway":
                    gateway.kill()
                    gateway.start()
                elif part < 2:
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
                result = await running
                assert fault == "gateway" or part == 2 or result.failed == devices, "the fault came too late"
                for connection, count in enumerate(result.acked_by_connection):
                    acked[connection] |= set(range(first, first + count))
            want = {(100 * (c + 1), NOW + number) for c, numbers in enumerate(acked) for number in numbers}
            assert len(want) > devices * each  # the last part at least went through
            rows = await node.rows(len(want), among=want, within=25)
            got = {(series, at) for series, at, _, _ in rows}
            assert want <= got, f"{len(want - got)} of {len(want)} acknowledged messages are not stored"
    finally:
        gateway.kill()


@pytest.mark.node
async def test_no_acknowledged_message_is_lost_when_the_gateway_is_killed(server: Bus) -> None:
    await _acknowledged_is_stored(server, "gateway")


@pytest.mark.node
async def test_no_acknowledged_message_is_lost_when_the_bus_is_killed(server: Bus) -> None:
    await _acknowledged_is_stored(server, "bus")

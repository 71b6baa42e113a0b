"""An edge node over real sockets: its will, its aliases after a restart of the gateway, its rebirth."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.mqtt_load import length, publish_packet
from gongfu.network.drivers.sparkplug.wire import DataType, Metric, Payload, decode_payload, encode_payload
from gongfu.network.gateway.config import DeviceConfig, Status, TagConfig
from tests.network.nats import Bus, plane, running_bus, running_gateway

SENT = time.time_ns() // 1_000_000
PRESS = DeviceConfig(
    device=1,
    org=7,
    org_code="acme",
    name="press",
    driver="sparkplug",
    options={"edge_node": "edge.1", "device": "press"},
    tags=[TagConfig(series=1, name="speed", address="Speed")],
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Bus]:
    with running_bus(tmp_path) as running:
        yield running


@pytest.fixture
def edge(server: Bus) -> Iterator[EdgeNode]:
    node = EdgeNode(server)
    yield node
    node.sock.close()


class EdgeNode:
    """An MQTT client with a will, byte by byte."""

    def __init__(self, server: Bus) -> None:
        will = encode_payload(Payload(metrics=[Metric(name="bdSeq", datatype=DataType.UINT64, value=1)]))
        strings = [
            b"edge-1",
            b"spBv1.0/acme/NDEATH/edge.1",
            will,
            b"acme",
            server.password("acme").encode(),
        ]
        body = b"\x00\x04MQTT\x04" + bytes([0b1100_1110]) + b"\x00\x3c"  # user, password, will QoS 1, clean
        body += b"".join(struct.pack(">H", len(string)) + string for string in strings)
        self.sock = socket.create_connection(("127.0.0.1", server.settings.mqtt_port), timeout=10)
        self.sock.sendall(b"\x10" + length(len(body)) + body)
        assert self.sock.recv(4) == b"\x20\x02\x00\x00"
        topic = b"spBv1.0/acme/NCMD/edge.1"
        subscribe = b"\x00\x01" + struct.pack(">H", len(topic)) + topic + b"\x00"
        self.sock.sendall(b"\x82" + length(len(subscribe)) + subscribe)
        assert self.sock.recv(5) == b"\x90\x03\x00\x01\x00"

    def say(self, kind: str, seq: int, *metrics: Metric, qos: int = 0) -> None:
        tail = "/press" if kind[0] == "D" else ""
        payload = encode_payload(Payload(timestamp=SENT + seq, seq=seq, metrics=list(metrics)))
        self.sock.sendall(publish_packet(f"spBv1.0/acme/{kind}/edge.1{tail}", payload, qos))

    def births(self) -> None:
        self.say("NBIRTH", 0, Metric(name="bdSeq", datatype=DataType.UINT64, value=1))
        self.say("DBIRTH", 1, Metric(name="Speed", alias=5, datatype=DataType.INT32, value=100))

    def command(self) -> Payload:
        """The next message from the host."""
        packet = self.sock.recv(4096)
        assert packet[0] == 0x30
        topic_length = struct.unpack(">H", packet[2:4])[0]
        assert packet[4 : 4 + topic_length] == b"spBv1.0/acme/NCMD/edge.1"
        return decode_payload(packet[4 + topic_length :])


def speed(value: int) -> Metric:
    return Metric(alias=5, datatype=DataType.INT32, value=value)


async def test_births_data_and_the_will(server: Bus, edge: EdgeNode) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(PRESS)
        await node.state(1, Status.CONNECTING)
        edge.births()
        edge.say("DDATA", 2, speed(-7))
        rows = await node.rows(2)
        assert rows == [(1, (SENT + 1) * 1000, 100.0, 0), (1, (SENT + 2) * 1000, -7.0, 0)]
        await node.state(1, Status.ONLINE)
        edge.sock.close()  # no DISCONNECT: the broker publishes the will
        assert "NDEATH" in (await node.state(1, Status.OFFLINE)).problem
        assert (await node.rows(3))[2][3] == 2
        assert "NDEATH" in (await node.event("offline")).detail


async def test_a_gap_brings_a_rebirth_request_to_the_edge_node(server: Bus, edge: EdgeNode) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(PRESS)
        await node.state(1, Status.CONNECTING)
        edge.births()
        edge.say("DDATA", 9, speed(3))
        [metric] = (await asyncio.to_thread(edge.command)).metrics
        assert (metric.name, metric.value) == ("Node Control/Rebirth", True)
        assert len(await node.rows(2)) == 2


async def test_a_gateway_that_starts_later_knows_the_aliases(server: Bus, edge: EdgeNode) -> None:
    async with plane(server.settings) as node:
        async with running_gateway(server.settings):
            await node.desire(PRESS)
            await node.state(1, Status.CONNECTING)
            edge.births()
            assert len(await node.rows(1)) == 1
        edge.say("DDATA", 2, speed(41), qos=1)
        assert await asyncio.to_thread(edge.sock.recv, 4) == b"\x40\x02\x00\x01"
        async with running_gateway(server.settings):
            assert (await node.rows(2))[1] == (1, (SENT + 2) * 1000, 41.0, 0)
            await node.state(1, Status.ONLINE)


async def test_bytes_that_are_no_sparkplug_are_reported(server: Bus, edge: EdgeNode) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(PRESS)
        await node.state(1, Status.CONNECTING)
        edge.sock.sendall(publish_packet("spBv1.0/acme/DDATA/edge.1/press", b"\xff" * 50))
        assert "Not a Sparkplug payload" in (await node.event("malformed")).detail
        edge.births()
        assert len(await node.rows(1)) == 1

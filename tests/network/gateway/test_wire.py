"""The receiving NATS connection: any cut of the bytes gives the same messages."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.kernel.errors import Unavailable
from gongfu.network.gateway.wire import Address, Received, Session, address, open_session
from tests.network.nats import running_bus

# NATS client protocol, https://docs.nats.io/reference/nats-protocols/nats-protocol: the examples of MSG and HMSG.
BYTES = (
    b'INFO {"server_id":"x"} \r\n'
    b"MSG FOO.BAR 9 11\r\nHello World\r\n"
    b"MSG FOO.BAR 9 GREETING.34 11\r\nHello World\r\n"
    b"PING\r\n"
    b"HMSG FOO.BAR 9 34 45\r\nNATS/1.0\r\nFoodGroup: vegetable\r\n\r\nHello World\r\n"
    b"HMSG FOO.BAR 8 BAZ.69 34 45\r\nNATS/1.0\r\nFoodGroup: vegetable\r\n\r\nHello World\r\n"
    b"+OK\r\n"
    b"MSG EMPTY 9 0\r\n\r\n"
    b"MSG LINES 9 8\r\nMSG\r\n\r\n\n\r\n"
)
HEADER = b"NATS/1.0\r\nFoodGroup: vegetable\r\n\r\n"
MESSAGES = [
    (9, Received(b"FOO.BAR", b"", b"", b"Hello World")),
    (9, Received(b"FOO.BAR", b"GREETING.34", b"", b"Hello World")),
    (9, Received(b"FOO.BAR", b"", HEADER, b"Hello World")),
    (8, Received(b"FOO.BAR", b"BAZ.69", HEADER, b"Hello World")),
    (9, Received(b"EMPTY", b"", b"", b"")),
    (9, Received(b"LINES", b"", b"", b"MSG\r\n\r\n\n")),
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, len(BYTES)), max_size=30))
def test_messages_are_the_same_however_the_bytes_arrive(cuts: list[int]) -> None:
    async def receive() -> list[tuple[int, Received]]:
        got: list[tuple[int, Received]] = []
        session = Session(lambda sid, messages: got.extend((sid, message) for message in messages))
        edges = [0, *sorted(cuts), len(BYTES)]
        for start, end in itertools.pairwise(edges):
            session.data_received(BYTES[start:end])
        session.closed.cancel()
        return got

    assert asyncio.run(receive()) == MESSAGES


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("nats://u:p%40x@bus:4333", Address("bus", 4333, "u", "p@x", False)),
        ("tls://bus", Address("bus", 4222, "", "", True)),
        ("bus:4333", Address("bus", 4333, "", "", False)),
    ],
)
def test_addresses(url: str, parts: Address) -> None:
    assert address(url) == parts


async def test_a_wrong_password_and_a_dead_port_are_unavailable(tmp_path: Path) -> None:
    with running_bus(tmp_path) as server:
        port = server.settings.bus_port
        with pytest.raises(Unavailable, match="Authorization"):
            await open_session(Address("127.0.0.1", port, "gongfu", "wrong", False), "t", lambda sid, messages: None)
        server.kill()
        with pytest.raises(Unavailable):
            await open_session(Address("127.0.0.1", port, "gongfu", "x", False), "t", lambda sid, messages: None)

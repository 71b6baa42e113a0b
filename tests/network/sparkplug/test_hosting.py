"""The node as a Sparkplug host application, seen by an edge node that waits for it (Sparkplug 3.0.0)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.nats_server import HOST_USER, mqtt_host_password
from gongfu.network.drivers.sparkplug.hosting import State, payload, read
from tests.network.nats import Bus, GatewayProcess, plane, running_bus, running_gateway

TOPIC = "spBv1.0/STATE/local"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Bus]:
    with running_bus(tmp_path) as running:
        yield running


class Heard:
    """The states that were heard, and whether each was retained."""

    def __init__(self) -> None:
        self.states: list[tuple[State | None, bool]] = []

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.05)

    @property
    def online(self) -> list[bool]:
        return [state.online for state, _ in self.states if state is not None]


@asynccontextmanager
async def edge_node(server: Bus) -> AsyncIterator[Heard]:
    heard = Heard()

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            heard.states.append((read(message.payload), message.retain))

    settings = server.settings
    async with aiomqtt.Client(
        "127.0.0.1", settings.mqtt_port, username="acme", password=server.password("acme")
    ) as client:
        await client.subscribe(TOPIC, qos=1)
        task = asyncio.create_task(listen(client))
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_the_host_is_online_with_the_gateway_and_offline_when_it_stops(server: Bus) -> None:
    begin = time.time_ns() // 1_000_000
    async with plane(server.settings), edge_node(server) as early:
        async with running_gateway(server.settings):
            await early.until(lambda: early.online[-1:] == [True])
            async with edge_node(server) as late:
                await late.until(lambda: late.states)
                [(state, retained)] = late.states[:1]
                assert state is not None
                assert (state.online, retained) == (True, True)
                assert begin <= state.timestamp <= time.time_ns() // 1_000_000
        await early.until(lambda: early.online[-1:] == [False])
        died = early.states[-1][0]
        assert died is not None
        assert died.timestamp >= state.timestamp
    async with edge_node(server) as later:
        await later.until(lambda: later.states)
        assert (later.online, later.states[0][1]) == ([False], True)


async def test_the_will_says_offline_when_the_gateway_is_killed(server: Bus) -> None:
    gateway = GatewayProcess(server.settings)
    async with plane(server.settings), edge_node(server) as heard:
        try:
            await asyncio.to_thread(gateway.start)
            await heard.until(lambda: heard.online[-1:] == [True])
            born = heard.states[-1][0]
        finally:
            gateway.kill()
        await heard.until(lambda: heard.online[-1:] == [False])
        will = heard.states[-1][0]
        assert born is not None
        assert will == State(online=False, timestamp=born.timestamp)


async def test_an_old_will_that_comes_late_is_contradicted(server: Bus) -> None:
    async with plane(server.settings), edge_node(server) as heard, running_gateway(server.settings):
        await heard.until(lambda: heard.online[-1:] == [True])
        async with aiomqtt.Client(
            "127.0.0.1",
            server.settings.mqtt_port,
            username=HOST_USER,
            password=mqtt_host_password(server.settings.home),
        ) as ghost:
            await ghost.publish(TOPIC, payload(State(online=False, timestamp=1)), qos=1, retain=True)
            await heard.until(lambda: heard.online[-2:] == [False, True])


@given(st.binary(max_size=60))
def test_no_state_is_so_wrong_that_it_does_harm(data: bytes) -> None:
    assert read(data) is None or isinstance(read(data), State)


def test_a_state_is_json_with_two_keys() -> None:
    assert payload(State(online=True, timestamp=1795000000000)) == b'{"online":true,"timestamp":1795000000000}'

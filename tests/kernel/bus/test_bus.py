"""What every process may expect of the bus. A real nats-server answers."""

from __future__ import annotations

import asyncio
import time

import msgspec
import nats.js.errors
import pytest

from gongfu.kernel import bus
from gongfu.kernel.errors import Forbidden, Unavailable
from gongfu.kernel.settings import load

from .conftest import RunningBus, free_ports


async def test_several_processes_may_prepare_the_bus_at_once_and_again(running_bus: RunningBus) -> None:
    client = await bus.connect(running_bus.settings, "test")
    await asyncio.gather(*(bus.ensure(running_bus.settings, client) for _ in range(5)))
    js = await bus.ensure(running_bus.settings, client)
    for stream in (bus.READINGS, bus.EVENTS):
        info = await js.stream_info(stream)
        assert (info.config.retention, info.config.discard) == ("interest", "new")
        assert [consumer.name for consumer in await js.consumers_info(stream)] == [bus.RECORDER]
    desired = await js.key_value(bus.DESIRED)
    await desired.put("local.1", b"x")
    await bus.ensure(running_bus.settings, client)
    assert (await desired.get("local.1")).value == b"x"
    await client.close()


async def test_a_changed_retention_is_taken_over(running_bus: RunningBus) -> None:
    client = await bus.connect(running_bus.settings, "test")
    await bus.ensure(running_bus.settings, client)
    larger = msgspec.structs.replace(running_bus.settings, retention_bus_bytes=11_000_000)
    js = await bus.ensure(larger, client)
    assert (await js.stream_info(bus.READINGS)).config.max_bytes == 11_000_000
    await bus.ensure(running_bus.settings, client)
    await client.close()


async def test_a_full_stream_refuses_and_keeps_what_it_has(running_bus: RunningBus) -> None:
    client = await bus.connect(running_bus.settings, "test")
    js = await bus.ensure(running_bus.settings, client)
    accepted, refusal = 0, ""
    while accepted < 30 and not refusal:
        try:
            await js.publish(bus.readings_subject(1, 1), b"x" * 900_000)
            accepted += 1
        except nats.js.errors.APIError as error:
            refusal = str(error)
    assert "maximum bytes exceeded" in refusal
    assert accepted > 5
    assert (await js.stream_info(bus.READINGS)).state.messages == accepted
    reader = await js.pull_subscribe_bind(bus.RECORDER, bus.READINGS)
    for message in await reader.fetch(accepted, timeout=5):
        await message.ack_sync()
    assert (await js.publish(bus.readings_subject(1, 1), b"room again")).seq == accepted + 1
    (last,) = await reader.fetch(1, timeout=5)
    await last.ack_sync()
    assert (await js.stream_info(bus.READINGS)).state.messages == 0
    await client.close()


async def test_a_message_sent_twice_is_kept_once(running_bus: RunningBus) -> None:
    client = await bus.connect(running_bus.settings, "test")
    js = await bus.ensure(running_bus.settings, client)
    first, second = [await js.publish(bus.events_subject(1, 1), b"x", headers={"Nats-Msg-Id": "a"}) for _ in range(2)]
    assert (first.duplicate, second.duplicate) == (None, True)
    await client.close()


async def test_a_missing_bus_is_named_without_its_password() -> None:
    (port,) = free_ports(1)
    settings = load({"GONGFU_BUS_URL": f"nats://u:secret@127.0.0.1:{port}"})
    began = time.monotonic()
    with pytest.raises(Unavailable, match=f"The bus at 127.0.0.1:{port} does not answer") as caught:
        await bus.connect(settings, "test", wait=False)
    assert "secret" not in str(caught.value)
    assert time.monotonic() - began < 5
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bus.connect(settings, "test"), 1)


async def test_a_wrong_password_is_not_tried_for_ever(running_bus: RunningBus) -> None:
    port = running_bus.settings.bus_port
    settings = msgspec.structs.replace(running_bus.settings, bus_url=f"nats://gongfu:wrong@127.0.0.1:{port}")
    with pytest.raises(Forbidden, match="refuses our user name or password"):
        await asyncio.wait_for(bus.connect(settings, "test"), 5)

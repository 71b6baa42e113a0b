"""``gongfu streams`` as a process on a bus: what it says, and that killing it loses and doubles nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import msgspec
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import DeliverPolicy

from gongfu.data.alarms.rules import Binding, Kind, RuleConfig, Transition
from gongfu.data.streams import ensuring
from gongfu.data.streams.memory import has_missed
from gongfu.kernel import bus
from gongfu.kernel.store import StoreClient
from tests.data.streams.node import Node, batch

S = 1_000_000
NOW = 1_790_000_000 * S


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("streams")) as one:
        yield one


async def connected(node: Node) -> tuple[Client, JetStreamContext]:
    client = await bus.connect(node.settings, "test")
    js = await bus.ensure(node.settings, client)
    await ensuring.ensure(js)
    return client, js


async def put(js: JetStreamContext, *rules: RuleConfig) -> None:
    store = await js.key_value(ensuring.RULES)
    for rule in rules:
        await store.put(f"alarms.{rule.org}.{rule.id}", msgspec.json.encode(rule))


async def heard(js: JetStreamContext, count: int, subject: str, seconds: float = 30) -> list[Transition]:
    """The first ``count`` alarms of a subject, and whatever else there is by then."""
    found: list[Transition] = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            await asyncio.sleep(0.1)
            found = await stored(js, subject)
    await asyncio.sleep(0.5)
    return await stored(js, subject)


async def stored(js: JetStreamContext, subject: str) -> list[Transition]:
    """Every alarm of a subject on the stream, in order; the desk's place in it stays."""
    info = await js.stream_info(ensuring.ALARMS)
    found = []
    for sequence in range(max(1, info.state.first_seq), info.state.last_seq + 1):
        message = await js.get_msg(ensuring.ALARMS, sequence)
        if message.subject == subject:
            found.append(msgspec.json.decode(message.data or b"", type=Transition))
    return found


async def until(right: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await right():
            await asyncio.sleep(0.1)


async def obeys(js: JetStreamContext, node: Node, begin: int) -> bool:
    """Whether a state was written after a reading that follows the newest rule."""
    before = (await (await js.key_value(ensuring.MEMORY)).get("alarms.head")).revision
    await js.publish("readings.1.12", batch(1, 12, [7], [begin], [10]))
    await asyncio.sleep(2.5)
    after = (await (await js.key_value(ensuring.MEMORY)).get("alarms.head")).revision
    return before != after


async def stored_rows(store: StoreClient, sql: str, count: str) -> bool:
    return store.healthy() and store.command(sql) == count


async def is_empty(js: JetStreamContext) -> bool:
    return (await js.stream_info(bus.READINGS)).state.messages == 0


async def misses(js: JetStreamContext) -> bool:
    return await has_missed(js)


def high(number: int, org: int, device: int, series: int) -> RuleConfig:
    return RuleConfig(id=number, org=org, kind=Kind.HIGH, limit=80, bindings=[Binding(device, series)])


async def test_a_reading_beyond_its_limit_becomes_an_alarm_of_its_owner_only(node: Node) -> None:
    client, js = await connected(node)
    await put(js, high(1, 1, 10, 5))
    node.start()
    await js.publish("readings.2.66", batch(2, 66, [5], [NOW], [99]))  # another organisation speaks of the series
    await js.publish("readings.1.10", b"no readings")
    await js.publish("readings.1.10", batch(1, 10, [5], [NOW + S], [90]))
    await js.publish("readings.1.10", batch(1, 10, [5], [NOW + 2 * S], [70]))
    found = await heard(js, 2, "alarms.1.10")
    assert [(one.rule, one.time - NOW, one.active) for one in found] == [(1, S, True), (1, 2 * S, False)]
    assert await stored(js, "alarms.2.66") == []
    assert 'gongfu_streams_rejected_total{reason="malformed"} 1.0' in node.metrics()
    await client.close()


async def test_a_rule_that_comes_later_counts_from_then_on(node: Node) -> None:
    client, js = await connected(node)
    node.start()
    await put(js, high(7, 1, 17, 70))
    async with asyncio.timeout(30):
        for second in range(600):
            await js.publish("readings.1.17", batch(1, 17, [70], [NOW + second * S], [90]))
            if await stored(js, "alarms.1.17"):
                break
            await asyncio.sleep(0.1)
    await client.close()


async def test_killed_again_and_again_it_loses_and_doubles_no_alarm(node: Node) -> None:
    client, js = await connected(node)
    node.kill()
    await put(js, high(2, 1, 11, 6))
    node.start()
    for step in range(120):
        await js.publish("readings.1.11", batch(1, 11, [6], [NOW + step * S], [90 if step % 2 else 10]))
        if step in (20, 50, 51, 90):
            node.kill()
            node.start(wait=step != 50)
        await asyncio.sleep(0.02)
    found = await heard(js, 119, "alarms.1.11", 60)
    assert [(one.time - NOW) / S for one in found] == list(range(1, 120))
    assert [one.active for one in found] == [bool(step % 2) for step in range(1, 120)]
    await client.close()


async def test_alarms_of_an_outage_are_found_in_the_store_with_their_times_once(node: Node) -> None:
    """Killed, away for longer than readings wait, killed again while it looks: each alarm once, marked as late."""
    client, js = await connected(node)
    node.start()
    node.record()
    await put(js, high(3, 1, 12, 7))
    await until(partial(obeys, js, node, time.time_ns() // 1000))
    node.kill()
    begin = time.time_ns() // 1000
    await js.delete_consumer(bus.READINGS, ensuring.DURABLE)  # what the bus does after five minutes
    times = [begin + step * S // 20 for step in range(1, 41)]
    values = [90.0 if step % 4 == 1 else 10.0 for step in range(1, 41)]
    await js.publish("readings.1.12", batch(1, 12, [7] * 40, times, values))
    store = StoreClient(node.settings)
    counted = f"SELECT count() FROM readings WHERE org = 1 AND series = 7 AND ts > fromUnixTimestamp64Micro({begin})"
    await until(partial(stored_rows, store, counted, "40"))
    await until(partial(is_empty, js))  # acknowledged by the recorder: only the store knows them now
    await asyncio.sleep(2.1)  # what is still to come cannot be missed
    node.start(wait=False)
    await until(partial(misses, js))
    node.kill()
    node.start()
    found = await heard(js, 20, "alarms.1.12", 60)
    assert [one.time for one in found if one.active] == times[0::4]
    assert [one.time for one in found if not one.active] == times[1::4]
    assert all(one.late for one in found)
    assert not await misses(js)
    await js.publish("readings.1.12", batch(1, 12, [7], [begin + 3600 * S], [95]))
    found = await heard(js, 21, "alarms.1.12")
    assert (len(found), found[-1].late, found[-1].active) == (21, False, True)
    store.close()
    await client.close()


async def test_readings_do_not_wait_for_a_process_that_is_gone_for_good(node: Node) -> None:
    client, js = await connected(node)
    config = (await js.consumer_info(bus.READINGS, ensuring.DURABLE)).config
    assert config.inactive_threshold == ensuring.PATIENCE
    assert config.deliver_policy == DeliverPolicy.ALL
    await client.close()

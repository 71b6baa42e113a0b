"""A delivery that got lost is delivered again before anything behind it is acknowledged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import rig
from nats.aio.msg import Msg
from test_recorder import connected

from gongfu.data.telemetry.consume import Consumer, Taken
from gongfu.kernel import bus

NOW = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1e6)


class Lossy(Consumer):
    """Loses the fifth delivery, as a broken connection does."""

    delivered = 0

    async def _on_message(self, message: Msg) -> None:
        self.delivered += bool(message.reply)
        if self.delivered != 5:
            await super()._on_message(message)


async def everything(consumer: Consumer, wanted: int) -> list[bytes]:
    seen: list[bytes] = []
    async with asyncio.timeout(10):
        while len(set(seen)) < wanted:
            taken = await consumer.take(rows_bytes=1 << 20, seconds=0.05)
            if taken is not None:
                seen += [message.data for message in taken.messages]
                await consumer.acknowledge(taken)
    return seen


async def test_a_lost_delivery_comes_again(tmp_path: Path) -> None:
    with rig.node(tmp_path, recorder=False) as node:
        client, js = await connected(node)
        sent = [rig.batch(1, 1, [n], [NOW], [1.0], arrived=NOW) for n in range(20)]
        for data in sent:
            await js.publish("readings.1.1", data)
        consumer = Lossy(client, bus.READINGS, bus.RECORDER)
        assert set(await everything(consumer, 20)) == set(sent)
        info = await js.consumer_info(bus.READINGS, bus.RECORDER)
        assert (info.num_pending, info.num_ack_pending) == (0, 0)
        await consumer.stop()
        await client.close()


async def test_what_another_process_took_and_never_stored_comes_first(tmp_path: Path) -> None:
    with rig.node(tmp_path, recorder=False) as node:
        client, js = await connected(node)
        first, second = (rig.batch(1, 1, [n], [NOW], [1.0], arrived=NOW) for n in range(2))
        await js.publish("readings.1.1", first)
        other, _ = await connected(node)
        assert await Consumer(other, bus.READINGS, bus.RECORDER).take(rows_bytes=1 << 20, seconds=0.05) is not None
        await other.close()
        await js.publish("readings.1.1", second)
        heir = Consumer(client, bus.READINGS, bus.RECORDER)
        assert await everything(heir, 2) == [first, second]
        # An acknowledgement from before the reset would acknowledge other messages now: it is not sent.
        await js.publish("readings.1.1", first)
        taken = await heir.take(rows_bytes=1 << 20, seconds=0.05)
        assert taken is not None
        await heir.acknowledge(Taken([], taken.last, taken.generation - 1, 0))
        info = await js.consumer_info(bus.READINGS, bus.RECORDER)
        assert info.num_ack_pending == 1
        await heir.stop()
        await client.close()

"""What the node has after an edge was cut off, killed and filled up: everything, once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import msgspec
from nats.js.errors import APIError

from gongfu.data.telemetry.consume import Consumer
from gongfu.kernel import bus, readings
from gongfu.kernel.events import Event, EventKind
from gongfu.kernel.readings import Quality
from gongfu.network.edge.contract import Forward, ForwardOrder, OrderAnswer, orders_subject
from gongfu.network.gateway.config import DeviceState, Status, desired_key
from tests.network.edge.rig import EDGE, ORG, Rig, batch, rigged, until


class Store:
    """The node's recorder in small: counts every row that reaches the node's stream."""

    def __init__(self, rig: Rig) -> None:
        self._consumer = Consumer(rig.client, bus.READINGS, bus.RECORDER)
        self.rows: Counter[tuple[int, int]] = Counter()
        self.order: list[float] = []
        """Values as they came; each message has one."""
        self.qualities: dict[int, int] = {}

    async def take(self) -> int:
        """Take what waits; returns how many different rows there are by now."""
        while taken := await self._consumer.take(rows_bytes=20_000_000, seconds=0.2, patience=0.2):
            for message in taken.messages:
                got = readings.decode(message.data)
                self.rows.update(zip(got.series.tolist(), got.times.tolist(), strict=True))
                self.order.extend(got.values.tolist())
                self.qualities.update(zip(got.times.tolist(), got.qualities.tolist(), strict=True))
            await self._consumer.acknowledge(taken)
        return len(self.rows)

    async def has(self, rows: int) -> bool:
        """Whether so many different rows are there."""
        return await self.take() >= rows


async def test_after_cuts_and_kills_everything_is_there_once(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        store = Store(rig)
        rig.forwarder.start()
        await rig.produce(0, 300)
        await until(lambda: store.has(3000))
        await rig.cable.cut()
        await rig.produce(300, 300)
        rig.forwarder.kill()  # while cut off
        await rig.produce(600, 300)
        rig.forwarder.start()
        rig.edge_bus.kill()
        rig.edge_bus.start()
        await until(lambda: rig.edge_client.is_connected)
        await rig.produce(900, 300)
        await rig.cable.mend()
        await until(lambda: store.has(6000))
        rig.forwarder.kill()  # while catching up
        rig.forwarder.start()
        await until(lambda: store.has(12_000))
        assert set(store.rows.values()) == {1}

        async def empty() -> bool:
            state = await rig.state()
            info = await rig.edge_js.stream_info(bus.READINGS)
            return state is not None and state.backlog.messages == 0 and info.state.messages == 0

        await until(empty)


async def test_a_full_edge_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async with rigged(tmp_path, bytes_kept=10_000_000) as rig:
        store = Store(rig)
        await rig.cable.cut()
        rig.forwarder.start()
        sent, refusal = 0, ""
        try:
            for sent in range(1000):
                await rig.produce(sent, 1, rows=5000)
        except APIError as error:
            refusal = str(error)
        assert "maximum bytes" in refusal
        assert 50 < sent < 200
        await rig.cable.mend()
        await until(lambda: store.has(sent * 5000))

        async def accepted() -> bool:
            try:
                await rig.produce(sent, 1, rows=5000)
            except APIError:
                return False
            return True

        await until(accepted)
        await until(lambda: store.has((sent + 1) * 5000))
        assert set(store.rows.values()) == {1}


async def test_newest_first_when_the_node_asks_for_it(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        store = Store(rig)
        rig.forwarder.start()
        await until(rig.state)
        order = Forward(order=ForwardOrder.NEWEST)
        answer = await rig.client.request(orders_subject(EDGE), msgspec.json.encode(order), timeout=5)
        assert msgspec.json.decode(answer.data, type=OrderAnswer).ok
        await until(rig.joined)
        await rig.cable.cut()
        await until(rig.alone)
        await rig.produce(0, 5000, rows=1)
        await rig.cable.mend()
        await until(lambda: store.has(5000))
        assert set(store.rows.values()) == {1}
        assert store.order[0] >= 3000
        assert store.order[-1] < 1000
        rig.forwarder.kill()
        rig.forwarder.start()  # the order is kept

        async def newest() -> bool:
            state = await rig.state()
            return state is not None and state.order is ForwardOrder.NEWEST

        await until(newest)


async def test_configuration_comes_down_and_states_go_up_and_both_survive_a_cut(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        desired = await rig.js.key_value(bus.DESIRED)
        await desired.put(desired_key(EDGE, 5), b'{"first":1}')
        await desired.put(desired_key("other", 6), b"secret")
        rig.forwarder.start()
        here = await rig.edge_js.key_value(bus.DESIRED)

        async def configured(wanted: dict[str, bytes]) -> bool:
            try:
                keys = await here.keys()
            except Exception:
                keys = []
            return {key: (await here.get(key)).value for key in keys} == wanted

        await until(lambda: configured({desired_key(EDGE, 5): b'{"first":1}'}))
        await desired.put(desired_key(EDGE, 7), b'{"second":1}')
        await until(lambda: configured({desired_key(EDGE, 5): b'{"first":1}', desired_key(EDGE, 7): b'{"second":1}'}))
        await rig.cable.cut()
        await desired.purge(desired_key(EDGE, 5))
        state = DeviceState(device=7, status=Status.ONLINE, since=1)
        await (await rig.edge_js.key_value(bus.ACTUAL)).put(desired_key(EDGE, 7), msgspec.json.encode(state))
        assert await configured({desired_key(EDGE, 5): b'{"first":1}', desired_key(EDGE, 7): b'{"second":1}'})
        await rig.cable.mend()
        await until(lambda: configured({desired_key(EDGE, 7): b'{"second":1}'}))
        actual = await rig.js.key_value(bus.ACTUAL)

        async def told() -> bool:
            try:
                found = await actual.get(desired_key(EDGE, 7))
            except Exception:
                return False
            return found.value == msgspec.json.encode(state)

        await until(told)


async def test_the_desk_of_the_edges_gateway_answers_the_node(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:

        async def answer(message: object) -> None:
            await message.respond(b"from the edge")  # type: ignore[attr-defined]

        await rig.edge_client.subscribe(f"gateway.{EDGE}.ask", cb=answer)

        async def asked() -> bool:
            try:
                return (await rig.client.request(f"gateway.{EDGE}.ask", b"?", timeout=1)).data == b"from the edge"
            except Exception:
                return False

        await until(asked)


async def test_readings_of_a_wrong_clock_are_corrected_and_marked(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        store = Store(rig)
        wrong = 3_600_000_000  # the machine believes it is an hour ago
        wall, boot = time.time_ns() // 1000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        segment = {
            "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            "base": wall - wrong - boot,
            "begins": {bus.READINGS: 0, bus.EVENTS: 0},
        }
        (rig.edge.home / "edge" / "clock.json").write_bytes(msgspec.json.encode([segment]))
        now = time.time_ns() // 1000
        subject = bus.readings_subject(ORG, 5)
        own = batch(0, 3, at=now - wrong)
        times = own.times.copy()
        times[:] = [now - wrong, now - wrong - 500_000, now]  # the third is the device's own clock, which is right
        await rig.edge_js.publish(subject, readings.encode(msgspec.structs.replace(own, times=times)))
        rig.forwarder.start()
        await until(lambda: store.has(3))
        got = sorted(at for _, at in store.rows)
        assert abs(got[0] - (now - 500_000)) < 2_000_000
        assert now in got
        assert store.qualities[now] == Quality.GOOD
        assert sorted(store.qualities.values()) == [Quality.GOOD, Quality.UNCERTAIN, Quality.UNCERTAIN]
        subscription = await rig.js.pull_subscribe_bind(bus.RECORDER, bus.EVENTS)
        (message,) = await subscription.fetch(1, timeout=10)
        event = msgspec.json.decode(message.data, type=Event)
        assert (event.kind, event.device) == (EventKind.CLOCK_CORRECTED, 5)
        assert event.detail.startswith("+3600") or event.detail.startswith("+3599")


async def test_many_cuts_in_a_row_lose_and_double_nothing(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        store = Store(rig)
        rig.forwarder.start()
        producing = asyncio.create_task(rig.produce(0, 3000, rows=5))
        for _ in range(6):
            await asyncio.sleep(0.3)
            await rig.cable.cut()
            await asyncio.sleep(0.1)
            await rig.cable.mend()
        await producing
        await until(lambda: store.has(15_000), within=60)
        assert set(store.rows.values()) == {1}

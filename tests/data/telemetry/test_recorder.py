"""From the bus to the store: every acknowledged reading exactly once, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import rig
from nats.aio.client import Client
from nats.js import JetStreamContext

from gongfu.kernel import bus, events
from gongfu.kernel.readings import TextReading
from gongfu.kernel.store import StoreClient

NOW = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1e6)
SECOND = 1_000_000


async def connected(node: rig.Node) -> tuple[Client, JetStreamContext]:
    client = await bus.connect(node.settings, "test")
    return client, await bus.ensure(node.settings, client)


async def publish(node: rig.Node, *messages: tuple[str, bytes]) -> None:
    client, js = await connected(node)
    for subject, data in messages:
        await js.publish(subject, data)
    await client.close()


async def until(ask: Callable[[], object], wanted: object, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while (found := await asyncio.to_thread(ask)) != wanted:
        assert time.monotonic() < deadline, f"{found} instead of {wanted}"
        await asyncio.sleep(0.1)


def counter(node: rig.Node, line: str) -> float:
    """A sample of the recorder's metrics."""
    found = [row for row in node.get("/metrics")[1].splitlines() if row.startswith(line)]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


async def test_a_reading_is_in_the_store_within_two_seconds(node: rig.Node, store: StoreClient) -> None:
    started = time.monotonic()
    await publish(node, ("readings.10.1", rig.batch(10, 1, [5, 6], [NOW, NOW], [1.5, 2.5], arrived=NOW)))
    await until(lambda: store.command("SELECT count() FROM readings WHERE org = 10"), "2")
    assert time.monotonic() - started < 2
    rows = store.query_arrow("SELECT series, value, quality, ts FROM readings ORDER BY series", orgs=[10]).to_pylist()
    assert [(row["series"], row["value"], row["quality"]) for row in rows] == [(5, 1.5, 0), (6, 2.5, 0)]
    assert rows[0]["ts"] == datetime(2026, 11, 20, tzinfo=UTC)


async def test_the_same_observation_again_is_one_and_a_correction_wins(node: rig.Node, store: StoreClient) -> None:
    first = rig.batch(11, 1, [1, 2], [NOW, NOW], [1.0, 2.0], arrived=NOW)
    corrected = rig.batch(11, 1, [1], [NOW], [100.0], arrived=NOW + 5 * SECOND)
    late = rig.batch(11, 1, [1], [NOW - 3600 * SECOND], [0.5], arrived=NOW + 6 * SECOND)
    again = rig.batch(11, 1, [1, 2], [NOW, NOW], [1.0, 2.0], arrived=NOW)
    await publish(node, *(("readings.11.1", data) for data in (first, corrected, late, again, late)))
    await until(lambda: store.command("SELECT count() FROM readings FINAL WHERE org = 11"), "3")
    rows = store.query_arrow("SELECT series, value FROM readings FINAL ORDER BY series, ts", orgs=[11]).to_pylist()
    assert [(row["series"], row["value"]) for row in rows] == [(1, 0.5), (1, 100.0), (2, 2.0)]


async def test_a_correction_within_the_same_second_wins_too(node: rig.Node, store: StoreClient) -> None:
    for value in (1.0, 2.0, 3.0):
        await publish(node, ("readings.12.1", rig.batch(12, 1, [1], [NOW], [value], arrived=NOW)))
    await until(lambda: store.command("SELECT value FROM readings FINAL WHERE org = 12"), "3")
    await until(lambda: store.command("SELECT value FROM latest FINAL WHERE org = 12"), "3")


async def test_last_values_are_the_newest_by_source_time(node: rig.Node, store: StoreClient) -> None:
    times = [NOW, NOW + 2 * SECOND, NOW + SECOND]
    await publish(node, ("readings.13.1", rig.batch(13, 1, [1, 1, 1], times, [1.0, 2.0, 3.0], arrived=NOW)))
    await publish(node, ("readings.13.1", rig.batch(13, 1, [1], [NOW - SECOND], [9.0], arrived=NOW + 9 * SECOND)))
    await until(lambda: store.command("SELECT count() FROM readings WHERE org = 13"), "4")
    assert store.command("SELECT value FROM latest FINAL WHERE org = 13") == "2"


async def test_not_a_number_and_impossible_times_are_stored_as_bad(node: rig.Node, store: StoreClient) -> None:
    values = [float("nan"), float("inf"), 1.0, 2.0]
    times = [NOW, NOW, -5, 2**62]
    await publish(node, ("readings.14.1", rig.batch(14, 1, [1, 2, 3, 4], times, values, arrived=NOW)))
    await until(lambda: store.command("SELECT count() FROM readings WHERE org = 14"), "4")
    rows = store.query_arrow("SELECT ts, quality FROM readings", orgs=[14]).to_pylist()
    assert {(row["ts"], row["quality"]) for row in rows} == {(datetime(2026, 11, 20, tzinfo=UTC), 2)}


async def test_texts_and_events_are_kept_once(node: rig.Node, store: StoreClient) -> None:
    items = [TextReading(7, NOW, "运行"), TextReading(7, NOW + 1, "O'Brien\n\\")]
    event = events.encoder.encode(
        events.Event(org=15, device=1, time=NOW, kind=events.EventKind.OFFLINE, detail="掉线 'x'")
    )
    for _ in range(2):
        await publish(node, ("readings.15.1", rig.texts(15, 1, items, arrived=NOW)), ("events.15.1", event))
    await until(lambda: store.command("SELECT count() FROM texts FINAL WHERE org = 15"), "2")
    await until(lambda: store.command("SELECT count() FROM events FINAL WHERE org = 15"), "1")
    await asyncio.sleep(0.7)
    assert store.command("SELECT count() FROM events FINAL WHERE org = 15") == "1"
    texts = store.query_arrow("SELECT text FROM texts FINAL ORDER BY ts", orgs=[15]).column("text").to_pylist()
    assert texts == ["运行", "O'Brien\n\\"]
    assert store.query_arrow("SELECT detail FROM events", orgs=[15]).column("detail").to_pylist()[0] == "掉线 'x'"


async def test_what_cannot_be_read_is_counted_and_does_not_stop_the_stream(node: rig.Node, store: StoreClient) -> None:
    line = 'gongfu_recorder_rejected_total{reason="malformed",stream="readings"}'
    before = counter(node, line)
    good = rig.batch(16, 1, [1], [NOW], [1.0], arrived=NOW)
    broken = [b"", b"\xff" * 100, good[:-3], b"{}", b"x" * 900_000]
    await publish(node, *(("readings.16.1", data) for data in broken), ("readings.16.1", good))
    await publish(node, ("events.16.1", b"{"), ("readings.99.1", good))
    await until(lambda: store.command("SELECT count() FROM readings WHERE org = 16"), "1")
    await until(lambda: counter(node, line) - before, 5.0)
    assert counter(node, 'gongfu_recorder_rejected_total{reason="subject",stream="readings"}') >= 1
    await until(lambda: pending(node), 0)


def pending(node: rig.Node) -> int:
    """Messages the recorder has not acknowledged."""

    async def ask() -> int:
        client, js = await connected(node)
        info = await js.consumer_info(bus.READINGS, bus.RECORDER)
        await client.close()
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    return asyncio.run(ask())


async def test_one_batch_may_span_more_months_than_a_server_accepts_by_default(
    node: rig.Node, store: StoreClient
) -> None:
    months = [int(datetime(1990 + n // 12, n % 12 + 1, 1, tzinfo=UTC).timestamp() * 1e6) for n in range(240)]
    await publish(node, ("readings.17.1", rig.batch(17, 1, [1] * 240, months, [1.0] * 240, arrived=NOW)))
    await until(lambda: store.command("SELECT count() FROM readings WHERE org = 17"), "240")


async def test_after_the_bus_was_away_nothing_is_missing(node: rig.Node, store: StoreClient) -> None:
    await publish(node, ("readings.18.1", rig.batch(18, 1, [1], [NOW], [1.0], arrived=NOW)))
    node.stop_bus()
    await until(lambda: node.ready()[0], 503)
    node.start_bus()
    await publish(node, ("readings.18.1", rig.batch(18, 1, [1], [NOW + 1], [1.0], arrived=NOW)))
    await until(lambda: store.command("SELECT count() FROM readings FINAL WHERE org = 18"), "2")
    await until(lambda: node.ready()[0], 200)


async def test_killed_again_and_again_every_acknowledged_reading_is_there_once(tmp_path: Path) -> None:
    with rig.node(tmp_path) as node:
        client, js = await connected(node)
        acknowledged = 0
        stop = asyncio.Event()

        async def keep_publishing() -> None:
            nonlocal acknowledged
            number = 0
            while not stop.is_set():
                times = [NOW + (number * 100 + n) * 1000 for n in range(100)]
                data = rig.batch(1, 1, list(range(100)), times, [float(number)] * 100, arrived=NOW + number * SECOND)
                await js.publish("readings.1.1", data)
                acknowledged += 100
                number += 1
                await asyncio.sleep(0.002)

        publishing = asyncio.create_task(keep_publishing())
        for pause in (0.9, 0.3, 0.6):
            await asyncio.sleep(pause)
            await asyncio.to_thread(node.kill_recorder)
            await asyncio.to_thread(node.start_recorder)
        stop.set()
        await publishing
        await client.close()
        store = StoreClient(node.settings)
        await until(lambda: int(store.command("SELECT count() FROM readings FINAL")), acknowledged, 20)
        assert int(store.command("SELECT uniqExact(series, ts) FROM readings")) == acknowledged
        store.close()


def small_disk(folder: Path) -> list[str]:
    """Words before a command that give it a disk of 48 MB at ``folder``, gone when it ends."""
    folder.mkdir(parents=True)
    command = f'mount -t tmpfs -o size=48m tmpfs {folder} && exec "$@"'
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False).returncode:
        if os.environ.get("GONGFU_REQUIRE_ALL"):
            pytest.fail("this system gives no small disk")
        pytest.skip("this system gives no small disk")
    return words


async def test_a_full_disk_stops_acknowledging_and_loses_nothing(tmp_path: Path) -> None:
    with rig.node(tmp_path, recorder=False) as node:
        words = small_disk(tmp_path / "telemetry")
        recorder = await asyncio.to_thread(node.start_recorder, words)
        store = StoreClient(node.settings)
        await publish(node, ("readings.1.1", rig.batch(1, 1, [1], [NOW], [1.0], arrived=NOW)))
        await until(lambda: store.command("SELECT count() FROM readings"), "1")
        filler = Path(f"/proc/{recorder.pid}/root{tmp_path}/telemetry/filler")
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        for n in range(1, 6):
            await publish(node, ("readings.1.1", rig.batch(1, 1, [1], [NOW + n], [1.0], arrived=NOW)))
        await until(lambda: node.ready()[0], 503)
        assert '"store":{"ok":false' in node.ready()[1]
        assert store.command("SELECT count() FROM readings") == "1"
        assert await asyncio.to_thread(pending, node) == 5
        filler.unlink()
        await until(lambda: store.command("SELECT count() FROM readings FINAL"), "6")
        await until(lambda: node.ready()[0], 200)
        store.close()


async def test_a_second_recorder_says_who_holds_the_store(node: rig.Node) -> None:
    other = rig.Node(node.settings.home)  # the same home, other ports
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", rig.RECORDER, env=os.environ | other.environment, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode != 0
    assert "is open in process" in errors.decode()

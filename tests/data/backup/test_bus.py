"""The bus in a backup: every message and every consumer come back, also of a stream larger than any window."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongfu.data.backup import repository
from gongfu.data.backup.collecting import Collector
from gongfu.data.backup.sources import bus as copying
from gongfu.data.backup.sources import own_bus
from gongfu.data.backup.targets.folder import Folder
from gongfu.data.backup.writing import Writer
from gongfu.kernel import bus
from gongfu.kernel.settings import Settings

MESSAGES, SIZE = 60, 400_000


def quiet(*_: object) -> None:
    """Told of progress."""


def test_messages_and_consumers_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gongfu.data.backup.writing.IN_FLIGHT", 8_000_000)
    monkeypatch.setattr("gongfu.data.backup.writing.PACK_OCTETS", 1)  # each blob is written at once
    old, new = Settings(home=tmp_path / "old"), Settings(home=tmp_path / "new")
    for made in (old, new):
        (made.home / "secrets").mkdir(parents=True)
    opened, _ = repository.found(Folder(tmp_path / "copies"), node="a", owner="a", data_key=bytes(32))
    sent: list[bytes] = []

    async def fill(settings: Settings) -> None:
        client = await bus.connect(settings, "test")
        js = await bus.ensure(settings, client)
        for n in range(MESSAGES):
            payload = os.urandom(SIZE)
            sent.append(hashlib.sha256(payload).digest())
            await js.publish(f"readings.1.{n % 3}", payload)
        taken = await js.pull_subscribe_bind(bus.RECORDER, bus.READINGS)
        first = await taken.fetch(10, timeout=10)
        await first[-1].ack_sync()  # AckPolicy.ALL: these ten are stored
        await (await js.key_value(bus.DESIRED)).put("local.1", b"wanted")
        await client.close()

    async def look(settings: Settings) -> tuple[list[bytes], bytes | None]:
        client = await bus.connect(settings, "test")
        js = client.jetstream()
        taken = await js.pull_subscribe_bind(bus.RECORDER, bus.READINGS)
        found: list[bytes] = []
        while len(found) < MESSAGES - 10:
            for message in await taken.fetch(10, timeout=10):
                found.append(hashlib.sha256(message.data).digest())
        wanted = (await (await js.key_value(bus.DESIRED)).get("local.1")).value
        await client.close()
        return found, wanted

    with own_bus.running(old, old.home) as reachable:
        asyncio.run(fill(reachable))
        writer = Writer(opened, 1)
        collector = Collector(opened, writer, None, quiet)
        streams = asyncio.run(copying.copy(reachable, collector))
        files = {file.path: file for file in collector.files()}
        writer.abandon()
    opened = repository.Repository(opened.target, opened.head, bytes(32))
    opened.load_index()
    shutil.rmtree(old.home)

    def pieces(stream: str) -> Iterator[bytes]:
        return opened.read_file(files[copying.name_of(stream)])

    with own_bus.running(new, new.home) as reachable:
        asyncio.run(copying.restore(reachable, streams, pieces))
        asyncio.run(copying.restore(reachable, streams, pieces))  # again: what is there stays
        found, wanted = asyncio.run(look(reachable))
    assert found == sent[10:]
    assert wanted == b"wanted"


def test_streams_are_copied_in_the_direction_in_which_things_are_promised() -> None:
    given = ["KV_actual", "EVENTS", "READINGS", "$MQTT_sess", "ALARMS", "$MQTT_msgs", "KV_memory"]
    assert copying.in_order(given) == [
        *("$MQTT_msgs", "$MQTT_sess", "READINGS", "EVENTS", "ALARMS", "KV_actual", "KV_memory"),
    ]

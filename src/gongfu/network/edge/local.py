"""The edge's own bus: its streams and buckets, and what goes between them and the node's."""

from __future__ import annotations

import asyncio
import contextlib

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import KeyNotFoundError, NoKeysError, NotFoundError

from gongfu.kernel import bus
from gongfu.kernel.settings import Settings
from gongfu.network.edge.link import Link

PUSH_EVERY = 1.0
"""Seconds between two reports of devices' states to the node."""
_AT_ONCE = 64


async def prepare(settings: Settings) -> None:
    """Streams that keep what is not forwarded, and buckets, exist afterwards. Before the gateway starts.

    Unlike a node's they keep every message until it is deleted, and messages can be asked for by number.
    """
    client = await bus.connect(settings, "edge-prepare")
    try:
        js = client.jetstream(timeout=10)
        for stream, subjects in ((bus.READINGS, ["readings.>"]), (bus.EVENTS, ["events.>"])):
            await _stream(js, settings, stream, subjects)
        await bus.ensure(settings, client)
    finally:
        await client.close()


async def _stream(js: JetStreamContext, settings: Settings, stream: str, subjects: list[str]) -> None:
    wanted = StreamConfig(
        name=stream,
        subjects=subjects,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        max_bytes=settings.retention_bus_bytes,
        duplicate_window=120,
        allow_direct=True,
    )
    try:
        existing = (await js.stream_info(stream)).config
    except NotFoundError:
        await js.add_stream(wanted)
        return
    if existing.max_bytes != wanted.max_bytes:
        await js.update_stream(wanted)


class Copies:
    """Buckets kept alike: ``desired`` comes down, ``actual`` goes up."""

    def __init__(self, edge: str, client: Client) -> None:
        self._edge = edge
        self._js = client.jetstream(timeout=5)
        self._dirty: dict[str, bytes] = {}
        self.states: dict[str, bytes] = {}
        """Key (device) → its newest state, JSON; a withdrawn one is not there."""

    async def configure(self, entries: dict[str, bytes], whole: bool) -> None:
        """Take what the node wants: all of it, or what has changed; an empty value is a withdrawal."""
        bucket = await self._js.key_value(bus.DESIRED)
        prefix = f"{self._edge}."
        for key, value in entries.items():
            await self._settle(prefix + key, value)
        if whole:
            with contextlib.suppress(NoKeysError):
                for key in await bucket.keys():
                    if key.startswith(prefix) and key.removeprefix(prefix) not in entries:
                        await bucket.purge(key)

    async def _settle(self, key: str, value: bytes) -> None:
        bucket = await self._js.key_value(bus.DESIRED)
        try:
            before = (await bucket.get(key)).value or b""
        except KeyNotFoundError:
            before = b""
        if value and value != before:
            await bucket.put(key, value)
        elif before and not value:
            await bucket.purge(key)

    async def watch(self) -> None:
        """Follow the gateway's states until cancelled."""
        while True:
            try:
                bucket = await self._js.key_value(bus.ACTUAL)
                watcher = await bucket.watch(f"{self._edge}.*")
                while True:
                    try:
                        entry = await watcher.updates(timeout=60.0)  # type: ignore[no-untyped-call]
                    except nats.errors.TimeoutError:
                        continue
                    if entry is None:
                        continue
                    key = entry.key.removeprefix(f"{self._edge}.")
                    value = b"" if entry.operation else entry.value or b""
                    self._dirty[key] = value
                    if value:
                        self.states[key] = value
                    else:
                        self.states.pop(key, None)
            except (nats.errors.Error, OSError, TimeoutError):
                await asyncio.sleep(0.5)

    def all_again(self) -> None:
        """The node may have missed some: tell all."""
        self._dirty = {**self.states, **self._dirty}

    async def push(self, link: Link) -> None:
        """Send states up until cancelled; the newest of each device, at most once a second."""
        while True:
            await asyncio.sleep(PUSH_EVERY)
            if link.talk() is None:
                continue
            due, self._dirty = list(self._dirty.items()), {}
            for start in range(0, len(due), _AT_ONCE):
                await asyncio.gather(*(self._put(link, key, value) for key, value in due[start : start + _AT_ONCE]))

    async def _put(self, link: Link, key: str, value: bytes) -> None:
        headers = b"" if value else b"KV-Operation: PURGE\r\nNats-Rollup: sub\r\n"
        if not await link.put(f"node.actual.{self._edge}.{key}", value, headers):
            self._dirty.setdefault(key, value)

"""What the gateway says of its devices: bucket ``actual``, news at once, counters every two seconds."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from gongfu.kernel.bus import ACTUAL
from gongfu.network.gateway.config import DeviceState, desired_key

COUNTERS_EVERY = 2.0
_AT_ONCE = 32
"""Writes on their way together, so that ten thousand devices do not flood the bus."""

_encoder = msgspec.json.Encoder()


class States:
    """The newest state of each device, written when it changes."""

    def __init__(self, js: JetStreamContext, gateway: str, connected: asyncio.Event) -> None:
        self._js = js
        self._gateway = gateway
        self._connected = connected
        self._bucket: KeyValue | None = None
        self._latest: dict[int, DeviceState] = {}
        self._unwritten: set[int] = set()
        self._news: set[int] = set()
        self._removed: set[int] = set()
        self._wake = asyncio.Event()

    def report(self, state: DeviceState, news: bool) -> None:
        """Take a new state; ``news`` is written at once."""
        self._latest[state.device] = state
        self._unwritten.add(state.device)
        self._removed.discard(state.device)
        if news:
            self._news.add(state.device)
            self._wake.set()

    def remove(self, device: int) -> None:
        """The gateway no longer has this device."""
        self._latest.pop(device, None)
        self._unwritten.discard(device)
        self._news.discard(device)
        self._removed.add(device)
        self._wake.set()

    def online(self) -> int:
        """How many devices are online."""
        return sum(state.status == "online" for state in self._latest.values())

    async def run(self) -> None:
        """Write until cancelled."""
        loop = asyncio.get_running_loop()
        counters_at = loop.time()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, counters_at - loop.time()))
            self._wake.clear()
            await self._connected.wait()
            due = self._news
            if loop.time() >= counters_at:
                due = due | self._unwritten
                counters_at = loop.time() + COUNTERS_EVERY
            self._news = set()
            self._unwritten -= due
            await self._write(due)

    async def write_all(self) -> None:
        """Write what is not written yet, once."""
        due, self._unwritten, self._news = self._unwritten | self._news, set(), set()
        await self._write(due)

    async def known(self) -> set[int]:
        """Devices of this gateway that have a state in the bucket, perhaps from an earlier run."""
        bucket = await self._kv()
        prefix = f"{self._gateway}."
        try:
            keys = await bucket.keys()
        except nats.js.errors.NoKeysError:
            return set()
        return {
            int(key.removeprefix(prefix)) for key in keys if key.startswith(prefix) and key[len(prefix) :].isdigit()
        }

    async def _write(self, due: set[int]) -> None:
        work = [(device, self._latest[device]) for device in due if device in self._latest]
        removed, self._removed = self._removed, set()
        for start in range(0, len(work), _AT_ONCE):
            part = work[start : start + _AT_ONCE]
            await asyncio.gather(*(self._put(device, state) for device, state in part))
        for device in removed:
            try:
                await (await self._kv()).purge(desired_key(self._gateway, device))
            except (nats.errors.Error, OSError, TimeoutError):
                self._removed.add(device)

    async def _put(self, device: int, state: DeviceState) -> None:
        try:
            await (await self._kv()).put(desired_key(self._gateway, device), _encoder.encode(state))
        except (nats.errors.Error, OSError, TimeoutError):
            self._unwritten.add(device)  # written again with the counters

    async def _kv(self) -> KeyValue:
        if self._bucket is None:
            self._bucket = await self._js.key_value(ACTUAL)
        return self._bucket

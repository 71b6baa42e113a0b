"""Which devices run: the bucket ``desired`` against what is there. One device changes, only that one restarts."""

from __future__ import annotations

import asyncio
import contextlib
import random

import msgspec
import nats.errors
import structlog
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError

from gongfu.kernel.bus import DESIRED, MEMORY
from gongfu.kernel.errors import GongfuError, Invalid, Unavailable, packed
from gongfu.kernel.i18n import mark
from gongfu.network.drivers import registry
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.pacing import PULSE, end_if_cancelled
from gongfu.network.gateway.config import DeviceConfig, DeviceState, Status, desired_key
from gongfu.network.gateway.deriving import read_tags
from gongfu.network.gateway.ingress import Ingress
from gongfu.network.gateway.outlet import Outlet, now
from gongfu.network.gateway.pipeline import DeviceSink
from gongfu.network.gateway.states import States
from gongfu.network.map.addresses import Address, address_of

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
FIRST_MINUTE, LONGEST_EARLY_PAUSE = 60.0, 5.0
"""A device that has just gone is tried often; one that has been gone for a minute, less."""
STEADY = 10.0
"""Seconds online after which the next failure starts with the shortest pause again."""
REFRESH = 60.0
"""Seconds after which the bucket is read as a whole again, should the watch have missed something."""
STOP_SECONDS = 3.0

_decoder = msgspec.json.Decoder(DeviceConfig)
_log = structlog.get_logger("gateway")


class Running(msgspec.Struct, eq=False):
    """A device as it runs. ``task`` is empty for fed devices and for refused ones."""

    config: DeviceConfig
    sink: DeviceSink
    task: asyncio.Task[None] | None = None


class Devices:
    """Every device of this gateway."""

    def __init__(self, node: str, js: JetStreamContext, outlet: Outlet, states: States, ingress: Ingress) -> None:
        self._node = node
        self._js = js
        self._outlet = outlet
        self._states = states
        self._ingress = ingress
        self._running: dict[int, Running] = {}
        self.reconnected = asyncio.Event()
        """Set when the bus is back: the watch starts anew."""
        self.loaded = asyncio.Event()
        """Set when every desired device has been seen once."""

    def __len__(self) -> int:
        return len(self._running)

    def configuration(self, device: int) -> DeviceConfig | None:
        """How a device is configured, None when this gateway does not run it."""
        running = self._running.get(device)
        return running.config if running else None

    def addresses(self) -> set[Address]:
        """Where the devices are reached that have an address."""
        found = (address_of(one.config.driver, one.config.options) for one in self._running.values())
        return {address for address in found if address is not None}

    def sinks(self) -> list[DeviceSink]:
        """The sink of each device."""
        return [running.sink for running in self._running.values()]

    async def run(self) -> None:
        """Follow the bucket until cancelled."""
        while True:
            try:
                await self._watch_once()
            except (nats.errors.Error, OSError, TimeoutError) as error:
                _log.debug("the watch of desired devices starts anew", reason=repr(error))
                await asyncio.sleep(0.5)

    async def stop(self) -> None:
        """Stop every driver; what they emitted stays to be sent."""
        tasks = [running.task for running in self._running.values() if running.task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)

    async def _watch_once(self) -> None:
        self.reconnected.clear()
        bucket = await self._js.key_value(DESIRED)
        watcher = await bucket.watch(f"{self._node}.*")
        until = asyncio.get_running_loop().time() + REFRESH
        seen: set[int] | None = set()
        try:
            while asyncio.get_running_loop().time() < until and not self.reconnected.is_set():
                try:
                    entry = await watcher.updates(timeout=1.0)  # type: ignore[no-untyped-call]
                except nats.errors.TimeoutError:
                    continue
                if entry is None:
                    if seen is not None:
                        await self._forget_others(seen)
                    seen = None
                    self.loaded.set()
                    continue
                device = _device(entry.key)
                if device is None:
                    continue
                if entry.operation is None:
                    if seen is not None:
                        seen.add(device)
                    await self.apply(device, entry.value or b"")
                else:
                    await self.remove(device)
        finally:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                await watcher.stop()  # type: ignore[no-untyped-call]

    async def _forget_others(self, seen: set[int]) -> None:
        for device in set(self._running) - seen:
            await self.remove(device)
        if not self.loaded.is_set():
            for device in await self._states.known() - seen:
                self._states.remove(device)  # of an earlier run

    async def apply(self, device: int, data: bytes) -> None:
        """Run ``device`` as ``data`` says, the JSON of a :class:`DeviceConfig`."""
        before = self._running.get(device)
        try:
            config = _decoder.decode(data)
            if config.device != device:
                raise msgspec.ValidationError(f"key of device {device}, configuration of {config.device}")
        except msgspec.DecodeError as error:
            await self.remove(device)
            problem = packed(Invalid(mark("The configuration cannot be read: {reason}."), reason=error))
            self._states.report(DeviceState(device=device, status=Status.REFUSED, since=now(), problem=problem), True)
            return
        if before is not None and before.config == config:
            return
        if before is not None:
            await self._end(before)
        sink = DeviceSink(config, self._outlet, self._states.report, self._ingress.command, self._node)
        if before is not None:
            sink.carry_on(before.sink.state)
        if sink.derives:
            sink.recall((before.sink.memory() if before else b"") or await self._memory(device))
        running = Running(config, sink)
        self._running[device] = running
        try:
            complete = registry.complete(read_tags(config))
            if registry.manifest(config.driver).kind is registry.Kind.FED:
                await self._ingress.add(registry.fed(config.driver).open_feed(complete), sink)
                sink.announce()
            else:
                self._ingress.remove(device)
                sink.announce()
                running.task = asyncio.create_task(_keep(complete, sink), name=f"device {device}")
        except (Invalid, ImportError) as error:
            self._ingress.remove(device)
            sink.refused(packed(error))

    async def _memory(self, device: int) -> bytes:
        """What the recipes of a device knew when this gateway, or an earlier process of it, last stored a count."""
        bucket = await self._js.key_value(MEMORY)
        with contextlib.suppress(KeyNotFoundError):
            return (await bucket.get(desired_key(self._node, device))).value or b""
        return b""

    async def remove(self, device: int) -> None:
        """Stop ``device`` and forget it."""
        running = self._running.pop(device, None)
        self._ingress.remove(device)
        if running is not None:
            await self._end(running)
        self._states.remove(device)

    async def _end(self, running: Running) -> None:
        if running.task is not None:
            running.task.cancel()
            await asyncio.wait({running.task}, timeout=STOP_SECONDS)
        running.sink.flush()


async def _keep(config: DeviceConfig, sink: DeviceSink) -> None:
    """Run a polled driver, again and again, until cancelled or its configuration is refused."""
    loop = asyncio.get_running_loop()
    pause, lost_at = FIRST_PAUSE, loop.time()
    driver = registry.polled(config.driver)
    PULSE.set(sink.pulse)
    while True:
        try:
            await driver.run(config, sink)
            problem = packed(Unavailable(mark("The driver ended.")))
        except BadConfiguration as error:
            sink.refused(packed(error))
            return
        except GongfuError as error:
            problem = packed(error)
        except Exception as error:
            _log.warning("driver failed", device=config.device, driver=config.driver, exc_info=True)
            problem = packed(error)
        end_if_cancelled()  # a library may have turned the cancellation into its own error
        online = sink.state.status is Status.ONLINE
        if online and now() - sink.state.since > STEADY * 1e6:
            pause, lost_at = FIRST_PAUSE, loop.time()
        sink.offline(problem)
        longest = LONGEST_EARLY_PAUSE if loop.time() - lost_at < FIRST_MINUTE else LONGEST_PAUSE
        await asyncio.sleep(min(pause, longest) * random.uniform(0.8, 1.2))  # noqa: S311 jitter
        pause = min(pause * 2, LONGEST_PAUSE)


def _device(key: str) -> int | None:
    tail = key.rpartition(".")[2]
    return int(tail) if tail.isdecimal() and tail.isascii() and len(tail) < 19 else None

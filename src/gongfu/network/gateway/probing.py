"""Questions to a driver that can only poll: it runs for a moment, into a sink that listens.

What it takes is what a poll takes; it can neither tell who the device is nor list what it holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import (
    DeviceUnavailable,
    Driver,
    Emitted,
    Identity,
    Point,
    Refusal,
    Sample,
    one_by_one,
)
from gongfu.network.gateway.config import DeviceConfig, TagConfig

FASTEST = 0.5
"""Seconds between two polls of a probe: one may miss a tag that its neighbour's fault has hidden."""


class _Listener:
    """The sink of a probe. ``done`` is set once the device is there and every wanted series has been said."""

    def __init__(self, wanted: set[int]) -> None:
        self.samples: dict[int, Sample] = {}
        self.done = asyncio.Event()
        self._wanted = wanted
        self._online = False

    def online(self) -> None:
        self._online = True
        self._look()

    def offline(self, reason: str) -> None:
        """A probe waits, and says itself when it was in vain."""

    async def emit(self, samples: Emitted) -> None:
        self.samples.update((sample.series, sample) for sample in one_by_one(samples))
        self._look()

    async def emit_acknowledged(self, samples: Sequence[Sample]) -> None:
        await self.emit(samples)

    def malformed(self, detail: str) -> None:
        """A probe counts nothing."""

    def _look(self) -> None:
        if self._online and self._wanted <= self.samples.keys():
            self.done.set()


class Probe:
    """A session over ``run``."""

    def __init__(self, driver: Driver, device: DeviceConfig) -> None:
        self._driver = driver
        self._device = device

    async def identify(self) -> Identity:
        """Nobody asks; but the device answered."""
        await self._run([])
        return Identity()

    async def browse(self, parent: str) -> Sequence[Point]:
        """Refused."""
        raise Refusal(
            mark("The driver {driver} cannot list what a device holds."),
            remedy=mark("Type the addresses, or paste a list."),
            driver=self._device.driver,
        )

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """The first sample of each."""
        samples = await self._run(tags)
        return [samples.get(tag.series, Sample(tag.series, None)) for tag in tags]

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Refused."""
        raise Refusal(mark("The driver {driver} cannot write."), driver=self._device.driver)

    async def _run(self, tags: Sequence[TagConfig]) -> dict[int, Sample]:
        listener = _Listener({tag.series for tag in tags})
        device = msgspec.structs.replace(self._device, tags=list(tags), interval=max(FASTEST, self._device.interval))
        running = asyncio.create_task(self._driver.run(device, listener))
        heard = asyncio.create_task(listener.done.wait())
        try:
            await asyncio.wait({running, heard}, return_when=asyncio.FIRST_COMPLETED)
            if running.done() and not listener.done.is_set():
                running.result()  # its own error, most likely
                raise DeviceUnavailable(mark("The driver ended."))
            return listener.samples
        finally:
            running.cancel()
            heard.cancel()
            await asyncio.wait({running, heard}, timeout=1.0)
            if running.done() and not running.cancelled():
                running.exception()  # somebody looked


@asynccontextmanager
async def open_probe(driver: Driver, device: DeviceConfig) -> AsyncIterator[Probe]:
    """A probe; it holds no connection between two questions."""
    yield Probe(driver, device)

"""Reads the properties of one device at the device's interval, or is told of their changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from bacpypes3.basetypes import PropertyIdentifier

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.bacnet import options, values
from gongfu.network.drivers.bacnet.address import ANY, DEVICE, PRESENT_VALUE, Item, Property
from gongfu.network.drivers.bacnet.client import Client, Declined, Peer, Result, client
from gongfu.network.drivers.bacnet.options import Options, Setup
from gongfu.network.drivers.bacnet.reader import Reader
from gongfu.network.drivers.bacnet.session import DeviceSession
from gongfu.network.drivers.contract import DeviceUnavailable, Sample, Sink
from gongfu.network.drivers.pacing import Pace
from gongfu.network.drivers.values import fit
from gongfu.network.gateway.config import DeviceConfig

__all__ = ["Options", "open_session", "run"]

STATUS_FLAGS = int(PropertyIdentifier("status-flags"))
RELIABILITY = int(PropertyIdentifier("reliability"))
OBJECT_IDENTIFIER = int(PropertyIdentifier("object-identifier"))
_QUIET = 5.0
"""Seconds without a word after which a device that is not polled is asked for its name."""


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    setup = options.read(device)
    chosen = setup.options
    peer = await options.peer(setup)
    async with client(setup.local) as shared:
        await recognise(shared, peer, chosen.instance)
        sink.online()
        follower = _Follower(device, setup, shared, peer, sink)
        try:
            if chosen.cov:
                await follower.subscribe()
            pace = Pace(device.interval)
            while True:
                samples = await follower.read()
                if samples:
                    await sink.emit(samples)
                await pace.wait()
        finally:
            follower.close()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[DeviceSession]:
    """Questions from the same socket that the running drivers use."""
    setup = options.read(device)
    peer = await options.peer(setup)
    async with client(setup.local) as shared:
        number = await recognise(shared, peer, setup.options.instance)
        yield DeviceSession(setup, shared, peer, number)


async def recognise(shared: Client, peer: Peer, instance: int) -> int:
    """The device's instance, :data:`ANY` when it does not tell; raises :class:`DeviceUnavailable`.

    A device that declines to be asked for any instance (clause 15.5.2 allows it) is there all the same.
    """
    try:
        found = await shared.read(peer, Property(Item(DEVICE, instance), OBJECT_IDENTIFIER))
    except Declined as declined:
        if instance == ANY:
            return ANY
        raise DeviceUnavailable(
            mark("The BACnet device at {name} is not number {instance} ({reason})."),
            remedy=mark("Check the option instance, or leave it out."),
            name=peer.name,
            instance=instance,
            reason=declined,
        ) from declined
    number = values.instance(found)
    return instance if number is None else number


class _Follower:
    """One device. Tags go by their position in the device's list."""

    def __init__(self, device: DeviceConfig, setup: Setup, shared: Client, peer: Peer, sink: Sink) -> None:
        self._device = device
        self._setup = setup
        self._client = shared
        self._peer = peer
        self._sink = sink
        self._reader = Reader(shared, peer, setup.options.batch)
        self._flagless: set[Item] = set()
        """Objects without status flags; their reliability is read instead."""
        self._subscriptions: dict[Item, int] = {}
        self._due = 0.0
        self._heard = asyncio.get_running_loop().time()
        self._news: dict[Property, Result] = {}
        self._reported: set[int] = set()

    async def subscribe(self) -> None:
        """Ask to be told of changes of every present value that the device can tell of (clause 13.14)."""
        for item in {one.item for one in self._setup.properties if one.is_present_value}:
            process = self._client.listen(self._peer, partial(self._news_of, item))
            self._subscriptions[item] = process
        await self._renew()

    def close(self) -> None:
        """Hear no more; the device forgets the subscriptions when their lifetime ends."""
        for process in self._subscriptions.values():
            self._client.forget(self._peer, process)

    async def read(self) -> list[Sample]:
        """Samples of what is polled, and of what the device has told since the last time."""
        if self._subscriptions and asyncio.get_running_loop().time() >= self._due:
            await self._renew()
        polled = [one for one in self._setup.properties if not self._is_told(one)]
        found: dict[Property, Result] = {}
        if polled:
            found = await self._reader.read(self._wanted(polled))
            self._heard = asyncio.get_running_loop().time()
        else:
            await self._ping()
        told, self._news = self._news, {}
        found |= told
        samples: list[Sample] = []
        for index, one in enumerate(self._setup.properties):
            if one in found:
                samples.append(self._sample(index, one, found))
        return samples

    async def _renew(self) -> None:
        """Subscribe, or again: the device then tells every value once more, so nothing is missed for long."""
        chosen = self._setup.options
        self._due = asyncio.get_running_loop().time() + chosen.cov_lifetime / 2
        for item, process in list(self._subscriptions.items()):
            try:
                await self._client.subscribe(
                    self._peer, item, process, chosen.cov_lifetime, confirmed=chosen.cov_confirmed
                )
            except Declined:  # it cannot tell, or has told too many already: it is polled
                self._client.forget(self._peer, process)
                del self._subscriptions[item]

    def _news_of(self, item: Item, found: Sequence[tuple[int, int | None, Result]]) -> None:
        for number, index, result in found:
            self._news[Property(item, number, index)] = result

    def _is_told(self, one: Property) -> bool:
        return one.is_present_value and one.item in self._subscriptions

    def _wanted(self, polled: Sequence[Property]) -> list[Property]:
        """Every property once, those of one object side by side, present values with their status."""
        wanted: dict[Item, dict[Property, None]] = {}
        for one in polled:
            of = wanted.setdefault(one.item, {})
            of[one] = None
            if one.is_present_value:
                of[Property(one.item, RELIABILITY if one.item in self._flagless else STATUS_FLAGS)] = None
        return [one for of in wanted.values() for one in of]

    async def _ping(self) -> None:
        """Nothing is asked, and nothing was told for a while: is the device still there?"""
        now = asyncio.get_running_loop().time()
        if self._news:
            self._heard = now
        elif now - self._heard >= _QUIET:
            await recognise(self._client, self._peer, self._setup.options.instance)
            self._heard = now

    def _sample(self, index: int, one: Property, found: dict[Property, Result]) -> Sample:
        tag, result = self._device.tags[index], found[one]
        if isinstance(result, str):
            return self._bad(index, result)
        grade = Quality.GOOD
        if one.number == PRESENT_VALUE:
            flags = found.get(Property(one.item, STATUS_FLAGS))
            if isinstance(flags, str):
                self._flagless.add(one.item)
            grade = values.quality(flags, found.get(Property(one.item, RELIABILITY)))
        value = fit(tag.kind, values.content(result))
        if value is None:
            return self._bad(index, f"the value is no {tag.kind}")
        return Sample(tag.series, value, quality=grade)

    def _bad(self, index: int, reason: str) -> Sample:
        tag = self._device.tags[index]
        if index not in self._reported:
            self._reported.add(index)
            self._sink.malformed(f"{tag.name} ({tag.address}): {reason}")
        return Sample(tag.series, None, quality=Quality.BAD)

"""Follows the points of one station: general interrogation after connecting, then what the station says by itself."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable, Sample, Sink
from gongfu.network.drivers.iec104 import options, times, values
from gongfu.network.drivers.iec104.address import KINDS, Kind
from gongfu.network.drivers.iec104.codes import GENERAL_COUNTERS, STATION_INTERROGATION, Cause, TypeId
from gongfu.network.drivers.iec104.elements import Counter, Information, System
from gongfu.network.drivers.iec104.hearing import Ear
from gongfu.network.drivers.iec104.options import Options, Setup
from gongfu.network.drivers.iec104.session import StationSession
from gongfu.network.drivers.iec104.station import Point, Station, station
from gongfu.network.drivers.iec104.wire import Asdu, Malformed
from gongfu.network.drivers.pacing import end_if_cancelled
from gongfu.network.gateway.config import DeviceConfig

__all__ = ["Options", "open_session", "run"]

_COMPLAINTS = 100
"""Different ones that are reported, at most."""
_ASKING = (TypeId.C_IC_NA_1, TypeId.C_CI_NA_1)


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Follow ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    setup = options.read(device)
    async with station(setup.line) as shared:
        follower = _Follower(device, setup, shared, sink)
        with shared.listen(follower.wants, complaints=True) as ear:
            sink.online()
            await follower.follow(ear)


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[StationSession]:
    """Questions over the connection that the running driver has, or over a new one."""
    setup = options.read(device)
    async with station(setup.line) as shared:
        yield StationSession(setup, shared)


class _Follower:
    """One device on a station. Tags go by their position in the device's list."""

    def __init__(self, device: DeviceConfig, setup: Setup, shared: Station, sink: Sink) -> None:
        self._device = device
        self._setup = setup
        self._station = shared
        self._sink = sink
        self._tags: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, address in enumerate(setup.addresses):
            self._tags[address.common, address.object].append(index)
        self._commons = {address.common for address in setup.addresses}
        self._seen: set[int] = set()
        self._others: dict[int, TypeId] = {}
        """What the station sends of another type than configured."""
        self._reported: set[str | int] = set()

    def wants(self, asdu: Asdu) -> bool:
        """Whether the device has tags of this ASDU's common address."""
        return asdu.common in self._commons and not asdu.test

    async def follow(self, ear: Ear) -> None:
        """Emit until cancelled or the connection breaks."""
        if self._setup.options.set_clock:
            await self._set_clocks()
        self._ask(self._commons, ear)
        due = self._next()
        while True:
            end_if_cancelled()
            try:
                async with asyncio.timeout_at(due):
                    items = await ear.get()
            except TimeoutError:
                self._ask(self._commons, ear)
                due = self._next()
                continue
            samples: list[Sample] = []
            for item in items:
                if isinstance(item, Malformed):
                    self._report(str(item), str(item))
                else:
                    self._read(item, samples, ear)
            if samples:
                await self._sink.emit(samples)

    def _next(self) -> float | None:
        """When to interrogate again."""
        return asyncio.get_running_loop().time() + self._device.interval if self._setup.options.cyclic else None

    def _ask(self, commons: set[int], ear: Ear) -> None:
        """Begin interrogations; what they bring comes to the ear. A station that does not answer them is gone."""

        def done(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if isinstance(error, DeviceUnavailable):
                ear.fail(error)

        for common in commons:
            self._station.interrogate(common, TypeId.C_IC_NA_1, STATION_INTERROGATION).add_done_callback(done)
            if self._setup.options.counters:
                self._station.interrogate(common, TypeId.C_CI_NA_1, GENERAL_COUNTERS).add_done_callback(done)

    async def _set_clocks(self) -> None:
        for common in self._commons:
            now = times.tag(time.time_ns() // 1000, self._setup.offset)
            await self._station.send(TypeId.C_CS_NA_1, common, System(time=now))

    def _read(self, asdu: Asdu, into: list[Sample], ear: Ear) -> None:
        if asdu.type in KINDS:
            for element in asdu.objects:
                for index in self._tags.get((asdu.common, element.address), ()):
                    assert isinstance(element, Information | Counter)
                    self._sample(index, Point(asdu.type, element), into)
        elif asdu.type is TypeId.M_EI_NA_1:  # the station has started anew, perhaps with other points
            self._seen -= {
                index for index, address in enumerate(self._setup.addresses) if address.common == asdu.common
            }
            self._ask({asdu.common}, ear)
        elif asdu.type in _ASKING:
            if asdu.negative or asdu.cause >= Cause.UNKNOWN_TYPE:
                reason = f"the station declines {asdu.type.name} for common address {asdu.common} (cause {asdu.cause})"
                self._report(reason, reason)
            if asdu.negative or asdu.cause >= Cause.TERMINATION:
                self._miss(asdu, into)

    def _sample(self, index: int, point: Point, into: list[Sample]) -> None:
        tag, kind = self._device.tags[index], self._setup.addresses[index].kind
        if kind is not None and kind is not KINDS[point.type]:
            self._others[index] = point.type
            return
        sample, problem = values.sample(tag, kind, point, self._setup.offset)
        self._seen.add(index)
        into.append(sample)
        if problem:
            self._report(index, f"{tag.name} ({tag.address}): {problem}")

    def _miss(self, asdu: Asdu, into: list[Sample]) -> None:
        """An interrogation has ended: what the station has never mentioned, it does not have."""
        for index, address in enumerate(self._setup.addresses):
            counter = address.kind is Kind.IT
            if address.common == asdu.common and index not in self._seen and counter == (asdu.type is _ASKING[1]):
                tag = self._device.tags[index]
                into.append(Sample(tag.series, None, quality=Quality.BAD))
                other = self._others.get(index)
                reason = "does not have it" if other is None else f"sends {other.name}, which is not {address.kind}"
                self._report(index, f"{tag.name} ({tag.address}): the station {reason}")

    def _report(self, key: str | int, text: str) -> None:
        if key not in self._reported and len(self._reported) < _COMPLAINTS + len(self._setup.addresses):
            self._reported.add(key)
            self._sink.malformed(text)

"""Follows the observations of an MTConnect agent from the number where it stopped, so that none is lost or doubled."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable, Identity, Point, Sample, Sink
from gongfu.network.drivers.mtconnect import agent as agents
from gongfu.network.drivers.mtconnect.address import Address, parse
from gongfu.network.drivers.mtconnect.agent import Agent, OutOfRange, agent
from gongfu.network.drivers.mtconnect.model import identity, places, points
from gongfu.network.drivers.mtconnect.values import Conditions, sample
from gongfu.network.drivers.mtconnect.wire import Component, Header, Observation, Streams
from gongfu.network.drivers.pacing import Pace, end_if_cancelled
from gongfu.network.drivers.positions import Positions
from gongfu.network.gateway.config import DeviceConfig, TagConfig

_SAVE_EVERY = 5.0
_POSITION = "position"


class _Position(msgspec.Struct, frozen=True):
    """Where to go on: sequence number ``next`` of the agent's life ``instance``."""

    instance: int
    next: int


class _Interrupted(Exception):
    """The sequence of numbers is broken, and why: begin again with what is current."""


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Follow ``device`` until cancelled; raises ``DeviceUnavailable`` or ``BadConfiguration``."""
    options = agents.read(device)
    routes = _Routes(device.tags)
    async with agent(options) as connection:
        positions = Positions(device.device, connection.url)
        follower = _Follower(device, connection, routes, sink, positions, options.refresh)
        try:
            await follower.follow()
        finally:
            with suppress(DeviceUnavailable):  # then some readings come twice, with their times
                await follower.save()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[AgentSession]:
    """A session with the agent."""
    async with agent(agents.read(device)) as connection:
        yield AgentSession(connection)


class AgentSession:
    """Questions to an agent."""

    def __init__(self, connection: Agent) -> None:
        self._agent = connection

    async def identify(self) -> Identity:
        """What the (first) device's description says."""
        return identity((await self._agent.probe())[0])

    async def browse(self, parent: str) -> Sequence[Point]:
        """Devices, components and data items; addresses of folders are their ids."""
        return points(await self._agent.probe(), parent)

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """What is current."""
        routes = _Routes(tags)
        routes.check(await self._agent.probe())
        found = {one.series: one for one in routes.samples((await self._agent.current()).observations)[0]}
        return [found.get(tag.series, Sample(tag.series, None, quality=Quality.BAD)) for tag in tags]


class _Routes:
    """Which observation goes to which tags."""

    def __init__(self, tags: Sequence[TagConfig]) -> None:
        self._tags = [(tag, parse(tag.address)) for tag in tags]
        self._routes: dict[str, list[tuple[TagConfig, Address]]] = {}
        self._conditions = Conditions()

    def check(self, devices: tuple[Component, ...]) -> list[TagConfig]:
        """Learn what the agent has; returns the tags that it does not have."""
        known = places(devices)
        routes: dict[str, list[tuple[TagConfig, Address]]] = defaultdict(list)
        missing = []
        for tag, address in self._tags:
            if address.item in known and address.device in ("", *known[address.item]):
                routes[address.item].append((tag, address))
            else:
                missing.append(tag)
        self._routes = dict(routes)
        return missing

    def start(self, observations: Iterable[Observation]) -> tuple[list[Sample], list[tuple[TagConfig, str]]]:
        """Like :meth:`samples`, for the answer to *current*: one sample for each tag, the last one that holds."""
        self._conditions.forget()
        samples, problems = self.samples(observations)
        return list({one.series: one for one in samples}.values()), problems

    def samples(self, observations: Iterable[Observation]) -> tuple[list[Sample], list[tuple[TagConfig, str]]]:
        """The samples, and which tag has which problem."""
        samples: list[Sample] = []
        problems: list[tuple[TagConfig, str]] = []
        for observation in observations:
            for tag, address in self._routes.get(observation.item, ()):
                made, problem = sample(tag, address.key, observation, self._conditions)
                samples.append(made)
                if problem:
                    problems.append((tag, problem))
        return samples, problems


class _Follower:
    """One device's way through the numbers."""

    def __init__(
        self,
        device: DeviceConfig,
        connection: Agent,
        routes: _Routes,
        sink: Sink,
        positions: Positions,
        refresh: float,
    ) -> None:
        self._device = device
        self._agent = connection
        self._routes = routes
        self._sink = sink
        self._positions = positions
        self._refresh = refresh
        self._at: _Position | None = None
        self._saved: _Position | None = None
        self._saved_at = 0.0
        self._known: dict[int, tuple[Sample, float]] = {}
        """The last sample of each series, and when it was emitted on the loop's clock."""
        self._reported: set[int] = set()

    async def follow(self) -> None:
        """Emit until cancelled."""
        stored = (await self._positions.read()).get(_POSITION)
        self._at = self._saved = msgspec.json.decode(stored, type=_Position) if stored else None
        pace = Pace(self._device.interval)
        while True:
            try:
                header = await self._begin()
                while (before := self._at) is not None:
                    async for document in self._agent.stream(before.next, header.size, self._device.interval):
                        end_if_cancelled()
                        await self._take(document)
                    if self._at == before:
                        await pace.wait()  # an agent that cannot stream, with nothing new
            except OutOfRange as error:
                self._interrupted(f"the agent has dropped observations before they were read: {error}")
            except _Interrupted as error:
                self._interrupted(str(error))
            await pace.wait()

    async def save(self) -> None:
        """Keep the position."""
        if self._at is not None and self._at != self._saved:
            await self._positions.write({_POSITION: msgspec.json.encode(self._at)})
            self._saved = self._at
        self._saved_at = asyncio.get_running_loop().time()

    async def _begin(self) -> Header:
        """Learn the devices; catch up from the known position, or begin with what is current."""
        missing = self._routes.check(await self._agent.probe())
        for tag in missing:
            self._report(tag, "the agent has no such data item")
        now = await self._agent.current()
        header = now.header
        if self._at is not None and self._at.instance != header.instance:
            self._interrupted("the agent was restarted")
        elif self._at is not None and not header.first <= self._at.next <= header.next:
            self._interrupted(f"the agent has dropped observations {self._at.next} to {header.first - 1}")
        self._sink.online()
        bad = [Sample(tag.series, None, quality=Quality.BAD) for tag in missing]
        if self._at is None:
            await self._emit([*self._samples(now.observations, first=True), *bad])
            self._at = _Position(header.instance, header.next)
            await self.save()
            return header
        # The state as it was then: what is active, and what to repeat when nothing changes.
        first, at = header.first, self._at.next - 1
        then = await self._agent.current(at) if first <= at <= header.last else None
        for one in self._samples(then.observations if then else (), first=True):
            self._known[one.series] = one, asyncio.get_running_loop().time()
        await self._emit(bad)
        while (before := self._at) is not None and before.next <= header.last:
            await self._take(await self._agent.sample(before.next, header.size))
            if self._at == before:
                break
        return header

    async def _take(self, document: Streams) -> None:
        header, at = document.header, self._at
        if at is None or header.instance != at.instance:
            raise _Interrupted("the agent was restarted")
        fresh = [one for one in document.observations if one.sequence >= at.next]
        following = max(at.next, header.next, fresh[-1].sequence + 1 if fresh else 0)
        if header.next < at.next:
            raise _Interrupted(f"the agent went back from number {at.next} to {header.next}")
        await self._emit(self._samples(fresh))
        self._at = _Position(at.instance, following)
        clock = asyncio.get_running_loop().time()
        if clock - self._saved_at >= _SAVE_EVERY:
            await self.save()
        await self._repeat(clock)

    async def _emit(self, samples: list[Sample]) -> None:
        if samples:
            await self._sink.emit_acknowledged(samples)
            clock = asyncio.get_running_loop().time()
            for one in samples:
                self._known[one.series] = one, clock

    async def _repeat(self, clock: float) -> None:
        """What has not changed for a while still holds: the agent has just said that it has nothing else to say."""
        if self._refresh:
            still = [one for one, at in self._known.values() if clock - at >= self._refresh]
            await self._emit([msgspec.structs.replace(one, time=0) for one in still])

    def _samples(self, observations: Iterable[Observation], first: bool = False) -> list[Sample]:
        samples, problems = (self._routes.start if first else self._routes.samples)(observations)
        for tag, problem in problems:
            self._report(tag, problem)
        return samples

    def _interrupted(self, reason: str) -> None:
        self._sink.malformed(f"{reason}; readings may be missing, going on with what is current")
        self._at = None
        self._known.clear()

    def _report(self, tag: TagConfig, problem: str) -> None:
        if tag.series not in self._reported:
            self._reported.add(tag.series)
            self._sink.malformed(f"{tag.name} ({tag.address}): {problem}")

"""The process ``edge-forward``: what the edge holds goes to the node, what the node wants comes to the edge."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import platform
import shutil
import time
from collections import Counter, deque
from collections.abc import Iterable

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from gongfu.kernel import bus, ops, process
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.events import Event, EventKind
from gongfu.kernel.events import encoder as event_encoder
from gongfu.kernel.settings import Settings
from gongfu.kernel.supervisor import status
from gongfu.network.edge import credentials, upgrade
from gongfu.network.edge.clock import Clock
from gongfu.network.edge.contract import Backlog, EdgeState, ForwardOrder, Install, state_key
from gongfu.network.edge.contract import Lane as Count
from gongfu.network.edge.forward import Lane, Pack
from gongfu.network.edge.ledger import UNKNOWN_SHIFT, Block, Ledger, Shift
from gongfu.network.edge.link import Link, instant
from gongfu.network.edge.local import Copies
from gongfu.network.edge.orders import Orders, chosen_order
from gongfu.network.edge.packing import NEAR, Outgoing, Stored, pack_events, pack_readings
from gongfu.network.edge.server import link_address, local_address
from gongfu.network.edge.talk import Talk
from gongfu.network.gateway.config import DeviceState

LOOK_EVERY = 1.0
_PLATFORM = f"{platform.system()}-{platform.release()}-{platform.machine()} Python {platform.python_version()}"

_encoder = msgspec.json.Encoder()
_states = msgspec.json.Decoder(DeviceState)
_log = structlog.get_logger("edge-forward")


class Control(msgspec.Struct, frozen=True):
    """What the process ``edge-control`` tells of itself on ``edges.<edge>.control``."""

    version: int = 0
    problem: str = ""
    fired: int = 0


def control_subject(edge: str) -> str:
    """Where :class:`Control` is published, on the edge's own bus only."""
    return f"edges.{edge}.control"


def main(settings: Settings) -> None:
    """Run the forwarder until SIGTERM."""
    sock = ops.listen("127.0.0.1", settings.edge_forward_port, "edge_forward_port")

    async def body(stopping: asyncio.Event) -> None:
        health = ops.Health("edge-forward", "bus")
        async with ops.serve(ops.app(health), sock):
            await serve(settings, stopping, health)

    process.run(settings, "edge-forward", body)


async def serve(settings: Settings, stopping: asyncio.Event, health: ops.Health) -> None:
    """Run until ``stopping``. Raises :class:`Conflict` when this machine has not joined a node."""
    membership = credentials.load(settings.home)
    forwarder = Forwarder(settings, membership, health)
    work = asyncio.create_task(forwarder.run())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if work.done():
        work.result()
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError, GongfuError):
        await work


class Forwarder:
    """Everything that this process holds."""

    def __init__(self, settings: Settings, membership: credentials.Membership, health: ops.Health) -> None:
        self._settings = settings
        edge = self._edge = membership.answer.edge
        self._health = health
        self._started = time.time_ns() // 1000
        self._clock = Clock(settings.path("edge", "clock.json"))
        self._errors: deque[str] = deque(maxlen=10)
        self._control = Control()
        self._processes: dict[str, str] = {}
        self._told: set[tuple[str, Shift]] = set()
        self._local: Talk | None = None
        self._upgrade = upgrade.Upgrader(settings, membership)
        self._copies: Copies | None = None
        self._link = Link(
            edge,
            link_address(settings),
            report=lambda: _encoder.encode(msgspec.structs.replace(self.state(), connected=True)),
            answer=Orders(settings, edge, self._choose, self._install).obey,
            configure=self._configure,
            measured=self._measured,
            up=self._up,
        )
        self.readings = self._lane(bus.READINGS, self._pack_readings)
        self.events = self._lane(bus.EVENTS, pack_events)
        self._choose(chosen_order(settings))

    def _lane(self, stream: str, pack: Pack) -> Lane:
        def ledger(created: str) -> Ledger:
            return Ledger(self._settings.path("edge", f"{stream.lower()}.ledger"), created)

        return Lane(
            stream, pack, f"{self._edge}-{stream[0].lower()}", ledger, self._shift, self._ready, self._link.lost
        )

    def _ready(self) -> Talk | None:
        """The connection, once the clocks are compared."""
        return self._link.talk() if self._clock.measured else None

    def _choose(self, order: ForwardOrder) -> None:
        self.readings.order = self.events.order = order

    async def run(self) -> None:
        """Until cancelled, or until something of ours fails."""
        client = await bus.connect(self._settings, "edge-forward")
        copies = self._copies = Copies(self._edge, client)

        async def heard(message: Msg) -> None:
            with contextlib.suppress(msgspec.DecodeError):
                self._control = msgspec.json.decode(message.data, type=Control)

        await client.subscribe(control_subject(self._edge), cb=heard)
        tasks = [
            asyncio.create_task(copies.watch()),
            asyncio.create_task(copies.push(self._link)),
            asyncio.create_task(self._keep_connection(client)),
            asyncio.create_task(self._tell(client)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1.0):
                    await client.close()

    async def _keep_connection(self, client: Client) -> None:
        """One fast connection to the local bus at a time, with everything that lives on it."""
        linking: asyncio.Task[None] | None = None
        while True:
            try:
                talk = await Talk.open(local_address(self._settings), "edge-local")
            except Unavailable as error:
                self._health.set("bus", False, str(error))
                await asyncio.sleep(0.5)
                continue
            tasks: list[asyncio.Task[None]] = []
            self._local = talk
            try:
                for lane in (self.readings, self.events):
                    await lane.look(talk)
                self._look()
                linking = linking or asyncio.create_task(self._link.run())
                self._health.set("bus", True)
                lanes = (self.readings, self.events)
                tasks = [
                    *(asyncio.create_task(lane.run(talk)) for lane in lanes),
                    asyncio.create_task(self._watch(talk)),
                ]
                done, _ = await asyncio.wait({*tasks, linking}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            except Unavailable as error:
                self._health.set("bus", False, str(error))
                await asyncio.sleep(0.5)
            except asyncio.CancelledError:
                if linking is not None:
                    linking.cancel()
                raise
            finally:
                for task in tasks:
                    task.cancel()
                talk.close()

    async def _watch(self, talk: Talk) -> None:
        """Figures of both streams and the clock, once a second."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for lane in (self.readings, self.events):
                await lane.look(talk)
            self._look()
            with contextlib.suppress(Unavailable):
                found = await asyncio.to_thread(status.fetch, self._settings)
                self._processes = {one.name: one.state.value for one in found}

    def _look(self) -> None:
        last = {bus.READINGS: self.readings.state.last_seq, bus.EVENTS: self.events.state.last_seq}
        if self._clock.look(last):
            _log.warning("the clock has jumped", seconds=self._clock.offset)

    async def _tell(self, client: Client) -> None:
        """The newest state for those on this machine: the status page."""
        js = client.jetstream(timeout=3)
        while True:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                bucket = await js.key_value(bus.EDGES)
                await bucket.put(state_key(self._edge), _encoder.encode(self.state()))
            await asyncio.sleep(LOOK_EVERY)

    async def _configure(self, entries: dict[str, bytes], whole: bool) -> None:
        if self._copies is not None:
            try:
                await self._copies.configure(entries, whole)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                raise Unavailable(str(error)) from error

    def _measured(self, told: int, before: int, after: int) -> None:
        self._clock.measure(told, before, after)
        offset = self._clock.offset or 0.0
        if abs(offset) * 1e6 >= NEAR:
            self._problem(f"clock: {offset:+.1f} s")

    def _shift(self, stream: str, first: int) -> tuple[Shift, int | None]:
        return self._clock.shift(stream, first)

    def _pack_readings(self, stored: Iterable[Stored], block: Block, name: str) -> list[Outgoing]:
        outgoing = pack_readings(stored, block, name)
        if block.shift == UNKNOWN_SHIFT or (isinstance(block.shift, int) and abs(block.shift) >= NEAR):
            for subject in {out.subject for out in outgoing}:
                self._say_corrected(subject, block.shift)
        return outgoing

    def _say_corrected(self, subject: str, shift: Shift) -> None:
        """An event of the device, once for each shift."""
        if (subject, shift) in self._told or self._local is None:
            return
        self._told.add((subject, shift))
        _, org, device = subject.split(".")
        detail = f"{shift / 1e6:+.1f} s" if isinstance(shift, int) else "?"
        now = time.time_ns() // 1000
        event = Event(org=int(org), device=int(device), time=now, kind=EventKind.CLOCK_CORRECTED, detail=detail)
        self._local.publish(f"events.{org}.{device}", event_encoder.encode(event))

    def _up(self) -> None:
        for lane in (self.readings, self.events):
            lane.again()
        if self._copies is not None:
            self._copies.all_again()

    async def _install(self, order: Install) -> str:
        return await self._upgrade.install(order)

    def _problem(self, text: str) -> None:
        if not self._errors or self._errors[-1] != text:
            self._errors.append(text)

    def state(self) -> EdgeState:
        """How this edge is."""
        for lane in (self.readings, self.events):
            if lane.refused:
                self._problem(lane.refused)
        kinds = Counter(_status(value) for value in (self._copies.states if self._copies else {}).values())
        lanes = (self.readings, self.events)
        oldest = [instant(lane.state.first_ts) for lane in lanes if lane.waiting and lane.state.first_ts]
        return EdgeState(
            edge=self._edge,
            time=time.time_ns() // 1000,
            version=importlib.metadata.version("gongfu"),
            platform=_PLATFORM,
            started=self._started,
            connected=self._link.connected,
            since=self._link.since,
            clock_offset=self._clock.offset if self._clock.measured else None,
            disk_free=shutil.disk_usage(self._settings.home).free,
            backlog=Backlog(
                messages=sum(lane.waiting for lane in lanes),
                bytes=sum(lane.state.bytes for lane in lanes if lane.waiting),
                oldest=min(oldest, default=0),
                limit=sum(max(0, lane.limit) for lane in lanes),
            ),
            forwarded=Count(
                messages=sum(lane.count.messages for lane in lanes),
                readings=self.readings.count.readings,
                repeated=sum(lane.count.repeated for lane in lanes),
            ),
            order=self.readings.order,
            devices=dict(kinds),
            processes=self._processes,
            rules_version=self._control.version,
            rules_problem=self._control.problem,
            fired=self._control.fired,
            errors=list(self._errors),
            upgrade=self._upgrade.state,
            upgrade_detail=self._upgrade.detail,
        )


def _status(data: bytes) -> str:
    try:
        return _states.decode(data).status.value
    except msgspec.DecodeError:
        return "offline"

"""The process ``edge-control``: local rules, and the status page. Nothing here needs the node."""

from __future__ import annotations

import asyncio
import contextlib
import time

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from gongfu.kernel import bus, events, ops, process, readings
from gongfu.kernel.bus import events_subject
from gongfu.kernel.errors import GongfuError, Invalid, packed
from gongfu.kernel.events import Event, EventKind
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.kernel.settings import Settings
from gongfu.network.edge import credentials, page
from gongfu.network.edge.contract import EdgeRules, EdgeState, Rule, WriteAction, genuine, rules_key, state_key
from gongfu.network.edge.forwarding import Control, control_subject
from gongfu.network.edge.page import Row, View
from gongfu.network.edge.rules import STALE, Engine, Firing, problems
from gongfu.network.gateway import asking, tickets
from gongfu.network.gateway.config import DeviceConfig, DeviceState, TagConfig

TICK = 0.2
TELL_EVERY = 2.0
REFRESH = 60.0
_KEPT = 50

_rules = msgspec.json.Decoder(EdgeRules)
_devices = msgspec.json.Decoder(DeviceConfig)
_states = msgspec.json.Decoder(DeviceState)
_encoder = msgspec.json.Encoder()
_log = structlog.get_logger("edge-control")


def main(settings: Settings) -> None:
    """Run rules and page until SIGTERM."""
    membership = credentials.load(settings.home)
    sock = ops.listen(settings.edge_host, settings.edge_port, "edge_port")

    async def body(stopping: asyncio.Event) -> None:
        health = ops.Health("edge-control", "bus")
        controller = Controller(settings, membership.answer.edge, membership.answer.tickets, health)
        view = page.app(lambda: controller.view(membership.url))
        async with ops.serve(ops.app(health, view), sock, drain=1):
            work = asyncio.create_task(controller.run())
            stop = asyncio.create_task(stopping.wait())
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if work.done():
                work.result()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work

    process.run(settings, "edge-control", body)


class _Device(msgspec.Struct, eq=False):
    """A device of this edge as rules and page see it."""

    config: DeviceConfig
    state: DeviceState | None = None
    names: dict[int, TagConfig] = {}
    values: dict[int, tuple[int, float | str, int]] = {}
    """Series → time, newest value, quality."""


class Controller:
    """Rules at work, and what the page shows. ``key`` signs what rules write."""

    def __init__(self, settings: Settings, edge: str, key: str, health: ops.Health) -> None:
        self._settings = settings
        self._edge = edge
        self._key = key
        self._health = health
        self._devices: dict[int, _Device] = {}
        self._engine: Engine | None = None
        self._problem = ""
        self._fired = 0
        self._last: list[str] = []
        """Newest firings, for the page."""
        self._state: EdgeState | None = None
        self._acting: set[asyncio.Task[None]] = set()
        self._client: Client | None = None

    async def run(self) -> None:
        """Until cancelled."""
        client = self._client = await bus.connect(self._settings, "edge-control")
        await client.subscribe("readings.>", cb=self._heard)
        tasks = [
            asyncio.create_task(self._watch(client, bus.DESIRED, self._desired)),
            asyncio.create_task(self._watch(client, bus.ACTUAL, self._actual)),
            asyncio.create_task(self._watch(client, bus.EDGES, self._edge_state)),
            asyncio.create_task(self._tick(client)),
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

    async def _watch(self, client: Client, bucket: str, take: object) -> None:
        """Follow a bucket; what has gone from it is told as an empty value."""
        assert callable(take)
        seen: set[str] = set()
        while True:
            try:
                store = await client.jetstream(timeout=5).key_value(bucket)
                watcher = await store.watch(f"{self._edge}.*")
                self._health.set("bus", True)
                until = time.monotonic() + REFRESH
                now_there: set[str] | None = set()
                while time.monotonic() < until:
                    try:
                        entry = await watcher.updates(timeout=1.0)  # type: ignore[no-untyped-call]
                    except nats.errors.TimeoutError:
                        continue
                    if entry is None:
                        for key in seen - (now_there or set()):
                            take(key, b"")
                        seen, now_there = now_there or set(), None
                        continue
                    key = entry.key.removeprefix(f"{self._edge}.")
                    value = b"" if entry.operation else entry.value or b""
                    (seen if now_there is None else now_there).add(key)
                    take(key, value)
                await watcher.stop()  # type: ignore[no-untyped-call]
            except (nats.errors.Error, OSError, TimeoutError) as error:
                self._health.set("bus", False, str(error))
                await asyncio.sleep(0.5)

    # what comes in

    def _desired(self, key: str, value: bytes) -> None:
        if f"{self._edge}.{key}" == rules_key(self._edge):
            self._take_rules(value)
            return
        if not key.isdecimal():
            return
        try:
            config = _devices.decode(value) if value else None
        except msgspec.DecodeError:
            config = None
        if config is None:
            self._devices.pop(int(key), None)
            return
        before = self._devices.get(int(key))
        if before is None or before.config != config:
            names = {tag.series: tag for tag in config.tags}
            self._devices[int(key)] = _Device(config, before.state if before else None, names, {})

    def _take_rules(self, value: bytes) -> None:
        if not value:
            self._engine, self._problem = None, ""
            return
        try:
            rules = _rules.decode(value)
        except msgspec.DecodeError as error:
            self._refuse(Invalid(mark("The rules cannot be read: {reason}."), reason=error))
            return
        if not genuine(rules, self._key):
            self._refuse(Invalid(mark("The rules of version {version} are not from the node."), version=rules.version))
        elif found := problems(rules, self._edge):
            self._refuse(Invalid(mark("The rules cannot be obeyed: {reason}."), reason="; ".join(found)))
        elif self._engine is None or self._engine.version != rules.version:
            self._engine, self._problem = Engine(rules), ""
            _log.info("rules", version=rules.version, rules=len(self._engine))

    def _refuse(self, error: GongfuError) -> None:
        """The rules that were in force stay in force."""
        self._problem = packed(error)
        _log.warning("rules refused", reason=str(error))

    def _actual(self, key: str, value: bytes) -> None:
        device = self._devices.get(int(key)) if key.isdecimal() else None
        if device is not None and value:
            with contextlib.suppress(msgspec.DecodeError):
                device.state = _states.decode(value)

    def _edge_state(self, key: str, value: bytes) -> None:
        if f"{self._edge}.{key}" == state_key(self._edge) and value:
            with contextlib.suppress(msgspec.DecodeError):
                self._state = msgspec.json.decode(value, type=EdgeState)

    async def _heard(self, message: Msg) -> None:
        try:
            batch = readings.decode(message.data)
        except Invalid:
            return
        device = self._devices.get(batch.device)
        if device is None:
            return
        wanted = self._engine.wants(batch.device) if self._engine else set()
        at = time.monotonic()
        for series, when, value, quality in zip(
            batch.series.tolist(), batch.times.tolist(), batch.values.tolist(), batch.qualities.tolist(), strict=True
        ):
            tag = device.names.get(series)
            if tag is None:
                continue
            known = device.values.get(series)
            if known is None or when >= known[0]:
                device.values[series] = (when, value, quality)
            if tag.name in wanted and self._engine is not None:
                self._act(self._engine.take(batch.device, tag.name, None if quality == Quality.BAD else value, at))
        for text in batch.texts:
            if text.series in device.names:
                device.values[text.series] = (text.time, text.text, text.quality)

    # what goes out

    async def _tick(self, client: Client) -> None:
        told = 0.0
        while True:
            await asyncio.sleep(TICK)
            if self._engine is not None:
                self._act(self._engine.tick(time.monotonic()))
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                version = self._engine.version if self._engine else 0
                state = Control(version=version, problem=self._problem, fired=self._fired)
                with contextlib.suppress(nats.errors.Error, OSError):
                    await client.publish(control_subject(self._edge), _encoder.encode(state))

    def _act(self, firings: list[Firing]) -> None:
        for firing in firings:
            self._fired += 1
            task = asyncio.create_task(self._carry_out(firing))
            self._acting.add(task)
            task.add_done_callback(self._acting.discard)

    async def _carry_out(self, firing: Firing) -> None:
        rule = firing.rule
        said = []
        for action in firing.actions:
            if isinstance(action, WriteAction):
                try:
                    await self._write(action)
                    said.append(f"{action.tag} = {action.value}")
                except GongfuError as error:
                    said.append(f"{action.tag}: {error}")
                    self._problem = packed(error)
            elif action.text:
                said.append(action.text)
        text = f"{rule.name}: {'; '.join(said)}" if firing.began else f"{rule.name} ✓ {'; '.join(said)}"
        stamp = time.strftime("%H:%M:%S", time.localtime())
        self._last = [f"{stamp} {text}", *self._last][:_KEPT]
        _log.info("rule acted", rule=rule.number, began=firing.began, what="; ".join(said))
        await self._tell(rule, text)

    async def _write(self, action: WriteAction) -> None:
        """Through the gateway's desk, with a ticket for exactly this value."""
        device = self._devices.get(action.device)
        tag = next((one for one in device.config.tags if one.name == action.tag), None) if device else None
        if device is None or tag is None or self._client is None:
            raise Invalid(mark("Device {device} has no tag {tag} at this edge."), device=action.device, tag=action.tag)
        require_near(action, device.values.get(tag.series), time.time())
        raw = raw_value(action.value, tag)
        target = msgspec.structs.replace(tag, address=action.address or tag.address)
        ticket = tickets.issue(self._key.encode(), action.device, target.address, raw)
        question = asking.Write(device=action.device, tag=target, value=raw, ticket=ticket)
        answer = await asking.ask(self._client, self._edge, question)
        if isinstance(answer, asking.Failed):
            raise Invalid(mark("Nothing was written: {reason}."), reason=answer.problem.partition("\x1e")[0])

    async def _tell(self, rule: Rule, text: str) -> None:
        device = self._devices.get(rule.when[0].device)
        if device is None or self._client is None:
            return
        event = Event(
            org=device.config.org,
            device=device.config.device,
            time=time.time_ns() // 1000,
            kind=EventKind.RULE,
            detail=text[:500],
        )
        subject = events_subject(event.org, event.device)
        for _ in range(5):
            try:
                await self._client.jetstream(timeout=3).publish(subject, events.encoder.encode(event))
                return
            except (nats.errors.Error, OSError, TimeoutError):
                await asyncio.sleep(1.0)

    def view(self, node: str) -> View:
        """What the page shows."""
        rows = []
        for number, device in sorted(self._devices.items()):
            for series, tag in device.names.items():
                when, value, quality = device.values.get(series, (0, "", int(Quality.BAD)))
                rows.append(Row(number, device.config.name, tag.name, tag.unit, when, value, quality))
        states = {
            device.config.name: device.state.status.value if device.state else "connecting"
            for _, device in sorted(self._devices.items())
        }
        return View(
            edge=self._edge,
            node=node,
            state=self._state,
            devices=states,
            rows=rows,
            rules=len(self._engine) if self._engine else 0,
            problem=self._problem.partition("\x1e")[0],
            fired=self._last,
        )


def require_near(action: WriteAction, known: tuple[int, float | str, int] | None, at: float) -> None:
    """Raises :class:`Invalid` for a step larger than it may be, or from a value nobody knows at ``at``, seconds."""
    if not action.largest_step or isinstance(action.value, bool | str):
        return
    fresh = known is not None and known[2] != Quality.BAD and abs(at - known[0] / 1e6) <= STALE
    now = known[1] if known is not None and fresh else None
    if not isinstance(now, float | int):
        raise Invalid(mark("Nothing was written: the present value of {tag} is not known."), tag=action.tag)
    if abs(action.value - now) > action.largest_step * (1 + 1e-9):
        raise Invalid(
            mark("Nothing was written: {value} is more than one step of {limit} away from the present {now}."),
            value=f"{action.value:g}",
            limit=f"{action.largest_step:g}",
            now=f"{now:g}",
        )


def raw_value(value: bool | float | str, tag: TagConfig) -> bool | float | str:
    """What to write so that the tag shows ``value``: value = raw * scale + offset. Raises :class:`Invalid`."""
    if isinstance(value, bool | str):
        return value
    if not tag.scale:
        raise Invalid(mark("The scale of the tag is 0."), remedy=mark("Correct the tag's configuration."))
    return (value - tag.offset) / tag.scale

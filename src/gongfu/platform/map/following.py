"""What the worker does for the map: follow what gateways say, ask them to measure, keep a picture a day."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import msgspec
import structlog
from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.utils import timezone
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from gongfu.kernel import bus
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import GongfuError
from gongfu.network.gateway.asking import Measure, Measurements, ask
from gongfu.network.gateway.config import DeviceState
from gongfu.network.map.days import Moment
from gongfu.network.map.measuring import Summary, summary
from gongfu.network.map.shapes import MOST_TARGETS, Measured, Target
from gongfu.platform.devices.models import Device
from gongfu.platform.map import history
from gongfu.platform.map.gathering import gather, grade_of
from gongfu.platform.map.models import Measuring, Quality

LOOK_SECONDS = 30.0
NOTE_SECONDS = 140.0
"""Twice in every five minutes what polling tells goes into the day, a row of 8 kB for each device."""
SNAPSHOT_EVERY = dt.timedelta(hours=1)
_STALE = 180.0
"""Seconds after which an earlier count is too old to make a rate of."""
_FIELDS = [
    *("at", "grade", "method", "probed_at", "latency", "p95", "jitter", "loss"),
    *("connect", "service", "ipv6", "mtu", "problem"),
]
_PASSIVE = ["at", "grade", "round_trip", "jitter", "late", "reconnects", "rate", "volume"]

T = TypeVar("T")
log = structlog.get_logger("worker")
_state = msgspec.json.Decoder(DeviceState)


class Seen(msgspec.Struct, frozen=True):
    """A device's counters, and when they were read (seconds of the loop's clock)."""

    state: DeviceState
    at: float


class Ask(msgspec.Struct, frozen=True):
    """One question to one gateway."""

    organisation: int
    gateway: str
    question: Measure


class Order(msgspec.Struct, frozen=True):
    """What is due: questions, and the organisations they are for."""

    asks: list[Ask]
    measurings: list[int]


async def run(client: Client, stopping: asyncio.Event) -> None:
    """Follow, measure and keep until ``stopping``; what fails is told and tried again at the next look."""
    before: dict[int, Seen] = {}
    measuring: asyncio.Task[None] | None = None
    noted = -NOTE_SECONDS
    while not stopping.is_set():
        try:
            states = await read_states(client)
            now = asyncio.get_running_loop().time()
            note = now - noted >= NOTE_SECONDS
            await _records(partial(take_states, states, before, now, note=note))
            noted = now if note else noted
            before = {state.device: Seen(state, now) for state in states}
            if measuring is None or measuring.done():
                measuring = asyncio.create_task(_measure(client), name="map measuring")
            await _records(_keep)
        except (NatsError, JetStreamError, OSError, TimeoutError) as error:
            log.warning("bus did not answer", error=repr(error))
        except Exception:
            log.exception("the network map was not brought up to date")
        try:
            await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)
        except TimeoutError:
            continue
    if measuring is not None:
        measuring.cancel()


async def read_states(client: Client) -> list[DeviceState]:
    """The newest state of every device, as gateways have said it."""
    bucket = await client.jetstream(timeout=5).key_value(bus.ACTUAL)
    watcher = await bucket.watchall(ignore_deletes=True)
    found: list[DeviceState] = []
    try:
        while (entry := await watcher.updates(timeout=10)) is not None:  # type: ignore[no-untyped-call]
            try:
                found.append(_state.decode(entry.value or b""))
            except msgspec.DecodeError:
                log.warning("unreadable device state", key=entry.key)
    finally:
        await watcher.stop()  # type: ignore[no-untyped-call]
    return found


def take_states(states: Iterable[DeviceState], before: dict[int, Seen], now: float, *, note: bool = True) -> int:
    """Keep what polling tells of each device's way; ``before`` is the look before. Returns of how many.

    With ``note`` it also goes into the day.
    """
    by_device = {state.device: state for state in states}
    owners: defaultdict[int, list[Device]] = defaultdict(list)
    for device in Device.objects.filter(pk__in=by_device).only("organisation", "connection", "life"):
        owners[device.organisation_id].append(device)
    moment = timezone.now()
    for owner, devices in owners.items():
        known = {one.node: one for one in Quality.objects.filter(organisation=owner)}
        rows: list[Quality] = []
        moments: dict[str, Moment] = {}
        for device in devices:
            key = f"d{device.pk}"
            row = known.get(key) or Quality(organisation_id=owner, node=key)
            _passive(row, by_device[device.pk], before.get(device.pk), now)
            row.at, row.grade = moment, grade_of(device, row).value
            rows.append(row)
            probed = row.method != ""
            moments[key] = Moment(
                latency=None if probed else row.round_trip,
                jitter=None if probed else row.jitter,
                loss=None if probed else row.late,
                rate=row.rate,
                volume=row.volume,
            )
        _store(rows, _PASSIVE)
        if note:
            history.note(owner, moments, moment)
    return len(by_device)


def _passive(row: Quality, state: DeviceState, before: Seen | None, now: float) -> None:
    link = state.link
    row.reconnects = link.reconnects
    row.round_trip = 1000 * link.round_trip if link.cycles else None
    if not row.method:
        row.jitter = 1000 * link.jitter if link.cycles else None
    row.rate = row.volume = row.late = None
    if before is None or not 0 < now - before.at < _STALE:
        return
    earlier, seconds = before.state, now - before.at
    if state.readings >= earlier.readings and link.volume >= earlier.link.volume:
        row.rate = (state.readings - earlier.readings) / seconds
        row.volume = (link.volume - earlier.link.volume) / seconds
    rounds = link.cycles - earlier.link.cycles
    late = link.late - earlier.link.late
    if rounds > 0 and late >= 0:
        row.late = late / (rounds + late)


def _store(rows: Sequence[Quality], fields: Sequence[str]) -> None:
    for row in rows:
        row.pk = None  # known by organisation and node
    Quality.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["organisation", "node"],
        update_fields=fields,
    )


async def _measure(client: Client) -> None:
    """Ask gateways to measure what is due, one question after the other."""
    due: Order = await _records(order)
    for one in due.asks:
        try:
            answer = await ask(client, one.gateway, one.question)
        except GongfuError as error:
            log.info("nothing measured", gateway=one.gateway, reason=str(error))
            continue
        if isinstance(answer, Measurements):
            await _records(partial(take_measured, one.organisation, answer.results))
        else:
            log.info("nothing measured", gateway=one.gateway, answer=type(answer).__name__)
    if due.measurings:
        await _records(partial(_measured, due.measurings))


def order(now: dt.datetime | None = None) -> Order:
    """What is to be measured now: of every organisation that wants probes and has waited long enough."""
    now = now or timezone.now()
    asks: list[Ask] = []
    done: list[int] = []
    for one in Measuring.objects.filter(enabled=True).select_related("organisation"):
        if one.measured_at is not None and now - one.measured_at < dt.timedelta(minutes=one.minutes, seconds=-5):
            continue
        done.append(one.pk)
        asks += questions(one.organisation, one)
    return Order(asks, done)


def questions(organisation: Organisation, measuring: Measuring) -> list[Ask]:
    """Every address of the organisation's devices and equipment, in questions to the gateways that reach them."""
    gathered = gather(organisation)
    targets: defaultdict[str, list[Target]] = defaultdict(list)
    for key, address in gathered.addresses.items():
        device = gathered.devices.get(key)
        gateway = device.gateway if device else measuring.gateway
        targets[gateway].append(Target(key=key, host=address.host, port=address.port))
    return [
        Ask(organisation.pk, gateway, Measure(targets=found[first : first + MOST_TARGETS], probes=measuring.probes))
        for gateway, found in sorted(targets.items())
        for first in range(0, len(found), MOST_TARGETS)
    ]


def take_measured(organisation: int, results: Sequence[Measured]) -> None:
    """Keep what a gateway measured."""
    nodes = [one.key for one in results]
    known = {one.node: one for one in Quality.objects.filter(organisation=organisation, node__in=nodes)}
    devices = {
        f"d{device.pk}": device
        for device in Device.objects.filter(
            organisation=organisation, pk__in=[int(key[1:]) for key in nodes if key[:1] == "d" and key[1:].isdecimal()]
        )
    }
    moment = timezone.now()
    rows: list[Quality] = []
    moments: dict[str, Moment] = {}
    for one in results:
        row = known.get(one.key) or Quality(organisation_id=organisation, node=one.key)
        row.at = row.probed_at = moment
        row.problem = one.problem[:500]
        found = summary(one.times, row.jitter or 0.0)
        _active(row, one, found)
        device = devices.get(one.key)
        if device is not None:
            row.grade = grade_of(device, row).value
        rows.append(row)
        if found.sent:
            moments[one.key] = Moment(latency=found.median, p95=found.p95, jitter=found.jitter, loss=found.loss)
    _store(rows, _FIELDS)
    history.note(organisation, moments, moment)


def _active(row: Quality, one: Measured, found: Summary) -> None:
    if not found.sent:
        row.method, row.latency, row.p95, row.loss = "", None, None, None
        return
    row.method = one.method or "tcp"
    row.latency, row.p95, row.jitter, row.loss = found.median, found.p95, found.jitter, found.loss
    row.connect, row.service, row.ipv6, row.mtu = one.connect, one.service, one.ipv6.value, one.mtu


def _measured(pks: Sequence[int]) -> None:
    Measuring.objects.filter(pk__in=list(pks)).update(measured_at=timezone.now())


def _keep() -> None:
    """A picture now and then; the last one of a day is that day's."""
    last = history.latest_snapshot()
    if last is None or timezone.now() - last >= SNAPSHOT_EVERY:
        history.take_snapshots()
        history.forget_old()


async def _records(work: Callable[[], T]) -> T:
    def body() -> T:
        close_old_connections()
        return work()

    return await sync_to_async(body, thread_sensitive=False)()

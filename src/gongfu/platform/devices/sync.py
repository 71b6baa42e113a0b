"""Between the records and the bus: configuration out, connection states in. Runs in the worker.

Configuration leaves through the outbox (:class:`gongfu.platform.devices.models.Outbox`), so a bus that is
down delays it and loses nothing. States arrive by watching the bucket ``actual``; a change of status is
written at once, the time of the last reading in bulk every few seconds, more rarely the more devices there are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import msgspec
import structlog
from asgiref.sync import sync_to_async
from django.db import close_old_connections, transaction
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from gongfu.kernel import bus
from gongfu.kernel.errors import GongfuError
from gongfu.network.gateway.config import DeviceConfig, DeviceState, desired_key
from gongfu.platform.devices.models import Device, Outbox
from gongfu.platform.devices.services import configuration, reconcile_identifiers

_LAST_READING_EVERY = 3.0
"""Seconds between two writes of the last readings, and again as many for each 1,000 devices."""
_PERIOD = 0.5
_BATCH = 500

log = structlog.get_logger(__name__)
T = TypeVar("T")
Key = tuple[str, int]
"""A gateway and the number of a device."""
_state = msgspec.json.Decoder(DeviceState)


class Pending(msgspec.Struct, frozen=True):
    """One device to publish: its outbox rows, and its configuration or None to withdraw it."""

    rows: list[int]
    gateway: str
    device: int
    config: DeviceConfig | None


async def run(js: JetStreamContext, stopping: asyncio.Event, reconnected: asyncio.Event) -> None:
    """Keep records and bus in step until ``stopping``; errors of the bus are waited out.

    ``reconnected`` is set by whoever holds the connection: a bus that was restarted has forgotten who watched it.
    """
    await asyncio.gather(
        _forever(stopping, lambda: _publish(js)),
        _forever(stopping, lambda: _follow(js, stopping, reconnected)),
        _reconcile(),
    )


async def _reconcile() -> None:
    """Once, when the worker starts: after a crash or a change of ``public_url`` identifiers may say something old."""
    try:
        written = await _records(reconcile_identifiers)
    except GongfuError as error:
        log.warning("identifiers not reconciled", reason=str(error))
        return
    if written:
        log.info("identifiers reconciled", written=written)


async def _forever(stopping: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    while not stopping.is_set():
        try:
            await work()
        except (NatsError, OSError, TimeoutError) as error:
            log.warning("bus did not answer", error=repr(error))
            await _pause(stopping, 1.0)
        await _pause(stopping, _PERIOD)


async def _records(work: Callable[[], T]) -> T:
    """``work`` in a thread, with a database connection that is known to be alive."""

    def body() -> T:
        close_old_connections()
        return work()

    return await sync_to_async(body, thread_sensitive=False)()


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return


async def _publish(js: JetStreamContext) -> None:
    pending = await _records(take_pending)
    if not pending:
        return
    store = await js.key_value(bus.DESIRED)
    for item in pending:
        key = desired_key(item.gateway, item.device)
        if item.config is None:
            await store.purge(key)
        else:
            await store.put(key, msgspec.json.encode(item.config))
    done = [row for item in pending for row in item.rows]
    await _records(partial(forget, done))


def take_pending() -> list[Pending]:
    """What waits in the outbox, oldest first, at most 500 rows; one entry a device and gateway."""
    rows: dict[tuple[str, int], list[int]] = {}
    for outbox in Outbox.objects.order_by("pk")[:_BATCH]:
        rows.setdefault((outbox.gateway, outbox.device), []).append(outbox.pk)
    devices = (
        Device.objects.filter(pk__in={device for _, device in rows})
        .select_related("organisation")
        .prefetch_related("tags")
    )
    configs = {(device.gateway, device.pk): configuration(device) for device in devices}
    return [Pending(pks, gateway, device, configs.get((gateway, device))) for (gateway, device), pks in rows.items()]


def forget(rows: Iterable[int]) -> None:
    """Remove delivered rows from the outbox."""
    Outbox.objects.filter(pk__in=list(rows)).delete()


async def _follow(js: JetStreamContext, stopping: asyncio.Event, reconnected: asyncio.Event) -> None:
    reconnected.clear()
    store = await js.key_value(bus.ACTUAL)
    watcher = await store.watchall()
    seen: dict[Key, DeviceState] = {}
    written: dict[Key, str] = {}
    last_full = 0.0
    try:
        while not stopping.is_set() and not reconnected.is_set():
            changed = await _collect(watcher, seen)
            full = time.monotonic() - last_full >= _LAST_READING_EVERY * (1 + len(written) / 1000)
            due = {
                key: state
                for key, state in (seen if full else changed).items()
                if full or written.get(key) != state.status + state.problem
            }
            if due:
                await _records(partial(write_states, due))
                written.update((key, state.status + state.problem) for key, state in due.items())
            if full:
                last_full = time.monotonic()
                seen.clear()
    finally:
        await watcher.stop()  # type: ignore[no-untyped-call]


async def _collect(watcher: KeyValue.KeyWatcher, seen: dict[Key, DeviceState]) -> dict[Key, DeviceState]:
    """States that arrive within one period."""
    changed: dict[Key, DeviceState] = {}
    until = time.monotonic() + _PERIOD
    while (left := until - time.monotonic()) > 0:
        try:
            entry = await watcher.updates(timeout=left)  # type: ignore[no-untyped-call]
        except TimeoutError:
            break
        if entry is None or not entry.value:
            continue
        try:
            state = _state.decode(entry.value)
        except msgspec.DecodeError:
            log.warning("unreadable device state", key=entry.key)
            continue
        gateway, _, device = entry.key.rpartition(".")
        if device == str(state.device):
            changed[gateway, state.device] = seen[gateway, state.device] = state
    return changed


def write_states(states: Mapping[Key, DeviceState]) -> None:
    """Copy what gateways said into the device records; unknown devices are passed over.

    A gateway is heard about its own devices only: one that a device was taken from may be late to notice.
    """
    with transaction.atomic():
        found = Device.objects.filter(pk__in={device for _gateway, device in states})
        devices = [device for device in found if (device.gateway, device.pk) in states]
        for device in devices:
            state = states[device.gateway, device.pk]
            device.connection = state.status.value
            device.connection_since = _moment(state.since)
            device.problem = state.problem[:500]
            if state.last_reading:
                device.last_reading_at = _moment(state.last_reading)
        Device.objects.bulk_update(
            devices, ["connection", "connection_since", "problem", "last_reading_at"], batch_size=500
        )


def _moment(microseconds: int) -> datetime | None:
    return datetime.fromtimestamp(microseconds / 1e6, UTC) if microseconds else None

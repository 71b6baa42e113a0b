"""Stops of machines as the store knows them, and the reasons people give to them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec
from django.db import transaction

from gongfu.data.performance import asking, machines
from gongfu.data.performance.measuring import Machine
from gongfu.data.performance.models import Stop, StopReason
from gongfu.data.performance.standing import Standing, standings
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_operate
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.store import StoreClient, Value, client
from gongfu.platform.devices.models import Device

LONGEST: Final = dt.timedelta(days=7)
SHORTEST: Final = 60.0
"""Seconds from which a stop is worth a reason; shorter ones are minor stops."""
HOLD: Final = 3600
"""Seconds a state counts as held, as roll-ups take it at least."""


class Told(msgspec.Struct, frozen=True):
    """A stop, and the reason somebody gave for it."""

    device: Device
    start: dt.datetime
    end: dt.datetime
    state: str
    going: bool
    """It has not ended yet."""
    given: Stop | None = None

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.end - self.start).total_seconds()

    @property
    def name(self) -> str:
        """What a form calls it: device, first and last millisecond."""
        return f"{self.device.pk}.{round(self.start.timestamp() * 1000)}.{round(self.end.timestamp() * 1000)}"


def stops(
    devices: Sequence[Device],
    start: dt.datetime,
    end: dt.datetime,
    shortest: float = SHORTEST,
    *,
    store: StoreClient | None = None,
) -> list[Told]:
    """Stops of at least ``shortest`` seconds, newest first. Raises :class:`Invalid`, :class:`Unavailable`."""
    if end <= start or end - start > LONGEST:
        raise Invalid(mark("Stops can be listed for up to seven days."), remedy=mark("Choose a shorter time."))
    by_number = {device.pk: device for device in devices}
    given: dict[int, list[Stop]] = defaultdict(list)
    rows = Stop.objects.filter(device__in=list(by_number), begins__lt=end, ends__gt=start)
    for stop in rows.select_related("reason", "created_by"):
        given[stop.device_id].append(stop)
    found = []
    for machine in machines.machines_of(devices, start, end):
        device = by_number[machine.device]
        for one in _standings(machine, device, start, end, store or client()):
            if one.seconds < shortest:
                continue
            begin, finish = _moment(one.start), _moment(one.end)
            reason = next((stop for stop in given[device.pk] if stop.begins < finish and stop.ends > begin), None)
            found.append(Told(device, begin, finish, one.state, one.end >= end.timestamp() - 1, reason))
    return sorted(found, key=lambda one: one.start, reverse=True)


def _standings(
    machine: Machine, device: Device, start: dt.datetime, end: dt.datetime, store: StoreClient
) -> list[Standing]:
    if not machine.state or not machine.codes:
        return []
    asked: dict[str, Value] = {
        "orgs": [device.organisation_id],
        "series": [machine.state],
        "low": int((start.timestamp() - HOLD) * 1e6),
        "high": int(end.timestamp() * 1e6),
        "hold": HOLD * 1_000_000,
    }
    text = set(machine.codes) - {one for one in machine.codes if one.lstrip("-").isdigit()}
    sql = asking.TEXT_CHANGES if text else asking.CHANGES
    table = store.query_arrow(sql, asked, orgs=[device.organisation_id], limit_seconds=asking.LIMIT_SECONDS)
    changes = [
        (row["t"] / 1e6, machine.codes.get(row["state"]) if row["q"] < 2 else None, bool(row["silent"]))
        for row in table.to_pylist()
    ]
    return standings(changes, start.timestamp(), end.timestamp(), HOLD)


def classify(user: User, name: str, reason: int, note: str = "") -> Stop:
    """Give a reason to the stop that a form calls ``name``; another one replaces it.

    Raises :class:`NotFound`, :class:`Forbidden`, :class:`Invalid`.
    """
    try:
        pk, first, last = (int(part) for part in name.split(".")) if len(name) < 60 else (0, 0, 0)
        begin, end = _moment(first / 1000), _moment(last / 1000)
    except (ValueError, OverflowError, OSError):
        raise NotFound(mark("There is no stop {name}."), name=name[:60]) from None
    device = Device.objects.visible_to(user).filter(pk=pk).select_related("organisation").first()
    if device is None:
        raise NotFound(mark("There is no stop {name}."), name=name[:60])
    if not can_operate.test(user, device):
        raise Forbidden(mark("You may not give reasons for stops here."), remedy=mark("Ask an administrator."))
    why = StopReason.objects.filter(pk=reason, organisation=device.organisation_id).first()
    if why is None:
        raise NotFound(mark("There is no stop reason {pk}."), pk=reason)
    if not begin < end or end - begin > LONGEST:
        raise Invalid(mark("A stop ends after it began, within seven days."))
    there = stops([device], begin - dt.timedelta(seconds=1), end + dt.timedelta(seconds=1), 0.0)
    state = max((one for one in there), key=lambda one: one.seconds).state if there else "idle"
    with transaction.atomic():
        # What it overlaps is the same stop, seen before it had ended, or by somebody else.
        Stop.objects.filter(device=device, begins__lt=end, ends__gt=begin).delete()
        made = Stop.objects.create(
            organisation=device.organisation,
            device=device,
            begins=begin,
            ends=end,
            state=state,
            reason=why,
            note=note.replace("\0", "")[:300],
            created_by=user,
        )
        audit.record(user, "classify", made, after=audit.state(made))
    return made


def _moment(second: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(second, dt.UTC)

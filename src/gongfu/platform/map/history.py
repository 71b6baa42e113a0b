"""What was measured, as it is kept: the newest of each node, its days, and one picture of the network a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import msgspec
from django.db import transaction
from django.utils import timezone

from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.map.days import COLUMNS, Day, Moment
from gongfu.network.map.differing import Change, Entry, differences
from gongfu.network.map.topology import Layer
from gongfu.platform.devices.models import Device
from gongfu.platform.map.gathering import Gathered, gather
from gongfu.platform.map.models import Equipment, Quality, QualityDay, Snapshot

KEEP_DAYS = 93
"""Days of measurements and pictures that are kept: a quarter."""
MOST_POINTS = 4000
_BATCH = 200


def note(organisation: int, moments: Mapping[str, Moment], at: dt.datetime) -> None:
    """Add what was measured of some nodes to their days."""
    local = timezone.localtime(at)
    second = local.hour * 3600 + local.minute * 60 + local.second
    keys = list(moments)
    for first in range(0, len(keys), _BATCH):
        part = keys[first : first + _BATCH]
        with transaction.atomic():
            known = QualityDay.objects.select_for_update().filter(
                organisation=organisation, day=local.date(), node__in=part
            )
            there = {one.node: bytes(one.packed) for one in known}
            rows = []
            for key in part:
                day = Day(there.get(key, b""))
                day.put(second, moments[key])
                rows.append(QualityDay(organisation_id=organisation, node=key, day=local.date(), packed=day.pack()))
            QualityDay.objects.bulk_create(
                rows, update_conflicts=True, unique_fields=["organisation", "node", "day"], update_fields=["packed"]
            )


def lines(
    organisation: Organisation, node: str, names: Sequence[str], start: dt.datetime, end: dt.datetime
) -> dict[str, list[tuple[int, float]]]:
    """Milliseconds since 1970 UTC and value, from ``start`` to before ``end``, for each of ``names`` that is known."""
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in names if name in COLUMNS[1:]}
    first, last = timezone.localtime(start).date(), timezone.localtime(end).date()
    days = QualityDay.objects.filter(organisation=organisation, node=node, day__gte=first, day__lte=last)
    for row in days.order_by("day")[: KEEP_DAYS + 1]:
        midnight = dt.datetime.combine(row.day, dt.time(), timezone.get_current_timezone())
        begin = int(midnight.timestamp()) * 1000
        day = Day(bytes(row.packed))
        for name, points in found.items():
            points += [
                (at, value)
                for second, value in day.line(name)
                if start.timestamp() * 1000 <= (at := begin + second * 1000) < end.timestamp() * 1000
            ]
    return {name: points[-MOST_POINTS:] for name, points in found.items()}


def entries(gathered: Gathered, day: dt.date) -> dict[str, Entry]:
    """The network as a picture: every device, equipment and drawn link, with what was measured on ``day``."""
    rows = QualityDay.objects.filter(organisation=gathered.organisation, day=day).iterator(500)
    means = {row.node: Day(bytes(row.packed)).mean() for row in rows}
    nodes = gathered.nodes
    names = {key: str(place) for key, place in gathered.places.items()}
    found: dict[str, Entry] = {}
    for key, node in nodes.items():
        if node.layer <= Layer.CELL or key.startswith("g:"):
            continue
        mean = means.get(key, Moment())
        device = gathered.devices.get(key)
        address = gathered.addresses.get(key)
        where = f"{device.gateway} {address or device.driver}" if device else str(address or "")
        found[key] = Entry(
            name=node.name,
            kind=node.kind,
            place=names.get(node.cell, ""),
            where=where,
            build=node.build.value,
            grade=node.grade,
            p95=mean.p95,
            loss=mean.loss,
        )
    for key, link in gathered.links.items():
        ends = f"{link.a} {link.a_port} – {link.b or link.device} {link.b_port}"
        found[key] = Entry(name=str(link), kind=link.kind, where=" ".join(ends.split()), build=link.build)
    return found


def take_snapshots(now: dt.datetime | None = None) -> int:
    """Keep how every network looks today, instead of what was kept earlier today; returns how many there are."""
    now = now or timezone.now()
    day = timezone.localtime(now).date()
    owners = Organisation.objects.filter(pk__in=Device.objects.values("organisation")) | Organisation.objects.filter(
        pk__in=Equipment.objects.values("organisation")
    )
    taken = 0
    for owner in owners.distinct():
        picture = entries(gather(owner, everything=True), day)
        Snapshot.objects.update_or_create(
            organisation=owner,
            day=day,
            defaults={"taken_at": now, "entries": msgspec.to_builtins(picture)},
        )
        taken += 1
    return taken


def forget_old(now: dt.datetime | None = None) -> int:
    """Remove what is older than :data:`KEEP_DAYS`, and what was measured of things that are gone."""
    day = timezone.localtime(now or timezone.now()).date() - dt.timedelta(days=KEEP_DAYS)
    removed = QualityDay.objects.filter(day__lt=day).delete()[0] + Snapshot.objects.filter(day__lt=day).delete()[0]
    return removed + Quality.objects.filter(at__lt=timezone.now() - dt.timedelta(days=KEEP_DAYS)).delete()[0]


def days(organisation: Organisation) -> list[dt.date]:
    """Days of which there is a picture, newest first."""
    return list(Snapshot.objects.filter(organisation=organisation).order_by("-day").values_list("day", flat=True))


def changes(
    organisation: Organisation, before: dt.date | None = None, after: dt.date | None = None
) -> tuple[dt.date | None, dt.date | None, list[Change]]:
    """The two days that are compared, and what differs; by default the last day before today, and the present.

    ``after`` None is the network as it is now. Raises :class:`NotFound` for a day of which there is no picture.
    """
    today = timezone.localdate()
    if before is None:
        earlier = [day for day in days(organisation) if day < (after or today)]
        if not earlier:
            return None, after, []
        before = earlier[0]
    first = _picture(organisation, before)
    second = _picture(organisation, after) if after else entries(gather(organisation, everything=True), today)
    return before, after, differences(first, second)


def _picture(organisation: Organisation, day: dt.date) -> dict[str, Entry]:
    found = Snapshot.objects.filter(organisation=organisation, day=day).first()
    if found is None:
        raise NotFound(
            mark("There is no picture of the network of {day}."),
            remedy=mark("Choose one of the days that are listed."),
            day=day.isoformat(),
        )
    return msgspec.convert(found.entries, dict[str, Entry])


def latest_snapshot() -> dt.datetime | None:
    """When pictures were last taken."""
    return Snapshot.objects.order_by("-taken_at").values_list("taken_at", flat=True).first()

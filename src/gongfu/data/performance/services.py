"""The only door to performance: OEE, utilisation and energy of devices over a time, and why machines stood.

``oee(user, devices, start, end)`` is what dashboards and others ask.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from gongfu.data.performance import holidays, machines, measuring, rules
from gongfu.data.performance.measuring import By, Cell, Machine
from gongfu.data.performance.models import Capability, Shift, StopReason
from gongfu.data.performance.rules import Loss, Note, Performance
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.store import StoreClient, client
from gongfu.platform.devices.models import Device, Place, Tag

K = TypeVar("K")
LONGEST: Final = dt.timedelta(days=400)
PACE_DAYS: Final = 30
"""Days whose best shift stands for the ideal cycle where nobody entered one."""
MOST_DEVICES: Final = 2000


class Row(msgspec.Struct, frozen=True):
    """One machine."""

    device: Device
    machine: Machine
    performance: Performance
    cells: tuple[Cell, ...]
    target: float | None = None
    """OEE that is wanted, percent."""

    def at(self, day: dt.date, shift: int, losses: Mapping[int, Loss]) -> Performance | None:
        """One shift of one day; of a report asked by day."""
        own = [cell for cell in self.cells if (cell.day, cell.shift) == (day, shift)]
        return rules.judge(measuring.add_up(own), losses) if own else None

    @property
    def best_cycle(self) -> float | None:
        """Seconds per piece that the best shift in this time took; of a report asked by day."""
        return measuring.paced(self.cells)

    @property
    def gap(self) -> float | None:
        """Percentage points below the target; None without target or figure."""
        found = self.performance.percent
        return None if self.target is None or found is None else round(self.target - found, 1)


class Report(msgspec.Struct, frozen=True):
    """Figures of machines over a time, worst first, and of all of them together."""

    start: dt.datetime
    end: dt.datetime
    rows: tuple[Row, ...]
    total: Performance
    losses: Mapping[int, Loss]
    """Reason that people give → loss."""

    def by_day(self) -> list[tuple[dt.date, Performance]]:
        """Day by day; of a report asked by day."""
        return self._by(lambda cell: cell.day)

    def by_shift(self) -> list[tuple[int, Performance]]:
        """Shift by shift, number of the shift; of a report asked by shift or day."""
        return [one for one in self._by(lambda cell: cell.shift) if one[1].sums.planned > 0]

    def by_day_and_shift(self) -> list[tuple[tuple[dt.date, int], Performance]]:
        """Each shift of each day; of a report asked by day."""
        return self._by(lambda cell: (cell.day, cell.shift))

    def _by(self, key: Callable[[Cell], K]) -> list[tuple[K, Performance]]:
        groups: dict[Any, list[Performance]] = defaultdict(list)
        for row in self.rows:
            own: dict[Any, list[Cell]] = defaultdict(list)
            for cell in row.cells:
                own[key(cell)].append(cell)
            for group, cells in own.items():
                groups[group].append(rules.judge(measuring.add_up(cells), self.losses))
        return [(group, rules.together(groups[group])) for group in sorted(groups)]


def devices_for(user: User, scope: Organisation | None = None, *, place: int = 0) -> QuerySet[Device]:
    """Machines in service that ``user`` may see, those that tell a state or count; of ``place`` when it is given."""
    telling = Tag.objects.filter(device=OuterRef("pk"), role__in=("state", "count"))
    return everything(user, scope, place=place).filter(Exists(telling))


def everything(user: User, scope: Organisation | None = None, *, place: int = 0) -> QuerySet[Device]:
    """The same with meters, compressors and whatever else is in service."""
    found = Device.objects.visible_to(user).filter(life=Device.Life.IN_SERVICE)
    found = found.select_related("place", "organisation").order_by("organisation", "key")
    if scope is not None:
        found = found.filter(organisation__path__startswith=scope.path)
    if place:
        named = Place.objects.visible_to(user).filter(pk=place).first()
        if named is None:
            raise NotFound(mark("There is no place {pk}."), pk=place)
        inside = Q(place=named) | Q(place__path__startswith=f"{named.path} / ")
        found = found.filter(inside, organisation=named.organisation_id)
    return found


def oee(
    user: User,
    devices: Iterable[int] | QuerySet[Device],
    start: dt.datetime,
    end: dt.datetime,
    *,
    by: By = "total",
    store: StoreClient | None = None,
) -> Report:
    """Figures of those of ``devices`` (numbers, or rows) that ``user`` may see, from ``start`` to before ``end``.

    Times are aware; whole minutes within them count, and nothing after now. Raises :class:`Invalid`,
    :class:`Unavailable`.
    """
    if isinstance(devices, QuerySet):
        chosen = list(devices[:MOST_DEVICES])
    else:
        ids = list(dict.fromkeys(devices))[:MOST_DEVICES]
        chosen = list(Device.objects.visible_to(user).filter(pk__in=ids).select_related("place", "organisation"))
    low, high = span(start, end)
    return report(chosen, low, high, by=by, store=store)


def span(start: dt.datetime, end: dt.datetime) -> tuple[int, int]:
    """Whole minutes between, until now at most; raises :class:`Invalid`."""
    if start.tzinfo is None or end.tzinfo is None or end <= start or end - start > LONGEST:
        raise Invalid(
            mark("From {start} to {end} is no time that figures can be given for."),
            remedy=mark("Give a beginning and a later end, at most 400 days apart."),
            start=start,
            end=end,
        )
    low = -(-int(start.timestamp()) // 60) * 60
    high = min(int(end.timestamp()), int(timezone.now().timestamp())) // 60 * 60
    return low, max(low, high)


def report(
    devices: Sequence[Device], low: int, high: int, *, by: By = "total", store: StoreClient | None = None
) -> Report:
    """The same for devices that were chosen already; seconds since 1970, whole minutes."""
    start, end = (dt.datetime.fromtimestamp(one, dt.UTC) for one in (low, high))
    orgs = {device.organisation_id for device in devices}
    source = store or client()
    found = machines.machines_of(devices, start, end)
    cells = measuring.measure(source, orgs, found, low, high, machines.zone(), by) if high > low else {}
    paces = _paces(source, orgs, [one for one in found if one.count and not one.cycle and not one.cycles], high)
    losses = losses_of(orgs)
    targets = dict(Capability.objects.filter(device__in=[one.device for one in found]).values_list("device", "target"))
    rows = []
    for device, machine in zip(devices, found, strict=True):
        own = cells.get(device.pk, [])
        if machine.device in paces:
            own = measuring.with_cycle(own, paces[machine.device])
        performance = rules.judge(measuring.add_up(own), losses)
        if (unknown := _unknown_holidays(machine, start, end)) is not None:
            performance = msgspec.structs.replace(performance, notes=performance.notes | {unknown})
        rows.append(Row(device, machine, performance, tuple(own), targets.get(device.pk)))
    rows.sort(key=lambda row: (row.performance.at_most is None, row.performance.at_most or 0.0, str(row.device)))
    return Report(start, end, tuple(rows), rules.together(row.performance for row in rows), losses)


def losses_of(orgs: Iterable[int]) -> dict[int, Loss]:
    """Reason → loss, of the reasons of ``orgs``."""
    rows = StopReason.objects.filter(organisation__in=list(orgs)).values_list("pk", "loss")
    return {pk: Loss(loss) for pk, loss in rows}


def shift_names(orgs: Iterable[int]) -> dict[int, str]:
    """Number of a shift → its name."""
    return {one.pk: str(one) for one in Shift.objects.filter(organisation__in=list(orgs))}


def _paces(source: StoreClient, orgs: Iterable[int], without: Sequence[Machine], high: int) -> dict[int, float]:
    """Seconds per piece of machines whose ideal cycle nobody entered, from their best shift of late."""
    if not without:
        return {}
    low = high - PACE_DAYS * 86_400
    cells = measuring.measure(source, list(orgs), without, low, high, machines.zone(), "day")
    return {device: pace for device, own in cells.items() if (pace := measuring.paced(own)) is not None}


def _unknown_holidays(machine: Machine, start: dt.datetime, end: dt.datetime) -> Note | None:
    calendar = machine.plan.calendar
    if calendar is None or not calendar.holidays:
        return None
    return None if holidays.known(start.date()) and holidays.known(end.date()) else Note.HOLIDAYS_UNKNOWN

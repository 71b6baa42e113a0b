"""What is known of machines beforehand: tags by their roles, calendars by their places, cycles, what people told.

Everything is proposed from the information model, so that a machine that was bound shows figures at once.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from django.conf import settings as django_settings
from django.db.models import Q

from gongfu.data.performance import calendars
from gongfu.data.performance.calendars import Calendar, Span
from gongfu.data.performance.measuring import Machine, Plan, Told
from gongfu.data.performance.models import (
    Capability,
    Cycle,
    PlannedStop,
    Reject,
    Shift,
    Stop,
    WorkCalendar,
)
from gongfu.kernel.errors import Invalid
from gongfu.network.models import library, units
from gongfu.network.models.types import Category, DeviceType
from gongfu.network.retrofit import recipes
from gongfu.platform.devices.models import Device, Place, Tag

CATEGORIES: Final[tuple[Category, ...]] = ("off", "idle", "setup", "running", "fault")
_REJECTS: Final = ("reject", "scrap", "defect", "waste", "ng_count", "废", "不良", "次品", "不合格")
_PIECES: Final = ("", "pcs", "件", "个", "只", "片", "张")
_NO_PIECES: Final = ("start", "alarm", "启动", "报警", "次数累计")


def zone() -> str:
    """The time zone in which days and shifts are meant."""
    return django_settings.TIME_ZONE


def machines_of(devices: Sequence[Device], start: dt.datetime, end: dt.datetime) -> list[Machine]:
    """One for each of ``devices``; a few queries, however many there are."""
    ids = [device.pk for device in devices]
    tags: dict[int, list[Tag]] = defaultdict(list)
    for tag in Tag.objects.filter(device__in=ids).order_by("position", "key"):
        tags[tag.device_id].append(tag)
    models = {model.id: model for model in library.types()}
    capabilities = {one.device_id: one for one in Capability.objects.filter(device__in=ids)}
    cycles: dict[int, dict[str, float]] = defaultdict(dict)
    for device, product, seconds in Cycle.objects.filter(device__in=ids).values_list("device", "product", "seconds"):
        cycles[device][product] = seconds
    told: dict[int, list[Told]] = defaultdict(list)
    for stop in Stop.objects.filter(device__in=ids, begins__lt=end, ends__gt=start):
        told[stop.device_id].append(Told(_second(stop.begins), _second(stop.ends), stop.state, stop.reason_id))
    rejected: dict[int, list[tuple[int, float, bool]]] = defaultdict(list)
    for reject in Reject.objects.filter(device__in=ids, at__gte=start, at__lt=end):
        rejected[reject.device_id].append((_second(reject.at), reject.quantity, reject.start_up))
    plans = _plans(devices, start, end)
    return [
        _machine(
            device,
            tags[device.pk],
            models.get(device.type),
            capabilities.get(device.pk),
            plans[device.pk],
            cycles[device.pk],
            tuple(told[device.pk]),
            tuple(rejected[device.pk]),
        )
        for device in devices
    ]


def _machine(
    device: Device,
    tags: Sequence[Tag],
    model: DeviceType | None,
    known: Capability | None,
    plan: Plan,
    cycles: Mapping[str, float],
    told: tuple[Told, ...],
    rejected: tuple[tuple[int, float, bool], ...],
) -> Machine:
    named = {tag.key: tag for tag in tags}
    chosen = known or Capability()
    state = named.get(chosen.state_tag) or first(tags, "state")
    reject = named.get(chosen.reject_tag) or next((tag for tag in tags if _is_reject(tag)), None)
    count = named.get(chosen.count_tag) or next(
        (tag for tag in _of_role(tags, "count") if not _is_reject(tag) and not _is_event(tag)), None
    )
    energy = named.get(chosen.energy_tag) or first(tags, "energy")
    power = first(tags, "power")
    product = named.get(chosen.product_tag) or first(tags, "program")
    return Machine(
        device=device.pk,
        plan=plan,
        state=state.pk if state else 0,
        codes=codes_of(state, model) if state else {},
        count=count.pk if count else 0,
        pieces=chosen.pieces,
        reject=reject.pk if reject else 0,
        product=product.pk if product and cycles else 0,
        energy=energy.pk if energy else 0,
        energy_factor=_factor(energy, "kWh"),
        power=power.pk if power else 0,
        power_factor=_factor(power, "kW"),
        cycle=chosen.cycle,
        cycles=cycles,
        told=told,
        rejected=rejected,
    )


def codes_of(tag: Tag, model: DeviceType | None) -> dict[str, Category]:
    """What the state tag says → category of the state."""
    if tag.kind == Tag.Kind.BOOLEAN:
        return {"1": "running", "0": "idle"}
    if recipes.is_derived(tag.address):
        try:
            recipe, _output = recipes.parse(tag.address)
        except Invalid:
            return {}
        return {str(recipes.code(recipe, recipes.State(one))): one for one in CATEGORIES}
    states = model.states if model else []
    if tag.kind == Tag.Kind.TEXT:
        found: dict[str, Category] = {one: one for one in CATEGORIES}
        for state in states:
            found |= {state.key: state.category, state.name.zh: state.category, state.name.en: state.category}
        return found
    return {str(state.code): state.category for state in states}


def first(tags: Iterable[Tag], role: str) -> Tag | None:
    """The tag of ``role`` that stands for the machine: a headline tag before others."""
    return next(iter(_of_role(tags, role)), None)


def _of_role(tags: Iterable[Tag], role: str) -> list[Tag]:
    return sorted(
        (tag for tag in tags if tag.role == role and tag.kind != Tag.Kind.ARRAY), key=lambda tag: not tag.primary
    )


def _is_reject(tag: Tag) -> bool:
    named = f"{tag.key} {tag.name}".casefold()
    counts = tag.kind == Tag.Kind.NUMBER and tag.role in ("count", "") and tag.unit in _PIECES
    return counts and any(word in named for word in _REJECTS)


def _is_event(tag: Tag) -> bool:
    named = f"{tag.key} {tag.name}".casefold()
    return any(word in named for word in _NO_PIECES)


def _factor(tag: Tag | None, unit: str) -> float:
    """What one unit of the tag is in ``unit``; 1 where its unit is not known."""
    found = units.conversion(tag.unit, unit) if tag and tag.unit else None
    return found[0] if found else 1.0


def calendar_of(calendar: WorkCalendar) -> Calendar:
    """As rules take it. Raises :class:`Invalid`."""
    shifts = tuple(shift_of(one) for one in calendar.shifts.all())
    days = {one.day: one.works for one in calendar.days.all()}
    return Calendar(zone(), shifts, calendar.holidays, days)


def shift_of(shift: Shift) -> calendars.Shift:
    """As rules take it; raises :class:`Invalid` for breaks and weekdays that say nothing."""
    return calendars.Shift(
        shift.pk or 0,
        shift.begins,
        shift.ends,
        calendars.breaks(shift.breaks),
        calendars.weekdays(shift.weekdays),
        str(shift),
    )


def _plans(devices: Sequence[Device], start: dt.datetime, end: dt.datetime) -> dict[int, Plan]:
    """The plan of each device; devices of one calendar and the same stops share one object."""
    owners = {device.organisation_id for device in devices}
    above = dict(Place.objects.filter(organisation__in=owners).values_list("pk", "parent"))
    own = WorkCalendar.objects.filter(organisation__in=owners).prefetch_related("shifts", "days")
    by_place = {(one.organisation_id, one.place_id): calendar_of(one) for one in own if one.shifts.all()}
    stops: dict[tuple[str, int], list[Span]] = defaultdict(list)
    for stop in PlannedStop.objects.filter(
        Q(device__in=[device.pk for device in devices]) | Q(device=None),
        organisation__in=owners,
        begins__lt=end,
        ends__gt=start,
    ):
        span = (_second(stop.begins) // 60 * 60, -(-_second(stop.ends) // 60) * 60)
        if stop.device_id:
            stops["device", stop.device_id].append(span)
        elif stop.place_id:
            stops["place", stop.place_id].append(span)
        else:
            stops["all", stop.organisation_id].append(span)
    shared: dict[tuple[object, ...], Plan] = {}
    found: dict[int, Plan] = {}
    for device in devices:
        owner = device.organisation_id
        calendar = by_place.get((owner, None))
        spans = [*stops["all", owner], *stops["device", device.pk]]
        chain = list(_chain(device.place_id, above))
        for place in reversed(chain):  # the nearest one has the last word
            calendar = by_place.get((owner, place), calendar)
            spans += stops["place", place]
        key = (id(calendar), tuple(sorted(spans)))
        found[device.pk] = shared.setdefault(key, Plan(calendar, tuple(sorted(spans))))
    return found


def _chain(place: int | None, above: Mapping[int, int | None]) -> Iterable[int]:
    seen: set[int] = set()
    while place is not None and place not in seen:
        seen.add(place)
        yield place
        place = above.get(place)


def _second(moment: dt.datetime) -> int:
    return int(moment.timestamp())

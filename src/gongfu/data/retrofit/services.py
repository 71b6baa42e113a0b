"""The only door to the retrofit inventory: who is connected, how far, and what the next step is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from gongfu.data.retrofit import rules
from gongfu.data.retrofit.models import Machine, Standing
from gongfu.data.retrofit.rules import Evidence, Interface, Judged, Level, Rates, Situation, Step
from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.drivers import registry as drivers
from gongfu.network.drivers.registry import Capability
from gongfu.network.models import library
from gongfu.network.retrofit import recipes
from gongfu.platform.commands import services as commands
from gongfu.platform.devices.models import Device, Tag

_ROLES = ("state", *sorted(rules.MEASURES))
_CLAMP_UNITS = frozenset({"A", "kW", "W", "mm/s"})
_PULSE_WORDS = ("pulse", "count", "pieces", "脉冲", "计数", "产量")
_CHUNK = 5000


class Line(msgspec.Struct, frozen=True):
    """A machine with what is known of it."""

    machine: Machine
    judged: Judged
    steps: list[Step]

    @property
    def step(self) -> Step | None:
        """The cheapest next step."""
        return self.steps[0] if self.steps else None


class Group(msgspec.Struct, frozen=True):
    """Some machines and their rates; ``query`` leads to their list."""

    name: str
    rates: Rates
    query: str


class Assessment(msgspec.Struct, frozen=True):
    """Everything the page of an enterprise shows. ``problem``: why levels above 1 are not known."""

    rates: Rates
    lines: list[Line]
    definition: rules.Definition
    problem: str

    def by(self, key: Callable[[Machine], tuple[str, str]]) -> list[Group]:
        """Rates of the groups that ``key`` names, each with the query of its list; the least connected first."""
        found: dict[tuple[str, str], list[Judged]] = {}
        for line in self.lines:
            if line.machine.counts:
                found.setdefault(key(line.machine), []).append(line.judged)
        groups = [Group(name, rules.rates(judged), query) for (name, query), judged in found.items()]
        return sorted(groups, key=lambda group: (group.rates.connection_rate or 0.0, -group.rates.machines))


def assess(user: User, scope: Organisation | None = None, now: dt.datetime | None = None) -> Assessment:
    """The machines ``user`` may see, of ``scope`` and below when it is given."""
    machines = Machine.objects.visible_to(user)
    if scope is not None:
        machines = machines.filter(organisation__path__startswith=scope.path)
    return _assessed(machines, now or timezone.now())


def _assessed(machines: QuerySet[Machine], now: dt.datetime) -> Assessment:
    machines = machines.exclude(device__life=Device.Life.RETIRED)
    found = list(machines.select_related("device", "organisation", "place").order_by("organisation__path", "number"))
    devices = [machine.device_id for machine in found if machine.device_id]
    tags: dict[int, list[Tag]] = {}
    for part in _parts(devices):
        for tag in Tag.objects.filter(device__in=part).only(
            "device", "role", "unit", "kind", "address", "name", "name_en"
        ):
            tags.setdefault(tag.device_id, []).append(tag)
    roles, problem = _stored(tags, {machine.organisation_id for machine in found})
    commanded = commands.last_confirmed(devices)
    lines = []
    for machine in found:
        device = machine.device
        evidence = Evidence(
            delivered=device.last_reading_at if device else None,
            roles=roles.get(device.pk, {}) if device else {},
            commanded=commanded.get(device.pk) if device else None,
            digital=bool(machine.controller),
        )
        judged = rules.judge(evidence, now)
        lines.append(Line(machine, judged, rules.next_steps(_situation(machine, judged.level, tags))))
    counted = rules.rates(line.judged for line in lines if line.machine.counts)
    return Assessment(counted, lines, rules.definition(now.date()), problem)


def _stored(tags: dict[int, list[Tag]], owners: Iterable[int]) -> tuple[dict[int, dict[str, dt.datetime]], str]:
    """Device → role → newest stored reading that is not bad; and why the store could not be asked."""
    telling = {tag.pk: tag for found in tags.values() for tag in found if tag.role in _ROLES}
    roles: dict[int, dict[str, dt.datetime]] = {}
    try:
        for part in _parts(list(telling)):
            for series, last in telemetry.last_values(sorted(owners), part).items():
                if last.quality < 2:
                    tag, at = telling[series], dt.datetime.fromtimestamp(last.time / 1e6, dt.UTC)
                    known = roles.setdefault(tag.device_id, {})
                    known[tag.role] = max(at, known.get(tag.role, at))
    except GongfuError as error:
        return roles, error.text()
    return roles, ""


def _situation(machine: Machine, level: Level, tags: dict[int, list[Tag]]) -> Situation:
    device = machine.device
    read = [tag for tag in tags.get(machine.device_id or 0, []) if not recipes.is_derived(tag.address)]
    clamp = next(
        (tag for tag in read if tag.kind == "number" and (tag.role == "power" or tag.unit in _CLAMP_UNITS)), None
    )
    pulse = next((tag for tag in read if tag.kind in Tag.NUMERIC and _counts(tag)), None)
    writes = device is not None and device.driver in drivers.names()
    return Situation(
        level=level,
        interfaces=frozenset(interfaces_of(machine.interfaces)),
        controller=machine.controller,
        linked=device is not None,
        clamp=str(clamp) if clamp else "",
        pulse=str(pulse) if pulse else "",
        writes=writes and device is not None and Capability.WRITE in drivers.manifest(device.driver).capabilities,
    )


def _counts(tag: Tag) -> bool:
    """Whether a tag seems to count pieces: by its role, or because somebody called it so."""
    named = f"{tag.name} {tag.name_en}".casefold()
    return tag.role == "count" or any(word in named for word in _PULSE_WORDS)


def interfaces_of(text: str) -> list[Interface]:
    """The interfaces that ``text`` names, with commas between them; raises :class:`Invalid` for one nobody knows."""
    names = [part.strip() for part in text.replace("，", ",").replace("、", ",").split(",") if part.strip()]
    for name in names:
        if name not in [str(one) for one in Interface]:
            raise Invalid(
                mark("There is no interface {name}."),
                remedy=mark("Use {known}."),
                name=repr(name[:40]),
                known=", ".join(Interface),
            )
    return [Interface(name) for name in dict.fromkeys(names)]


def prepare(machine: Machine) -> None:
    """Check and save; raises :class:`Invalid`, and :class:`NotFound` for another organisation's device or place."""
    machine.interfaces = ",".join(interfaces_of(machine.interfaces))
    for thing in (machine.device, machine.place):
        if thing is not None and thing.organisation_id != machine.organisation_id:
            raise NotFound(mark("{thing} belongs to another organisation."), thing=thing)
    machine.save()


def on_device_saved(sender: object, instance: Device, created: bool, raw: bool = False, **_: object) -> None:
    """A new device joins the inventory, or finds the machine of its key that waited there."""
    del sender
    if raw or not created:
        return
    with transaction.atomic():
        number = instance.key
        waiting = Machine.objects.filter(organisation=instance.organisation, number=number).first()
        if waiting is not None and waiting.device_id is None:
            waiting.device, waiting.plan = instance, Machine.Plan.DONE
            waiting.save()
            return
        if waiting is not None:  # somebody gave that number to another device
            number = f"{number[:40]} ({instance.pk})"
        model = next((one for one in library.types() if one.id == instance.type), None)
        Machine.objects.create(
            organisation=instance.organisation,
            number=number,
            name=instance.name,
            name_en=instance.name_en,
            type=instance.type,
            place=instance.place,
            year=instance.made_on.year if instance.made_on else None,
            controller=rules.controller_behind(instance.driver),
            plan=Machine.Plan.DONE,
            counts=model is None or bool(model.states),
            device=instance,
        )


def take_standings(now: dt.datetime | None = None) -> int:
    """Note how every organisation with machines stands this month; returns how many. Safe to repeat."""
    now = now or timezone.now()
    month = timezone.localtime(now).date().replace(day=1)
    owners = Organisation.objects.filter(pk__in=Machine.objects.values("organisation"))
    taken = 0
    for owner in owners:
        found = _assessed(Machine.objects.filter(organisation=owner), now)
        if found.problem:
            continue  # half of the truth is not noted; the next round will know all
        numbers = msgspec.structs.asdict(found.rates)
        Standing.objects.update_or_create(
            organisation=owner,
            month=month,
            defaults={
                **numbers,
                "levels": list(found.rates.levels),
                "taken_at": now,
                "definition": found.definition.since,
            },
        )
        taken += 1
    return taken


def trend(user: User, scope: Organisation | None = None, months: int = 24) -> list[tuple[dt.date, Rates]]:
    """Month by month, oldest first, summed over what ``user`` may see."""
    found = Standing.objects.visible_to(user)
    if scope is not None:
        found = found.filter(organisation__path__startswith=scope.path)
    sums: dict[dt.date, list[Standing]] = {}
    for standing in found.order_by("-month")[: months * 1000]:
        sums.setdefault(standing.month, []).append(standing)
    return [(month, _summed(sums[month])) for month in sorted(sums)[-months:]]


def _summed(standings: Sequence[Standing]) -> Rates:
    levels = [[*one.levels, *[0] * len(Level)][: len(Level)] for one in standings]
    return Rates(
        machines=sum(one.machines for one in standings),
        connected=sum(one.connected for one in standings),
        on_cloud=sum(one.on_cloud for one in standings),
        digital=sum(one.digital for one in standings),
        digital_connected=sum(one.digital_connected for one in standings),
        levels=tuple(map(sum, zip(*levels, strict=True))),
    )


def latest_standing() -> dt.datetime | None:
    """When standings were last taken."""
    return Standing.objects.order_by("-taken_at").values_list("taken_at", flat=True).first()


def _parts(ids: Sequence[int]) -> Iterable[list[int]]:
    return [list(ids[first : first + _CHUNK]) for first in range(0, len(ids), _CHUNK)]

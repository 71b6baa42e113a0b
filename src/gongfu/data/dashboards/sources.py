"""Whose tags a widget means: always among those that the reader may see; others are as if they were not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from django.db.models import Q, QuerySet
from django.utils.translation import get_language

from gongfu.data.alarms.models import Alarm, AlarmRule
from gongfu.data.dashboards.rules import Source, Widget
from gongfu.data.dashboards.shapes import Described, State
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.network.models import library
from gongfu.network.models.types import DeviceType
from gongfu.platform.devices.models import Device, Place, Tag

_HIGH = ("hihi", "high")
_LOW = ("low", "lolo")


@dataclass(frozen=True)
class Reader:
    """Whoever a dashboard is shown to: a person, or an organisation for which a report is made."""

    tags: QuerySet[Tag]
    devices: QuerySet[Device]
    places: QuerySet[Place]
    alarms: QuerySet[Alarm]
    rules: QuerySet[AlarmRule]

    @classmethod
    def person(cls, user: User) -> Self:
        """What ``user`` may see."""
        return cls(
            Tag.objects.visible_to(user),
            Device.objects.visible_to(user),
            Place.objects.visible_to(user),
            Alarm.objects.visible_to(user),
            AlarmRule.objects.visible_to(user),
        )

    @classmethod
    def organisation(cls, owner: Organisation) -> Self:
        """What belongs to ``owner`` and those below it."""
        below = {"organisation__path__startswith": owner.path}
        return cls(
            Tag.objects.filter(**below),
            Device.objects.filter(**below),
            Place.objects.filter(**below),
            Alarm.objects.filter(**below),
            AlarmRule.objects.filter(**below),
        )


@dataclass(frozen=True)
class Chosen:
    """What was chosen above the dashboard; 0 for nothing."""

    device: int = 0
    place: int = 0


def tags_of(reader: Reader, widget: Widget, chosen: Chosen, most: int) -> list[tuple[Source, Tag]]:
    """The tags of ``widget`` in its order, at most ``most``."""
    rows = reader.tags.select_related("device")
    numbers = [one.tag for one in widget.sources if one.tag]
    by_number = {tag.pk: tag for tag in rows.filter(pk__in=numbers)} if numbers else {}
    keys = [one.key for one in widget.sources if one.key]
    by_key: dict[str, list[Tag]] = {}
    if keys and (chosen.device or chosen.place):
        found = rows.filter(key__in=keys)
        if chosen.device:
            found = found.filter(device=chosen.device)
        else:
            found = found.filter(within(reader, chosen.place, "device__"))
        for tag in found.order_by("device__key")[:200]:
            by_key.setdefault(tag.key, []).append(tag)
    result: list[tuple[Source, Tag]] = []
    for source in widget.sources:
        if source.tag in by_number:
            result.append((source, by_number[source.tag]))
        else:
            result += [(source, tag) for tag in by_key.get(source.key, [])]
    return result[:most]


def within(reader: Reader, place: int, prefix: str) -> Q:
    """Devices at the place or in a part of it; none when the reader may not see it."""
    found = reader.places.filter(pk=place).first()
    if found is None:
        return Q(pk__in=[])
    owner = Q(**{f"{prefix}place__organisation": found.organisation_id})
    inside = Q(**{f"{prefix}place__path__startswith": f"{found.path} / "})
    return owner & (Q(**{f"{prefix}place": found.pk}) | inside)


def described(reader: Reader, found: list[tuple[Source, Tag]]) -> list[Described]:
    """What people need to know of each, in the language of the request."""
    language = get_language() or ""
    english = language.startswith("en")
    models = {model.id: model for model in library.types()} if found else {}
    limits = _limits(reader, [tag for _source, tag in found])
    return [
        Described(
            tag=tag.pk,
            org=tag.organisation_id,
            device=tag.device_id,
            name=(tag.name_en if english else "") or tag.name,
            device_name=str(tag.device),
            unit=tag.unit,
            decimals=tag.decimals,
            kind="state" if (states := _states(models.get(tag.device.type), tag, language)) else tag.kind,
            low=tag.low,
            high=tag.high,
            interval=max(tag.device.interval, tag.interval or 0.0, tag.silence if tag.deadband else 0.0),
            states=states,
            limits=limits.get((tag.device_id, tag.key), []),
            x=source.x,
            y=source.y,
        )
        for source, tag in found
    ]


def _states(model: DeviceType | None, tag: Tag, language: str) -> list[State]:
    if model is None or tag.role != "state":
        return []
    return [State(f"{one.code}", one.name.in_language(language), one.category) for one in model.states]


def _limits(reader: Reader, tags: list[Tag]) -> dict[tuple[int, str], list[tuple[float, str]]]:
    """Limits of alarm rules in service, by device and key."""
    if not tags:
        return {}
    rules = reader.rules.filter(
        kind__in=_HIGH + _LOW, in_service=True, tag__in={tag.key for tag in tags},
        organisation__in={tag.organisation_id for tag in tags},
    )  # fmt: skip
    names = {"hihi": "HH", "high": "H", "low": "L", "lolo": "LL"}
    found: dict[tuple[int, str], list[tuple[float, str]]] = {}
    for rule in rules:
        for tag in tags:
            own = rule.device_id == tag.device_id or (rule.device_id is None and rule.type == tag.device.type)
            if own and rule.tag == tag.key and rule.organisation_id == tag.organisation_id:
                found.setdefault((tag.device_id, tag.key), []).append((rule.limit, names[rule.kind]))
    return {key: sorted(set(one)) for key, one in found.items()}

"""Rules from an information model: the limits of its tags, and the alarms it lists."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from gongfu.data.alarms import binding
from gongfu.data.alarms.models import AlarmRule, Urgency
from gongfu.data.alarms.rules import Kind
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Forbidden, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.models import library
from gongfu.network.models.types import AlarmType, Condition, DeviceType, TagType
from gongfu.platform.devices.beside import Beside
from gongfu.platform.devices.models import Device

_LIMITS = (
    ("alarm_high", Kind.HIGH_HIGH, Urgency.HIGH, "过高", "far too high"),
    ("warn_high", Kind.HIGH, Urgency.MEDIUM, "偏高", "too high"),
    ("warn_low", Kind.LOW, Urgency.MEDIUM, "偏低", "too low"),
    ("alarm_low", Kind.LOW_LOW, Urgency.HIGH, "过低", "far too low"),
)
_SEVERITIES = {"info": Urgency.LOW, "warning": Urgency.MEDIUM, "critical": Urgency.URGENT}
_BAND = 0.01
"""Dead-band of a limit as a share of the tag's range: EEMUA 191 advises 1 to 5 % for most measures."""
_DELAY = 2.0
"""On-delay in seconds: one reading beyond a limit is noise."""


def drafts(model: DeviceType) -> list[AlarmRule]:
    """Rules that follow from ``model``, for nobody yet."""
    found = [rule for tag in model.tags for rule in _of_limits(tag)]
    for alarm in model.alarms:
        if (rule := _of_alarm(model, alarm)) is not None:
            found.append(rule)
    for rule in found:
        rule.type = model.id
    return found


def _of_limits(tag: TagType) -> Iterator[AlarmRule]:
    span = (tag.high - tag.low) if tag.high is not None and tag.low is not None else 0.0
    for name, kind, priority, chinese, english in _LIMITS:
        limit = getattr(tag.limits, name)
        if limit is not None:
            yield AlarmRule(
                name=f"{tag.name.zh}{chinese}"[:80],
                name_en=f"{tag.name.en} {english}"[:80],
                tag=tag.key,
                kind=kind.value,
                limit=limit,
                priority=priority,
                deadband=round(span * _BAND, 6),
                on_delay=_DELAY,
                origin=f"limit:{tag.key}:{name}",
            )


def _of_alarm(model: DeviceType, alarm: AlarmType) -> AlarmRule | None:
    """Of an alarm with a condition; without one the machine tells by a tag of the alarm's key, if it has one."""
    rule = AlarmRule(
        name=alarm.name.zh[:80],
        name_en=alarm.name.en[:80],
        priority=_SEVERITIES[alarm.severity],
        remedy=alarm.remedy.zh[:300] if alarm.remedy else "",
        remedy_en=alarm.remedy.en[:300] if alarm.remedy else "",
        origin=f"alarm:{alarm.key}",
    )
    if not alarm.when:
        if model.tag(alarm.key) is None:
            return None
        rule.tag, rule.kind, rule.limit = alarm.key, Kind.EQUALS.value, 1.0
        return rule
    condition = Condition.parse(alarm.when)
    rule.tag, rule.limit = condition.tag, float(condition.value)
    match condition.operator:
        case "=" | "!=":
            rule.kind, rule.negated = Kind.EQUALS.value, condition.operator == "!="
        case ">" | "<":
            rule.kind = (Kind.HIGH if condition.operator == ">" else Kind.LOW).value
        case operator:
            rule.kind, rule.formula, rule.limit = Kind.FORMULA.value, f"{condition.tag} {operator} {rule.limit!r}", 0.0
    return rule


def model_called(type_id: str) -> DeviceType:
    """The information model; raises :class:`NotFound`."""
    for model in library.types():
        if model.id == type_id:
            return model
    raise NotFound(mark("There is no information model {type}."), type=type_id[:64])


def from_model(actor: User | str, organisation: Organisation, type_id: str) -> list[AlarmRule]:
    """The rules of a model that ``organisation`` does not have yet, in service; returns those that were made."""
    if isinstance(actor, User) and not can_edit.test(actor, organisation):
        raise Forbidden(mark("You may not change alarm rules of {organisation}."), organisation=organisation)
    model = model_called(type_id)
    made = []
    with transaction.atomic():
        there = AlarmRule.objects.filter(organisation=organisation, type=type_id).values_list("origin", flat=True)
        for rule in drafts(model):
            if rule.origin in set(there):
                continue
            rule.organisation = organisation
            rule.created_by = actor if isinstance(actor, User) else None
            binding.check_rule(rule)
            rule.save()
            audit.record(actor, "create", rule, after=audit.state(rule))
            made.append(rule)
    return made


def _perform(user: User, device: Device) -> str:
    made = len(from_model(user, device.organisation, device.type))
    if not made:
        return ""
    return ngettext("%(n)d alarm rule was added.", "%(n)d alarm rules were added.", made) % {"n": made}


BESIDE = Beside(
    name="model_alarms",
    label=_("Alarms of the model"),
    hint=_("The limits and alarms of the information model become alarm rules, for this and every further device."),
    useful=lambda _organisation: True,
    perform=_perform,
    position=10,
)

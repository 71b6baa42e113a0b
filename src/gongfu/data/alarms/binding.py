"""From rules as people made them to rules as ``gongfu streams`` evaluates them: keys of tags become series."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from gongfu.data.alarms import rules
from gongfu.data.alarms.formula import compile_formula
from gongfu.data.alarms.models import AlarmRule, RuleOutbox
from gongfu.data.alarms.rules import Binding, Direction, Kind, RuleConfig
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.models import library
from gongfu.platform.devices.models import Device, Outbox, Tag

_SETTABLE = (
    *("limit", "text", "negated", "setpoint", "deadband", "on_delay", "off_delay", "window"),
    *("formula", "gate_operator", "gate_value"),
)


def on_rule_changed(sender: object, instance: AlarmRule, **_: object) -> None:
    """Streams learn of it once this transaction commits."""
    del sender
    RuleOutbox.objects.create(organisation=instance.organisation_id, rule=instance.pk)


def on_device_told(sender: object, instance: Outbox, **_: object) -> None:
    """A device, its tags or its life changed: so may the rules about it."""
    del sender
    device = Device.objects.filter(pk=instance.device).first()
    if device is None:
        return
    found = AlarmRule.objects.filter(organisation=device.organisation_id).filter(
        Q(device=device) | Q(device=None, type=device.type)
    )
    RuleOutbox.objects.bulk_create(
        RuleOutbox(organisation=device.organisation_id, rule=pk) for pk in found.values_list("pk", flat=True)
    )


def configuration(rule: AlarmRule) -> RuleConfig:
    """The rule without bindings; raises :class:`Invalid` when it cannot be evaluated."""
    return rules.check(
        RuleConfig(
            id=rule.pk or 0,
            org=rule.organisation_id,
            kind=Kind(rule.kind),
            direction=Direction(rule.direction),
            **{name: getattr(rule, name) for name in _SETTABLE},
        )
    )


def devices_of(rule: AlarmRule) -> list[Device]:
    """Devices the rule is about, of its own organisation, that are in service."""
    found = Device.objects.filter(organisation=rule.organisation_id, life=Device.Life.IN_SERVICE)
    found = found.filter(pk=rule.device_id) if rule.device_id else found.filter(type=rule.type)
    return list(found.order_by("pk")) if rule.device_id or rule.type else []


def bound(rule: AlarmRule, devices: Iterable[Device] | None = None) -> RuleConfig:
    """The rule at each of its devices that has the tags it needs; raises :class:`Invalid`."""
    made = configuration(rule)
    names = compile_formula(rule.formula).names if made.kind == Kind.FORMULA else ()
    chosen = devices_of(rule) if devices is None else list(devices)
    keys = _named(rule)
    series: dict[tuple[int, str], int] = {}
    for begin in range(0, len(chosen), 500):
        part = [device.pk for device in chosen[begin : begin + 500]]
        tags = Tag.objects.filter(device__in=part, key__in=keys).exclude(kind=Tag.Kind.ARRAY).order_by()
        series |= {(device, key): pk for device, key, pk in tags.values_list("device", "key", "pk")}
    bindings = [one for device in chosen if (one := _binding(rule, device.pk, names, series)) is not None]
    return RuleConfig(
        **{name: getattr(made, name) for name in made.__struct_fields__ if name != "bindings"}, bindings=bindings
    )


def _binding(
    rule: AlarmRule, device: int, names: tuple[str, ...], series: dict[tuple[int, str], int]
) -> Binding | None:
    main = series.get((device, names[0] if names else rule.tag))
    others = [series.get((device, key)) if key else 0 for key in (_compared(rule), rule.gate_tag)]
    inputs = [series.get((device, key)) for key in names]
    if main is None or None in others or None in inputs:
        return None
    return Binding(device, main, others[0] or 0, others[1] or 0, [one for one in inputs if one])


def _compared(rule: AlarmRule) -> str:
    return rule.other if rule.kind == Kind.DEVIATION else ""


def take_pending() -> list[tuple[list[int], int, int, RuleConfig | None]]:
    """What waits in the outbox: its rows, organisation, rule, and the configuration or None to withdraw it."""
    rows: dict[tuple[int, int], list[int]] = {}
    for waiting in RuleOutbox.objects.order_by("pk")[:500]:
        rows.setdefault((waiting.organisation, waiting.rule), []).append(waiting.pk)
    found = AlarmRule.objects.in_bulk([rule for _, rule in rows])
    return [(pks, org, pk, _told(found.get(pk), org)) for (org, pk), pks in rows.items()]


def _told(rule: AlarmRule | None, org: int) -> RuleConfig | None:
    if rule is None or not rule.in_service or rule.organisation_id != org:
        return None
    try:
        told = bound(rule)
    except Invalid:
        return None
    return told if told.bindings else None


def forget(rows: Iterable[int]) -> None:
    """Remove delivered rows from the outbox."""
    RuleOutbox.objects.filter(pk__in=list(rows)).delete()


def check_rule(rule: AlarmRule) -> None:
    """Raise :class:`Invalid` unless the rule can be evaluated."""
    configuration(rule)
    if rule.device_id:
        arrays = set(Tag.objects.filter(device=rule.device_id, kind=Tag.Kind.ARRAY).values_list("key", flat=True))
    else:
        model = next((one for one in library.types() if one.id == rule.type), None)
        arrays = {tag.key for tag in model.tags if tag.kind == "array"} if model else set()
    if arrays and (named := sorted(arrays & _named(rule))):
        raise Invalid(
            mark("{tag} is an array, which has no limit."),
            remedy=mark("Choose a number: one figure of the waveform, where the device tells it as a tag of its own."),
            tag=named[0],
        )


def _named(rule: AlarmRule) -> set[str]:
    names = compile_formula(rule.formula).names if rule.kind == Kind.FORMULA else ()
    return {rule.tag, rule.other, rule.gate_tag, *names} - {""}

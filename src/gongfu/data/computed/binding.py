"""From what people wrote to what ``gongfu streams`` computes: keys of devices and tags become series."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings as django_settings
from django.db import transaction

from gongfu.data.computed import references, rules
from gongfu.data.computed.functions import Kind
from gongfu.data.computed.language import FUNCTIONS
from gongfu.data.computed.models import ComputedOutbox, ComputedTag
from gongfu.data.computed.references import Group, One, Written
from gongfu.data.computed.rules import ComputedConfig, Input
from gongfu.kernel.errors import GongfuError, Invalid, packed
from gongfu.kernel.i18n import mark
from gongfu.platform.devices.models import Device, Outbox, Tag
from gongfu.platform.devices.rules import COMPUTED

_WORDS = {*FUNCTIONS, "and", "or", "not", "if", "else", "true", "false", "True", "False", "且", "或", "非"}


def on_changed(sender: object, instance: ComputedTag, **_: object) -> None:
    """Streams learn of it once this transaction commits."""
    del sender
    ComputedOutbox.objects.create(organisation=instance.organisation_id, computed=instance.pk)


def on_device_told(sender: object, instance: Outbox, **_: object) -> None:
    """A device changed, and may be an input of anything in its organisation."""
    del sender
    device = Device.objects.filter(pk=instance.device).first()
    if device is not None:
        found = ComputedTag.objects.filter(organisation=device.organisation_id).values_list("pk", flat=True)
        ComputedOutbox.objects.bulk_create(
            ComputedOutbox(organisation=device.organisation_id, computed=pk) for pk in found
        )


def bound(computed: ComputedTag, series: int = 0) -> ComputedConfig:
    """What is to be computed, its result stored under ``series``. Raises :class:`Invalid` naming what is wrong.

    Only devices of its own organisation are looked at: a key of another one's device names nothing.
    """
    written = references.take_apart(computed.expression)
    inputs = _own(computed, written) | {name: _input(computed, one) for name, one in written.references.items()}
    config = ComputedConfig(
        org=computed.organisation_id,
        device=computed.device_id,
        series=series,
        kind=Kind(computed.kind),
        expression=written.text,
        inputs=inputs,
        every=computed.every,
        gap=computed.gap,
        zone=django_settings.TIME_ZONE,
    )
    try:
        rules.compiled(config)
    except Invalid as error:
        raise _spelt(error, written) from error
    return config


def _own(computed: ComputedTag, written: Written) -> dict[str, Input]:
    """Tags of the device itself that the expression names."""
    keys = written.words - _WORDS
    tags = Tag.objects.filter(device=computed.device_id, key__in=keys).exclude(key=computed.key)
    if array := tags.filter(kind=Tag.Kind.ARRAY).first():
        raise _an_array(array)
    return {key: Input((pk,), Kind(kind)) for pk, key, kind in tags.values_list("pk", "key", "kind")}


def _an_array(tag: Tag) -> Invalid:
    return Invalid(
        mark("{tag} is an array, with which nothing is computed."),
        remedy=mark("Name a number, text or state."),
        tag=tag,
    )


def _input(computed: ComputedTag, reference: One | Group) -> Input:
    owned = Tag.objects.filter(device__organisation=computed.organisation_id, key=reference.key)
    if isinstance(reference, One):
        found = list(owned.filter(device__key=reference.device).values_list("pk", "kind"))
        if not found:
            raise Invalid(
                mark("There is no tag {key} at a device {device}."),
                remedy=mark("Both are named by their keys, as the page of the device shows them."),
                key=reference.key[:64],
                device=reference.device[:64],
            )
        if found[0][1] == Tag.Kind.ARRAY:
            raise _an_array(owned.get(pk=found[0][0]))
        return Input((found[0][0],), Kind(found[0][1]))
    owned = owned.filter(kind__in=Tag.NUMERIC).exclude(address__startswith=COMPUTED)
    if reference.place:
        at = owned.filter(device__place__path=reference.place)
        owned = at | owned.filter(device__place__path__startswith=f"{reference.place} / ")
    if reference.type:
        owned = owned.filter(device__type=reference.type)
    members = tuple(owned.order_by("pk").distinct().values_list("pk", flat=True)[: rules.MOST_MEMBERS + 1])
    if not members:
        raise Invalid(
            mark("No device there has a tag {key}."),
            remedy=mark("A place is named by its whole path, such as 一厂 / 冲压车间; a model by its key."),
            key=reference.key[:64],
        )
    return Input(members, Kind.NUMBER, reference.how)


def _spelt(error: Invalid, written: Written) -> Invalid:
    """The same with what people wrote in place of our names."""

    def back(value: object) -> str:
        text = str(value)
        for name, spelt in written.spelt.items():
            text = text.replace(name, spelt)
        return text

    return Invalid(error.message, remedy=error.remedy, **{name: back(value) for name, value in error.values.items()})


def tag_of(computed: ComputedTag) -> Tag | None:
    """The tag that holds its values; None while the change of the device waits for a second person."""
    return Tag.objects.filter(device=computed.device_id, key=computed.key, address=COMPUTED).first()


def check_cycle(computed: ComputedTag) -> None:
    """Raise :class:`Invalid` when the tag would follow from itself, directly or through others."""
    others = ComputedTag.objects.filter(organisation=computed.organisation_id).exclude(pk=computed.pk)
    needs: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for one in [*others.select_related("device"), computed]:
        try:
            written = references.take_apart(one.expression)
        except Invalid:
            continue
        named = {(ref.device, ref.key) for ref in written.references.values() if isinstance(ref, One)}
        needs[one.device.key, one.key] = named | {(one.device.key, word) for word in written.words - {one.key}}
    start = (computed.device.key, computed.key)
    waiting, seen = list(needs[start]), set()
    while waiting:
        one_key = waiting.pop()
        if one_key == start:
            raise Invalid(
                mark("{tag} would follow from itself."),
                remedy=mark("Look at the computed tags it is computed from."),
                tag=f"{start[0]}.{start[1]}",
            )
        if one_key not in seen:
            seen.add(one_key)
            waiting += needs.get(one_key, ())


def take_pending() -> list[tuple[list[int], int, int, ComputedConfig | None]]:
    """What waits in the outbox: its rows, organisation, computed tag, and its configuration or None to withdraw it."""
    rows: dict[tuple[int, int], list[int]] = {}
    for waiting in ComputedOutbox.objects.order_by("pk")[:500]:
        rows.setdefault((waiting.organisation, waiting.computed), []).append(waiting.pk)
    found = ComputedTag.objects.in_bulk([pk for _, pk in rows])
    return [(pks, org, pk, _told(found.get(pk), org)) for (org, pk), pks in rows.items()]


def _told(computed: ComputedTag | None, org: int) -> ComputedConfig | None:
    """Notes why it cannot be computed, where the list shows it."""
    if computed is None or computed.organisation_id != org:
        return None
    config, problem = None, ""
    try:
        tag = tag_of(computed)
        if tag is None:
            raise Invalid(
                mark("The device has no such tag yet."), remedy=mark("Its change may wait for a second person.")
            )
        config = bound(computed, tag.pk)
    except GongfuError as error:
        problem = packed(error)
    if problem != computed.problem:
        with transaction.atomic():
            ComputedTag.objects.filter(pk=computed.pk).update(problem=problem)
    return config


def forget(rows: Iterable[int]) -> None:
    """Remove delivered rows from the outbox."""
    ComputedOutbox.objects.filter(pk__in=list(rows)).delete()

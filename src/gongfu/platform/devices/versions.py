"""Versions of a device's configuration: kept at every change, compared, proposed. Applying them: ``applying``."""

from __future__ import annotations

from django.db.models import Max
from django.utils import timezone
from rules.predicates import Predicate

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Conflict, NotFound
from gongfu.kernel.i18n import mark
from gongfu.platform.devices.document import (
    Change,
    DeviceDocument,
    TagDocument,
    canonical,
    difference,
    parse,
)
from gongfu.platform.devices.models import Approval, Device, Tag, Version

_EARLIER = "—"
"""Who made a configuration that was there before versions were kept."""


def document_of(device: Device) -> DeviceDocument:
    """The configuration as it stands in the records."""
    return DeviceDocument(
        key=device.key,
        name=device.name,
        name_en=device.name_en,
        type=device.type,
        place=device.place.path if device.place else "",
        manufacturer=device.manufacturer,
        product=device.product,
        serial_number=device.serial_number,
        made_on=device.made_on,
        nameplate=dict(device.nameplate),
        gateway=device.gateway,
        driver=device.driver,
        options=dict(device.options),
        secrets=sorted(device.secret_options),
        interval=float(device.interval),
        tags=[_tag(tag) for tag in device.tags.all()],
    )


def _tag(tag: Tag) -> TagDocument:
    return TagDocument(
        key=tag.key,
        name=tag.name,
        name_en=tag.name_en,
        kind=tag.kind,  # type: ignore[arg-type]  # the field's choices are those of Kind
        unit=tag.unit,
        decimals=tag.decimals,
        role=tag.role,
        primary=tag.primary,
        address=tag.address,
        scale=float(tag.scale),
        offset=float(tag.offset),
        low=tag.low,
        high=tag.high,
        deadband=float(tag.deadband),
        percent=tag.percent,
        silence=float(tag.silence),
        interval=tag.interval,
    )


def fresh(device: Device) -> DeviceDocument:
    """As :func:`document_of`, read from the database and not from what is in memory."""
    return document_of(Device.objects.select_related("place").prefetch_related("tags").get(pk=device.pk))


def keep(device: Device, actor: User | str, why: str = "", *, before: DeviceDocument | None = None) -> Version | None:
    """Make a version of what now stands in the records; None when nothing changed.

    ``before`` is what stood there, which becomes the first version of a device that has none yet.
    """
    now = fresh(device)
    last = Version.objects.filter(device=device, state=Version.State.APPLIED).order_by("-number").first()
    if last is None and before is not None and canonical(before) != canonical(now):
        last = _make(device, _EARLIER, "", before, 1)
    text = canonical(now)
    if last is not None and last.document == text:
        return None
    return _make(device, actor, why, now, last.number + 1 if last else 1)


def _make(device: Device, actor: User | str, why: str, document: DeviceDocument, number: int) -> Version:
    return Version.objects.create(
        organisation=device.organisation,
        device=device,
        key=device.key,
        number=number,
        document=canonical(document),
        why=why[:500],
        actor=actor if isinstance(actor, str) else actor.get_username(),
        created_by=None if isinstance(actor, str) else actor,
    )


def propose(
    actor: User,
    organisation: Organisation,
    device: Device | None,
    document: DeviceDocument,
    secrets: dict[str, str | int | float | bool],
    why: str,
) -> Version:
    """Keep ``document`` for a second person to decide on."""
    return Version.objects.create(
        organisation=organisation,
        device=device,
        key=document.key,
        base=current_number(device) if device else 0,
        state=Version.State.PROPOSED,
        document=canonical(document),
        secret_options=secrets,
        why=why[:500],
        actor=actor.get_username(),
        created_by=actor,
    )


def current_number(device: Device) -> int:
    """Number of the version that is in force; 0 for a device whose configuration was never kept."""
    found = Version.objects.filter(device=device, state=Version.State.APPLIED).aggregate(Max("number"))
    return found["number__max"] or 0


def version_for(user: User, pk: int) -> Version:
    """The version, or :class:`NotFound` also when it is another organisation's."""
    found = Version.objects.visible_to(user).select_related("device", "organisation").filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no configuration version {pk}."), pk=pk)
    return found


def before(version: Version) -> Version | None:
    """What a version replaced, or a proposal would replace."""
    if version.device_id is None:
        return None
    applied = Version.objects.filter(device=version.device_id, state=Version.State.APPLIED)
    number = version.number - 1 if version.number else version.base
    return applied.filter(number=number).first()


def changes(version: Version, against: Version | None) -> list[Change]:
    """What ``version`` does differently from ``against``."""
    return difference(parse(against.document) if against else None, parse(version.document))


def needs_approval(organisation: Organisation, actor: User | str) -> bool:
    """Whether a change by ``actor`` waits for a second person; what the node itself does never waits."""
    return isinstance(actor, User) and Approval.objects.filter(organisation=organisation).exists()


def require_direct(organisation: Organisation, actor: User | str) -> None:
    """Raise :class:`Conflict` when a change must be proposed instead of made at once."""
    if needs_approval(organisation, actor):
        raise Conflict(
            mark("In {organisation} a second person has to agree to changes of devices."),
            remedy=mark("Propose the change on the device's configuration page, or in a file."),
            organisation=organisation.name,
        )


def decide(version: Version, user: User, state: Version.State) -> None:
    """Write down who decided; the passwords it carried are gone then."""
    version.state = state
    version.decided_by = user.get_username()
    version.decided_at = timezone.now()
    version.secret_options = {}
    version.save()


def _may_decide(user: User, thing: object = None) -> bool:
    if not can_edit.test(user, thing):
        return False
    return not isinstance(thing, Version) or (thing.state == Version.State.PROPOSED and thing.created_by_id != user.pk)


may_decide = Predicate(_may_decide, name="may_decide")
"""May edit devices of the organisation, and did not propose it."""

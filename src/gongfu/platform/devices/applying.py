"""Making the records say what a document says: the one way in for pages, files, sheets, versions and proposals."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from django.db import transaction

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.platform.devices import gateways, versions
from gongfu.platform.devices.document import DeviceDocument, Option, Problem, TagDocument, canonical, check, parse
from gongfu.platform.devices.models import Device, Place, Tag, Version
from gongfu.platform.devices.rules import LifeState
from gongfu.platform.devices.services import configuration, give_identifier, separate_secrets

_TAG_FIELDS = tuple(field for field in TagDocument.__struct_fields__ if field != "key")


class What(StrEnum):
    """What became of a document."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PROPOSED = "proposed"


class Outcome(msgspec.Struct, frozen=True):
    """What :func:`put` did. ``version`` is the one it made."""

    what: What
    device: Device | None
    version: Version | None = None


class WrongDocument(Invalid):
    """A document that cannot be; ``problems`` says where."""

    def __init__(self, problems: list[Problem]) -> None:
        first = problems[0]
        super().__init__(first.error.message, remedy=first.error.remedy, **first.error.values)
        self.problems = problems


def put(
    actor: User | str,
    organisation: Organisation,
    document: DeviceDocument,
    *,
    secrets: Mapping[str, Option] | None = None,
    why: str = "",
    agreed: bool = False,
    expected: int | None = None,
) -> Outcome:
    """Create the device of that key, or change it; where changes need a second person, propose it.

    ``secrets`` are passwords to set (empty removes one), the others stay. ``agreed``: the second person has agreed.
    ``expected`` is the number of the version that the change was made from. Raises :class:`WrongDocument`,
    :class:`Forbidden`, and :class:`Conflict` when somebody else was faster.
    """
    if isinstance(actor, User) and not can_edit.test(actor, organisation):
        raise Forbidden(
            mark("You may not change devices of {organisation}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            organisation=organisation.name,
        )
    given = dict(secrets or {})
    with transaction.atomic():
        device = (
            Device.objects.select_for_update(of=("self",)).filter(organisation=organisation, key=document.key).first()
        )
        held = set(device.secret_options) if device is not None and device.driver == document.driver else set()
        set_now = sorted({name for name in held | set(given) if given.get(name, "x") != ""})
        place = " / ".join(_names(document.place))
        document = msgspec.structs.replace(document, secrets=set_now, place=place)
        problems = check(document) or _of_gateway(organisation, document)
        if problems:
            raise WrongDocument(problems)
        before = versions.fresh(device) if device is not None else None
        if device is not None and expected is not None and expected != versions.current_number(device):
            raise Conflict(
                mark("Somebody else changed {device} meanwhile."),
                remedy=mark("Look at what changed, and make your change again from there."),
                device=device.name,
            )
        if device is not None and before is not None and canonical(before) == canonical(document) and not given:
            return Outcome(What.UNCHANGED, device)
        if isinstance(actor, User) and not agreed and versions.needs_approval(organisation, actor):
            return Outcome(What.PROPOSED, device, versions.propose(actor, organisation, device, document, given, why))
        return _apply(actor, organisation, device, document, given, why, before)


def _of_gateway(organisation: Organisation, document: DeviceDocument) -> list[Problem]:
    try:
        gateways.check(organisation, document.gateway)
    except NotFound as error:
        return [Problem("gateway", error)]
    return []


def _apply(
    actor: User | str,
    organisation: Organisation,
    device: Device | None,
    document: DeviceDocument,
    secrets: dict[str, Option],
    why: str,
    before: DeviceDocument | None,
) -> Outcome:
    new = device is None
    if device is None:
        device = Device(organisation=organisation, key=document.key, life=LifeState.IN_SERVICE.value)
        if isinstance(actor, User):
            device.created_by = actor
    told, was, gateway = None if new else configuration(device), audit.state(device), device.gateway
    for field in ("name", "name_en", "type", "manufacturer", "product", "serial_number", "made_on", "gateway"):
        setattr(device, field, getattr(document, field))
    if device.driver != document.driver:
        device.secret_options = {}
    device.driver, device.interval, device.nameplate = document.driver, document.interval, dict(document.nameplate)
    device.place = place_called(organisation, document.place)
    device.options = {**document.options, **secrets}
    separate_secrets(device)
    if not new and gateway != device.gateway:
        device.leave(gateway)
    device.save()
    _put_tags(device, document.tags)
    if new or device.identifier:
        give_identifier(device)
    device = Device.objects.select_related("organisation", "place").prefetch_related("tags").get(pk=device.pk)
    if new or gateway != device.gateway or configuration(device) != told:
        device.tell_gateway()
    version = versions.keep(device, actor, why, before=before)
    audit.record(
        actor,
        "create" if new else "change",
        device,
        before=None if new else was,
        after=audit.state(device),
        reason=why,
    )
    return Outcome(What.CREATED if new else What.CHANGED, device, version)


def _put_tags(device: Device, wanted: list[TagDocument]) -> None:
    """A tag keeps its series as long as its key stays; only those that differ are written."""
    there = {tag.key: tag for tag in device.tags.all()}
    gone = [tag.pk for key, tag in there.items() if key not in {one.key for one in wanted}]
    if gone:
        device.tags.filter(pk__in=gone).delete()
    new, changed = [], []
    for position, one in enumerate(wanted):
        tag = there.get(one.key)
        values = {field: getattr(one, field) for field in _TAG_FIELDS} | {"position": position}
        if tag is None:
            new.append(Tag(organisation=device.organisation, device=device, key=one.key, **values))
        elif any(getattr(tag, field) != value for field, value in values.items()):
            for field, value in values.items():
                setattr(tag, field, value)
            changed.append(tag)
    Tag.objects.bulk_create(new, batch_size=500)
    Tag.objects.bulk_update(changed, [*_TAG_FIELDS, "position"], batch_size=200)


def place_called(organisation: Organisation, path: str) -> Place | None:
    """The place of that path; those that are missing are made."""
    place: Place | None = None
    kinds = (Place.Kind.SITE, Place.Kind.AREA, Place.Kind.LINE)
    for level, name in enumerate(_names(path)):
        draft = Place(organisation=organisation, name=name, kind=kinds[min(level, 2)], parent=place)
        draft.tell_path()
        known = Place.objects.filter(organisation=organisation, path=draft.path).first()
        if known is None:
            draft.save()
        place = known or draft
    return place


def _names(path: str) -> list[str]:
    return [name.strip()[:80] for name in path.split(" / ") if name.strip()]


def roll_back(user: User, version: Version, why: str = "") -> Outcome:
    """Make the configuration again what ``version`` says, as a new version; passwords stay as they are."""
    if version.state != Version.State.APPLIED or version.device is None:
        raise Conflict(mark("Only a version that was in force can be rolled back to."))
    return put(user, version.organisation, parse(version.document), why=why or f"↩ v{version.number}")


def approve(user: User, version: Version) -> Outcome:
    """Put a proposal into force. Raises :class:`Conflict` when it was decided or overtaken meanwhile."""
    with transaction.atomic():
        locked = _proposed(user, version)
        done = put(
            user,
            locked.organisation,
            parse(locked.document),
            secrets=locked.secret_options,
            why=locked.why,
            agreed=True,
            expected=locked.base if locked.device_id else None,
        )
        if locked.device_id is None and done.what is not What.CREATED:
            raise Conflict(
                mark("{organisation} has a device {key} already."),
                remedy=mark("Turn this proposal down, and propose the change of that device."),
                organisation=locked.organisation.name,
                key=locked.key,
            )
        if done.version is not None:  # the proposal itself becomes the version: who proposed stays readable
            locked.number = done.version.number
            done.version.delete()
        locked.device = done.device
        versions.decide(locked, user, Version.State.APPLIED)
    return Outcome(done.what, done.device, locked)


def turn_down(user: User, version: Version) -> None:
    """Decide against a proposal."""
    with transaction.atomic():
        versions.decide(_proposed(user, version), user, Version.State.REFUSED)


def _proposed(user: User, version: Version) -> Version:
    locked = Version.objects.select_for_update(of=("self",)).select_related("organisation", "device").get(pk=version.pk)
    if locked.state != Version.State.PROPOSED:
        raise Conflict(mark("This proposal has been decided already."), remedy=mark("Load the page again."))
    if not versions.may_decide.test(user, locked):
        raise Forbidden(
            mark("A proposal is decided by somebody else than who made it."),
            remedy=mark("Ask a colleague who may edit devices."),
        )
    return locked

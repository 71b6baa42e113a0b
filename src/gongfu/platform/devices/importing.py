"""Bringing files and sheets of devices in: what would change, and changing it. Exports are the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from django.db.models import QuerySet

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.platform.devices import applying, entries, files, gateways, sheets, versions
from gongfu.platform.devices.applying import What
from gongfu.platform.devices.document import Change, DeviceDocument, canonical, difference
from gongfu.platform.devices.entries import DeviceEntry, Fault, fault
from gongfu.platform.devices.models import Device

MOST_TOLD = 200
"""Devices whose differences a report holds."""
MOST_CHANGES = 40
"""Differences of one device that it holds."""
_AT_ONCE = 200
Say = Callable[[float, str], None]
"""Told how far it is, in percent, and what it does."""


class Told(msgspec.Struct, frozen=True):
    """One device that changes."""

    organisation: str
    key: str
    what: What
    changes: list[Change]
    more: int = 0
    """Differences beyond those told."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a file would do, or did."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    proposed: int = 0
    faults: list[Fault] = []
    devices: list[Told] = []


class Planned(msgspec.Struct, frozen=True):
    """A device of a file, ready to be put."""

    organisation: Organisation
    entry: DeviceEntry
    document: DeviceDocument
    before: DeviceDocument | None


def read(data: bytes, name: str) -> tuple[list[DeviceEntry], list[Fault], bool]:
    """Entries of a file by its name, what is wrong, and whether it is the whole truth; raises :class:`Invalid`."""
    ending = name.rpartition(".")[2].casefold()
    if ending in ("toml", "json"):
        return *files.read(data, name), True
    if ending in ("xlsx", "csv", "txt", "tsv"):
        return *sheets.read(data, name), False
    raise Invalid(
        mark("{file} is no file of devices."), remedy=mark("Use .xlsx, .csv, .toml or .json."), file=name[:80]
    )


def plan(
    actor: User | str, found: Sequence[DeviceEntry], faults: list[Fault], *, whole: bool, say: Say | None = None
) -> list[Planned]:
    """What each entry means; ``faults`` grows by what is wrong. ``whole``: what a file does not say is not there."""
    owners = _owners(actor)
    faults.extend(entries.twice(found))
    planned: list[Planned] = []
    readable = gateways.remembered()
    for start in range(0, len(found), _AT_ONCE):
        if say:
            say(100 * start / len(found), f"{start} / {len(found)}")
        part = found[start : start + _AT_ONCE]
        owned = [(entry, owner) for entry in part if (owner := _owner(entry, owners, faults)) is not None]
        there = _devices(owned)
        for entry, owner in owned:
            device = there.get((owner.pk, entry.key))
            before = versions.document_of(device) if device is not None else None
            base = None if whole else before
            held = _held(device, entry)
            document = entries.resolve(entry, base, faults, held)
            if document is not None and _is_readable(owner, document, entry, readable, faults):
                planned.append(Planned(owner, entry, document, before))
            if len(faults) >= sheets.MOST_FAULTS:
                return planned
    return planned


def _is_readable(
    owner: Organisation, document: DeviceDocument, entry: DeviceEntry, check: gateways.Check, faults: list[Fault]
) -> bool:
    try:
        check(owner, document.gateway)
    except GongfuError as error:
        faults.append(fault(entry.where, "gateway", document.gateway, error))
        return False
    return True


def _held(device: Device | None, entry: DeviceEntry) -> list[str]:
    if device is None or entry.values.get("driver", device.driver) != device.driver:
        return []
    return sorted(device.secret_options)


def look(actor: User | str, data: bytes, name: str, say: Say | None = None) -> Report:
    """What the file would do; nothing is changed."""
    try:
        found, faults, whole = read(data, name)
    except GongfuError as error:
        return Report(faults=[fault(entries.Where(), "", "", error)])
    planned = plan(actor, found, faults, whole=whole, say=say)
    counts = dict.fromkeys(What, 0)
    devices: list[Told] = []
    for one in planned:
        what = _would(actor, one)
        counts[what] += 1
        if what is not What.UNCHANGED and len(devices) < MOST_TOLD:
            devices.append(_told(one, what))
    return _report(counts, faults, devices)


def apply(actor: User | str, data: bytes, name: str, why: str = "", say: Say | None = None) -> Report:
    """Do what :func:`look` said, device by device: each is changed by itself, those that do not differ not at all.

    With a wrong cell nothing is done. Doing it twice does no more than once.
    """
    found, faults, whole = read(data, name)
    planned = plan(actor, found, faults, whole=whole)
    counts = dict.fromkeys(What, 0)
    devices: list[Told] = []
    if faults:
        return _report(counts, faults, devices)
    for number, one in enumerate(planned):
        if say:
            say(100 * number / len(planned), one.document.key)
        try:
            done = applying.put(actor, one.organisation, one.document, secrets=one.entry.passwords, why=why)
        except GongfuError as error:
            faults.append(fault(one.entry.where, "key", one.entry.key, error))
            continue
        counts[done.what] += 1
        if done.what is not What.UNCHANGED and len(devices) < MOST_TOLD:
            devices.append(_told(one, done.what))
    return _report(counts, faults, devices)


def _would(actor: User | str, one: Planned) -> What:
    if one.before is not None and canonical(one.before) == canonical(one.document) and not one.entry.passwords:
        return What.UNCHANGED
    if versions.needs_approval(one.organisation, actor):
        return What.PROPOSED
    return What.CREATED if one.before is None else What.CHANGED


def _told(one: Planned, what: What) -> Told:
    found = difference(one.before, one.document)
    return Told(one.organisation.code, one.document.key, what, found[:MOST_CHANGES], max(0, len(found) - MOST_CHANGES))


def _report(counts: dict[What, int], faults: list[Fault], devices: list[Told]) -> Report:
    return Report(
        created=counts[What.CREATED],
        changed=counts[What.CHANGED],
        unchanged=counts[What.UNCHANGED],
        proposed=counts[What.PROPOSED],
        faults=faults[: sheets.MOST_FAULTS],
        devices=devices,
    )


def _owners(actor: User | str) -> dict[str, Organisation]:
    if isinstance(actor, str):
        return {organisation.code: organisation for organisation in Organisation.objects.all()}
    visible = Organisation.objects.visible_to(actor)
    return {organisation.code: organisation for organisation in visible if can_edit.test(actor, organisation)}


def _owner(entry: DeviceEntry, owners: dict[str, Organisation], faults: list[Fault]) -> Organisation | None:
    if not entry.organisation and len(owners) == 1:
        return next(iter(owners.values()))
    owner = owners.get(entry.organisation)
    if owner is None:
        wrong = Invalid(
            mark("There is no organisation {code} whose devices you may change."),
            remedy=mark("Use one of: {known}."),
            code=repr(entry.organisation[:64]),
            known=", ".join(list(owners)[:8]),
        )
        faults.append(fault(entry.where, "organisation", entry.organisation, wrong))
    return owner


def _devices(owned: Iterable[tuple[DeviceEntry, Organisation]]) -> dict[tuple[int, str], Device]:
    pairs = list(owned)
    found = Device.objects.filter(
        organisation__in={owner.pk for _, owner in pairs}, key__in={entry.key for entry, _ in pairs}
    )
    return {
        (device.organisation_id, device.key): device
        for device in found.select_related("place").prefetch_related("tags")
    }


def documents(found: QuerySet[Device]) -> Iterator[tuple[str, DeviceDocument]]:
    """Devices as documents with the codes of their owners."""
    ready = found.select_related("organisation", "place").prefetch_related("tags").order_by("organisation", "key")
    for device in ready.iterator(chunk_size=500):
        yield device.organisation.code, versions.document_of(device)

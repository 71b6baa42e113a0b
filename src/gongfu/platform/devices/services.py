"""The only door to devices for other modules.

Every function that takes a user sees only what that user may see; a device of another organisation is
not found.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

import msgspec
from django.db import transaction
from django.db.models import Count, Q, QuerySet

from gongfu.identity.registry import device_identifiers
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.drivers import registry as drivers
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.models import library
from gongfu.network.models.types import DeviceType, TagType
from gongfu.platform.devices import versions
from gongfu.platform.devices.errors import KeyTaken
from gongfu.platform.devices.models import Device as Device  # for the modules above
from gongfu.platform.devices.models import Outbox, Place
from gongfu.platform.devices.models import Tag as Tag
from gongfu.platform.devices.rules import COMPUTED, LifeState, check_key, identifier

METER = "energy-meter"
"""The type of device that measures what others draw."""


class TagDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A tag to create. Empty fields come from the information model's tag of the same key."""

    key: str
    address: str = ""
    name: str = ""
    name_en: str = ""
    kind: str = "number"
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0


class DeviceDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A device to create, as a form, a file or a plant description gives it."""

    key: str
    name: str
    type: str
    driver: str
    name_en: str = ""
    place: Sequence[tuple[str, str]] = ()
    """Names from the site down, each Chinese and English; places that do not exist are created."""
    manufacturer: str = ""
    product: str = ""
    serial_number: str = ""
    made_on: datetime.date | None = None
    nameplate: dict[str, str] = {}
    gateway: str = "local"
    options: dict[str, str | int | float | bool] = {}
    interval: float = 1.0
    tags: Sequence[TagDraft] = ()


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """How the devices a user may see are doing, in numbers."""

    total: int
    online: int
    offline: int
    refused: int
    by_organisation: list[tuple[Organisation, int, int]]
    """Organisation, devices in service, of which online."""


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """One device in service, small: for the home page and for search."""

    pk: int
    name: str
    state: str
    """:class:`~gongfu.platform.devices.models.Device.Connection`"""
    label: str
    """The state in the reader's language."""
    place: str
    organisation: str
    identifier: str


def create_device(actor: User | str, organisation: Organisation, draft: DeviceDraft) -> Device:
    """Create a device in service with its tags and identifier, and send it to its gateway.

    Raises :class:`NotFound` for a type nobody knows, :class:`KeyTaken`, :class:`Invalid`.
    """
    check_key(draft.key)
    model = library.type_by_id(draft.type)
    with transaction.atomic():
        if Device.objects.filter(organisation=organisation, key=draft.key).exists():
            raise KeyTaken(
                mark("{organisation} has a device {key} already."),
                remedy=mark("Choose another key, or edit that device."),
                organisation=organisation.name,
                key=draft.key,
            )
        device = Device(
            organisation=organisation,
            key=draft.key,
            name=draft.name,
            name_en=draft.name_en,
            type=draft.type,
            place=_place(organisation, draft.place),
            manufacturer=draft.manufacturer,
            product=draft.product,
            serial_number=draft.serial_number,
            made_on=draft.made_on,
            nameplate=draft.nameplate,
            life=LifeState.IN_SERVICE.value,
            gateway=draft.gateway,
            driver=draft.driver,
            options=draft.options,
            interval=draft.interval,
        )
        separate_secrets(device)
        device.save()
        Tag.objects.bulk_create(tags_of_type(device, model, draft.tags))
        give_identifier(device)
        device.tell_gateway()
        versions.keep(device, actor)
        audit.record(actor, "create", device, after={"key": device.key, "type": device.type, "driver": device.driver})
    return device


def separate_secrets(device: Device) -> None:
    """Move passwords out of the options people see; one that is not given again stays, an empty one goes."""
    known = drivers.manifest(device.driver).options
    secret = {name for name in device.options if name in known and known[name].secret}
    kept = device.secret_options | {name: device.options[name] for name in secret}
    device.secret_options = {name: value for name, value in kept.items() if value != "" and name in known}
    device.options = {name: value for name, value in device.options.items() if name not in secret}


def enter_device(actor: User | str, organisation: Organisation, draft: DeviceDraft) -> Device:
    """:func:`create_device`, or, when the key is taken, give that device the draft's connection and tags.

    A tag keeps its series as long as its key stays; tags the draft does not name go.
    """
    device = Device.objects.filter(organisation=organisation, key=draft.key).first()
    if device is None:
        return create_device(actor, organisation, draft)
    model = library.type_by_id(draft.type)
    with transaction.atomic():
        before, kept = audit.state(device), versions.fresh(device)
        if device.gateway != draft.gateway:
            device.leave(device.gateway)
        device.driver, device.options, device.interval = draft.driver, draft.options, draft.interval
        device.gateway, device.life = draft.gateway, LifeState.IN_SERVICE.value
        separate_secrets(device)
        device.save()
        keys = [tag.key for tag in draft.tags]
        device.tags.exclude(key__in=keys).delete()
        Tag.objects.bulk_create(
            tags_of_type(device, model, draft.tags),
            update_conflicts=True,
            unique_fields=["device", "key"],
            update_fields=["name", "kind", "unit", "address", "scale", "offset", "position"],
        )
        device.tell_gateway()
        versions.keep(device, actor, before=kept)
        audit.record(actor, "change", device, before=before, after=audit.state(device))
    return device


def is_waiting(device: Device) -> bool:
    """Whether the gateway has yet to be told of the device's newest configuration."""
    return Outbox.objects.filter(device=device.pk).exists()


def _place(organisation: Organisation, names: Sequence[tuple[str, str]]) -> Place | None:
    place: Place | None = None
    kinds = (Place.Kind.SITE, Place.Kind.AREA, Place.Kind.LINE)
    for level, (name, name_en) in enumerate(names):
        draft = Place(organisation=organisation, name=name, name_en=name_en, kind=kinds[min(level, 2)], parent=place)
        draft.tell_path()
        known = Place.objects.filter(organisation=organisation, path=draft.path).first()
        if known is None:
            draft.save()
        place = known or draft
    return place


def tags_of_type(device: Device, model: DeviceType, drafts: Iterable[TagDraft]) -> list[Tag]:
    """Unsaved tags of ``device``: what the information model says of each key, and the draft where it says more."""
    return [_tag(device, model.tag(draft.key), draft, position) for position, draft in enumerate(drafts)]


def _tag(device: Device, of_type: TagType | None, draft: TagDraft, position: int) -> Tag:
    tag = Tag(
        organisation=device.organisation,
        device=device,
        key=draft.key,
        name=draft.name or draft.key,
        name_en=draft.name_en,
        kind=draft.kind,
        unit=draft.unit,
        decimals=3,
        primary=position < 4,
        position=position,
        address=draft.address,
        scale=draft.scale,
        offset=draft.offset,
    )
    if of_type is not None:
        tag.name = draft.name or of_type.name.zh
        tag.name_en = draft.name_en or of_type.name.en
        tag.kind = of_type.kind
        tag.unit = draft.unit or of_type.unit
        tag.decimals = of_type.decimals
        tag.role = of_type.role
        tag.primary = of_type.primary
        tag.low, tag.high = of_type.low, of_type.high
    return tag


def give_identifier(device: Device) -> None:
    """Register ``<prefix of its organisation>/<key>`` and write it on the device."""
    prefix = registry.prefix_of(device.organisation)
    if prefix is None:
        return
    device.identifier = identifier(prefix, device.key)
    device.save(update_fields=["identifier"])
    device_identifiers.register(device.identifier, _nameplate(device))


def reconcile_identifiers() -> int:
    """Bring the identifiers of all devices in line with their records; returns how many were not."""
    named = Device.objects.exclude(identifier=None).exclude(identifier="").select_related("organisation")
    return device_identifiers.reconcile(
        (device.identifier or "", _nameplate(device)) for device in named.order_by("pk").iterator(1000)
    )


def _nameplate(device: Device) -> device_identifiers.Nameplate:
    return device_identifiers.Nameplate(
        device.name,
        device.type,
        device.organisation.name,
        device.manufacturer,
        device.product,
        device.serial_number,
    )


def configuration(device: Device) -> DeviceConfig | None:
    """What the gateway should do; None when it should leave the device alone."""
    if device.life != LifeState.IN_SERVICE.value:
        return None
    return DeviceConfig(
        device=device.pk,
        org=device.organisation_id,
        org_code=device.organisation.code,
        name=device.key,
        type=device.type,
        driver=device.driver,
        options=device.options | device.secret_options,
        interval=device.interval,
        tags=[
            TagConfig(
                series=tag.pk,
                name=tag.key,
                address=tag.address,
                kind=tag.kind,
                unit=tag.unit,
                scale=tag.scale,
                offset=tag.offset,
                low=tag.low,
                high=tag.high,
                deadband=tag.deadband,
                percent=tag.percent,
                silence=tag.silence,
                interval=tag.interval,
            )
            for tag in device.tags.all()
            if tag.address != COMPUTED
        ],
    )


def device_for(user: User, pk: int) -> Device:
    """The device, or :class:`NotFound` also when it is another organisation's."""
    try:
        return Device.objects.visible_to(user).select_related("organisation", "place").get(pk=pk)
    except Device.DoesNotExist:
        raise NotFound(mark("There is no device {pk}."), pk=pk) from None


def tags_for(user: User, devices: Iterable[int] = (), tags: Iterable[int] = ()) -> list[Tag]:
    """Tags of these devices, and these tags, as far as the user may see them."""
    wanted = Q(device__in=list(devices)) | Q(pk__in=list(tags))
    return list(Tag.objects.visible_to(user).filter(wanted).select_related("device"))


def _in_service(user: User, scope: Organisation | None) -> QuerySet[Device]:
    found = Device.objects.visible_to(user).filter(life=LifeState.IN_SERVICE.value)
    return found.filter(organisation__path__startswith=scope.path) if scope else found


def overview(user: User, scope: Organisation | None = None) -> Overview:
    """Numbers for the home page, in two queries; of ``scope`` and below when it is given."""
    rows = (
        _in_service(user, scope).values("organisation", "connection").annotate(n=Count("pk")).order_by("organisation")
    )
    counts: dict[str, int] = {}
    per: dict[int, tuple[int, int]] = {}
    for row in rows:
        counts[row["connection"]] = counts.get(row["connection"], 0) + row["n"]
        total, online = per.get(row["organisation"], (0, 0))
        per[row["organisation"]] = (total + row["n"], online + row["n"] * (row["connection"] == "online"))
    organisations = Organisation.objects.in_bulk(per)
    return Overview(
        total=sum(counts.values()),
        online=counts.get("online", 0),
        offline=counts.get("offline", 0) + counts.get("connecting", 0),
        refused=counts.get("refused", 0),
        by_organisation=[(organisations[pk], *numbers) for pk, numbers in per.items()],
    )


def refused(user: User) -> QuerySet[Device]:
    """Devices that have a configuration which the gateway refuses."""
    return _in_service(user, None).filter(connection=Device.Connection.REFUSED)


_OF_TILE = (
    *("name", "name_en", "key", "connection", "identifier"),
    *("place__name", "place__path", "place__path_en", "organisation__name", "organisation__name_en"),
)


def tiles(user: User, scope: Organisation | None = None, *, matching: str = "", limit: int = 100) -> list[Tile]:
    """Devices in service that the user may see, by owner and place; with ``matching`` only those found by it."""
    found = _in_service(user, scope)
    if matching:
        found = found.filter(
            Q(name__icontains=matching)
            | Q(name_en__icontains=matching)
            | Q(key__icontains=matching)
            | Q(identifier__icontains=matching)
        )
    return [
        Tile(
            pk=device.pk,
            name=str(device),
            state=device.connection,
            label=device.get_connection_display(),
            place=str(device.place) if device.place else "",
            organisation=str(device.organisation),
            identifier=device.identifier or "",
        )
        for device in found.select_related("organisation", "place")
        .only(*_OF_TILE)
        .order_by("organisation", "place__path", "key")[:limit]
    ]


def power_tags(user: User, scope: Organisation | None = None) -> list[int]:
    """Series whose sum is the power drawn now: of each owner the energy meters, or without one every machine."""
    power = Tag.objects.filter(role="power", kind=Tag.Kind.NUMBER).order_by()
    devices = _in_service(user, scope).order_by()
    meters = list(power.filter(device__in=devices.filter(type=METER)).values_list("pk", "organisation"))
    unmetered = devices.exclude(organisation__in={owner for _pk, owner in meters}).exclude(type=METER)
    return [pk for pk, _owner in meters] + list(power.filter(device__in=unmetered).values_list("pk", flat=True))

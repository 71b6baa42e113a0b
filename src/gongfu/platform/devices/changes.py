"""How people's changes to devices, tags and places are stored: each also reaches the gateway and the registry."""

from __future__ import annotations

from gongfu.identity.registry import device_identifiers
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers import registry as drivers
from gongfu.network.gateway.config import DeviceConfig
from gongfu.network.models import library
from gongfu.platform.devices import gateways, versions
from gongfu.platform.devices.models import Device, Outbox, Place, Tag
from gongfu.platform.devices.rules import LifeState
from gongfu.platform.devices.services import TagDraft, give_identifier, separate_secrets, tags_of_type


def check_options(driver: str, options: object) -> None:
    """Raise :class:`Invalid` when ``options`` cannot be those of ``driver``."""
    if not isinstance(options, dict):
        raise Invalid(mark("Connection options must be names with values, not {kind}."), kind=type(options).__name__)
    drivers.complete(DeviceConfig(device=0, org=0, org_code="", name="", driver=driver, options=options))


def save_device(device: Device, user: User, is_new: bool) -> None:
    """Store a device from the API. A new one is in service and gets the tags of its type."""
    versions.require_direct(device.organisation, user)
    gateways.check(device.organisation, device.gateway)
    separate_secrets(device)
    kept = None if is_new else versions.fresh(device)
    if is_new:
        device.life = LifeState.IN_SERVICE.value
        device.save()
        model = library.type_by_id(device.type)
        Tag.objects.bulk_create(tags_of_type(device, model, [TagDraft(key=tag.key) for tag in model.tags]))
        give_identifier(device)
    else:
        before = Device.objects.only("gateway", "organisation", "key").get(pk=device.pk)
        _check_same_owner(before, device)
        if before.gateway != device.gateway:
            device.leave(before.gateway)
        device.save()
        if device.identifier:
            give_identifier(device)
    device.tell_gateway()
    versions.keep(device, user, before=kept)


def _check_same_owner(before: Device, after: Device) -> None:
    if before.organisation_id != after.organisation_id or before.key != after.key:
        raise Invalid(
            mark("Key and organisation of {device} are part of its identifier and cannot change."),
            remedy=mark("Retire it and create a new device."),
            device=before.key,
        )


def remove_device(device: Device, _user: User) -> None:
    """Delete a device, its tags and its identifier; its readings stay in the store."""
    Outbox.objects.create(gateway=device.gateway, device=device.pk)
    if device.identifier:
        device_identifiers.remove(device.identifier)
    device.delete()


def save_tag(tag: Tag, user: User, _is_new: bool) -> None:
    """Store a tag and tell the gateway."""
    versions.require_direct(tag.device.organisation, user)
    kept = versions.fresh(tag.device)
    tag.organisation = tag.device.organisation
    tag.save()
    tag.device.tell_gateway()
    versions.keep(tag.device, user, before=kept)


def remove_tag(tag: Tag, user: User) -> None:
    """Delete a tag and tell the gateway; its readings stay in the store."""
    device = tag.device
    versions.require_direct(device.organisation, user)
    kept = versions.fresh(device)
    tag.delete()
    device.tell_gateway()
    versions.keep(device, user, before=kept)


def save_place(place: Place, _user: User, _is_new: bool) -> None:
    """Store a place with its path; raises :class:`Invalid` for a parent that is not above it."""
    if place.parent is not None and place.parent.organisation_id != place.organisation_id:
        raise Invalid(mark("{place} belongs to another organisation."), place=place.parent.path)
    above = place.parent
    for _ in range(10):
        if above is None:
            break
        if above.pk == place.pk:
            raise Invalid(mark("{place} cannot be part of itself."), place=place.name)
        above = above.parent
    place.tell_path()
    place.save()
    for child in place.children.all():
        save_place(child, _user, False)

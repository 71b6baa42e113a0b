"""Offers in the console, each with what a client needs to connect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_administer
from gongfu.kernel.nats_server import mqtt_password
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section, Tab
from gongfu.kernel.settings import settings
from gongfu.network.serving.offers import password
from gongfu.network.serving.registers import Unit
from gongfu.platform.devices.models import Device, Tag
from gongfu.platform.devices.services import configuration
from gongfu.platform.northbound import services
from gongfu.platform.northbound.models import Offer

_MOST_ROWS = 2000


@dataclass(frozen=True)
class Place:
    """Where one tag stands in each protocol."""

    device: Device
    tag: Tag
    node: str
    unit: int | None
    register: str


def _access(request: HttpRequest, offer: Offer) -> Mapping[str, object]:
    node = settings()
    code = offer.organisation.code
    host = {"0.0.0.0": "", "::": ""}.get(node.host, node.host) or request.get_host().partition(":")[0]  # noqa: S104
    shown = can_administer.test(accounts.user_of(request), offer)
    return {
        "host": host,
        "node": node.node,
        "mqtt_port": node.mqtt_port,
        "password": password(node.home, code) if shown else "",
        "mqtt_password": mqtt_password(node.home, code) if shown else "",
        "places": _places(offer),
    }


def _places(offer: Offer) -> list[Place]:
    found: list[Place] = []
    devices = Device.objects.filter(organisation=offer.organisation_id, life=Device.Life.IN_SERVICE)
    for device in devices.select_related("organisation").prefetch_related("tags").order_by("pk"):
        config = configuration(device)
        if config is None:
            continue
        unit = Unit(config)
        number = offer.units.get(str(device.pk))
        for tag in device.tags.all():
            register = ""
            if tag.pk in unit.numbers:
                register = str(2 * unit.numbers.index(tag.pk))
            elif tag.pk in unit.bits:
                register = f"{unit.bits.index(tag.pk)} (coil)"
            found.append(Place(device, tag, f"ns=2;s={device.key}.{tag.key}", number, register))
            if len(found) >= _MOST_ROWS:
                return found
    return found


OFFERS: Resource[Offer] = Resource(
    model=Offer,
    room="platform",
    slug="northbound",
    icon="plug",
    columns=[
        Column("organisation"),
        Column("opcua_port"),
        Column("modbus_port"),
        Column("sparkplug"),
        Column("writes"),
    ],
    filters=["sparkplug", "writes"],
    ordering="organisation",
    form=[
        Section(_("Whose devices"), ["organisation"]),
        Section(
            _("As what"),
            ["opcua_port", "modbus_port", "sparkplug"],
            _("Each organisation has ports of its own. Empty: not in this protocol."),
        ),
        Section(_("Writing"), ["writes"], _("Only tags with a set-point can be written, within its limits.")),
    ],
    detail=["organisation", "opcua_port", "modbus_port", "sparkplug", "writes", "updated_at"],
    permissions=Permissions(add=can_administer, change=can_administer, delete=can_administer),
    save=lambda offer, _user, _new: services.prepare(offer),
    tabs=[Tab("access", _("How to connect"), "northbound/access_tab.html", context=_access)],
    empty=_(
        "Whatever a device speaks, other programs read it as OPC UA, Modbus TCP or Sparkplug B. Make an offer first."
    ),
)

RESOURCES: Sequence[Resource[models.Model]] = (OFFERS,)  # type: ignore[assignment]

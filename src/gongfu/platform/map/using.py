"""Who uses the network: how much each device sends, under which identifier, and through which doors it is read."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from gongfu.kernel.accounts.models import Organisation
from gongfu.network.map.topology import Layer
from gongfu.platform.devices.models import Device
from gongfu.platform.map import looks
from gongfu.platform.map.gathering import Gathered
from gongfu.platform.northbound import services as northbound

MOST = 30


@dataclass(frozen=True)
class Use:
    """A device with what passes over its link."""

    device: Device
    node: str
    rate: float
    """Readings a second."""
    volume: str
    way: str
    """The gateway it is read by."""


def heaviest(gathered: Gathered) -> list[Use]:
    """The devices that send most, the first :data:`MOST`."""
    found = []
    for node in gathered.topology.nodes:
        quality = gathered.qualities.get(node.key)
        if node.layer is Layer.DEVICE and quality is not None and quality.rate is not None:
            device = gathered.devices[node.key]
            found.append(Use(device, node.key, quality.rate, looks.volume(quality.volume), device.gateway))
    return sorted(found, key=lambda one: -one.rate)[:MOST]


def offers(organisation: Organisation) -> list[str]:
    """Doors by which other programs read the devices of ``organisation``."""
    return [*northbound.doors(organisation), _("REST API of this node")]


def of(organisation: Organisation, device: Device) -> list[str]:
    """Doors by which other programs read ``device``; none while it is not in service."""
    return offers(organisation) if device.life == Device.Life.IN_SERVICE else []

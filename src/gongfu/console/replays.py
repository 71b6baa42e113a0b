"""A replay as a record: the device that a recorded file becomes."""

from __future__ import annotations

import time

from gongfu.kernel import nats_server
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.services import Device, DeviceDraft, TagDraft
from gongfu.simulators.replay import TYPE, ReplayDevice

ORGANISATION = "replay"
ACTOR = "replay"
_SETTLED = 1.0
"""Seconds between the gateway having a configuration and its following it."""


def enter(settings: Settings, replay: ReplayDevice) -> Device:
    """The device of ``replay``, new or as an earlier replay of the same file left it."""
    organisation = Organisation.objects.filter(code=ORGANISATION).first() or accounts.create_organisation(
        ORGANISATION, "数据回放", name_en="Replays", parent=Organisation.objects.filter(parent=None).first()
    )
    nats_server.write_users(settings.home, Organisation.objects.values_list("code", flat=True))
    draft = DeviceDraft(
        key=replay.key,
        name=replay.name,
        type=TYPE,
        gateway=settings.node,
        driver=replay.driver,
        options=replay.options,
        interval=replay.interval,
        tags=[
            TagDraft(key=tag.key, name=tag.name, kind=tag.kind, unit=tag.unit, address=tag.address)
            for tag in replay.tags
        ],
    )
    return devices.enter_device(ACTOR, organisation, draft)


def wait_for_gateway(device: Device, seconds: float = 30) -> None:
    """Return when the gateway has the configuration; raises :class:`Unavailable` when no worker delivers it."""
    until = time.monotonic() + seconds
    while devices.is_waiting(device):
        if time.monotonic() > until:
            raise Unavailable(
                mark("The gateway was not told of {device} within {seconds} s."),
                remedy=mark("Start the node with gongfu up first."),
                device=device.key,
                seconds=seconds,
            )
        time.sleep(0.2)
    time.sleep(_SETTLED)


def leave(replay: ReplayDevice, device: Device) -> None:
    """After a replay that listened on a port: the gateway stops calling there, where the next replay may listen."""
    if replay.port:
        device.refresh_from_db()
        device.life = Device.Life.SUSPENDED
        device.save(update_fields=["life", "updated_at"])
        device.tell_gateway()

"""What commands add to the page of a device: its set-points, to be written from there, and the latest commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit, can_operate
from gongfu.kernel.pages.resource import Tab
from gongfu.network.models import library
from gongfu.platform.commands import services
from gongfu.platform.commands.models import Command, Setpoint
from gongfu.platform.devices.models import Device

_LATEST = 20


def _control(request: HttpRequest, device: Device) -> Mapping[str, object]:
    services.settle()
    user = accounts.user_of(request)
    setpoints = Setpoint.objects.visible_to(user).filter(device=device).select_related("tag", "device")
    commands = Command.objects.visible_to(user).filter(device=device).select_related("created_by")
    model = next((model for model in library.types() if model.id == device.type), None)
    writable = any(tag.writable for tag in model.tags) if model else False
    return {
        "setpoints": setpoints,
        "commands": commands[:_LATEST],
        "may": can_operate.test(user, device),
        "from_model": writable and can_edit.test(user, device),
    }


TABS: dict[type[Device], Sequence[Tab[Device]]] = {
    Device: (Tab("control", _("Control"), "commands/control_tab.html", _control, position=40),)
}

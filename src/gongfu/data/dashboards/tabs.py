"""What dashboards add to the page of a device: the dashboard it has out of the box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gongfu.data.dashboards import board_pages, generating
from gongfu.data.dashboards.texts import script_texts
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_operate
from gongfu.kernel.pages.resource import Tab
from gongfu.platform.devices.models import Device


def _dashboard(request: HttpRequest, device: Device) -> Mapping[str, object]:
    return {
        "payload": board_pages.payload(None, generating.of_device(device)) | {"name": str(device), "choices": {}},
        "texts": script_texts(),
        "copies": can_operate.test(accounts.user_of(request), device),
    }


TABS: dict[type[Device], Sequence[Tab[Device]]] = {
    Device: (Tab("dashboard", _("Dashboard"), "dashboards/device_tab.html", _dashboard, position=15),)
}

"""What models add to the page of a device: which one it follows, and how well."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.resource import Tab
from gongfu.platform.devices.models import Device
from gongfu.platform.modelling.binding_pages import device_tab

TABS: dict[type[Device], Sequence[Tab[Device]]] = {
    Device: (Tab("model", _("Model and conformance"), "modelling/device_tab.html", device_tab),)
}

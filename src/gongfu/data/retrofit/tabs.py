"""What retrofit adds to the page of a device: derived tags, and the way to make more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gongfu.data.retrofit import making
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.pages.resource import Tab
from gongfu.network.retrofit import recipes
from gongfu.platform.devices.models import Device


def _derived(request: HttpRequest, device: Device) -> Mapping[str, object]:
    return {
        "derived": [tag for tag in device.tags.all() if recipes.is_derived(tag.address)],
        "inputs": making.inputs_of(device),
        "may": can_edit.test(accounts.user_of(request), device),
    }


TABS: dict[type[Device], Sequence[Tab[Device]]] = {
    Device: (Tab("useful", _("Make it useful"), "retrofit/useful_tab.html", _derived),)
}

"""Entries of 平台 in the navigation."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("platform", _("Devices"), "platform-devices", "cpu", 10),
    MenuEntry("platform", _("Tags"), "platform-tags", "activity", 20),
    MenuEntry("platform", _("Places"), "platform-places", "map-pin", 30),
]

"""Entries of 平台 in the navigation."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import can_administer, can_edit
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("platform", _("Devices"), "platform-devices", "cpu", 10),
    MenuEntry("platform", _("Tags"), "platform-tags", "activity", 20),
    MenuEntry("platform", _("Places"), "platform-places", "map-pin", 30),
    MenuEntry(
        "platform", _("Configuration versions"), "platform-configurations", "history", 40, under="platform-devices"
    ),
    MenuEntry("platform", _("Import and export"), "platform-sheets", "file-export", 50, can_edit, "platform-devices"),
    MenuEntry(
        "platform", _("Approval of changes"), "platform-approvals", "user-check", 60, can_administer, "platform-devices"
    ),
]

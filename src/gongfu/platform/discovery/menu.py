"""Entries of 平台 in the navigation."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("platform", _("Discovery"), "platform-discovery", "search", 35, can_edit, "platform-devices"),
    MenuEntry("platform", _("Findings"), "platform-findings", "list-check", 36, under="platform-devices"),
    MenuEntry(
        "platform", _("Networks for discovery"), "platform-scan-permits", "user-check", 61, can_edit, "platform-devices"
    ),
]

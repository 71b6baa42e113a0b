"""Entries of 网络 in the navigation."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("network", _("Edge nodes"), "platform-edges", "server-2", 10),
    MenuEntry("network", _("Local rules"), "platform-edge-rules", "adjustments", 11, under="platform-edges"),
    MenuEntry("network", _("Orders to edge nodes"), "platform-edge-orders", "history", 12, under="platform-edges"),
]

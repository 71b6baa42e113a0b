"""Entries of 网络 in the navigation."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("network", _("Network map"), "network-map", "sitemap", 10),
    MenuEntry("network", _("Network equipment"), "network-equipment", "router", 11, under="network-map"),
    MenuEntry("network", _("Links"), "network-links", "link", 12, under="network-map"),
    MenuEntry("network", _("Plans of sites"), "network-plans", "photo", 13, under="network-map"),
    MenuEntry("network", _("Changes"), "network-map-changes", "history", 14, under="network-map"),
    MenuEntry("network", _("Measuring"), "network-measuring", "gauge", 15, can_edit, "network-map"),
]

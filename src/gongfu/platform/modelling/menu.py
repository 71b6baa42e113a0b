"""Entries of 网络 in the navigation."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("network", _("Information models"), "network-models", "list-check", 40),
    MenuEntry(
        "network", _("Import a NodeSet"), "network-models-import", "upload", 42, can_edit, under="network-models"
    ),
    MenuEntry("network", _("Conformance"), "network-conformance", "clipboard-list", 41, under="network-models"),
]

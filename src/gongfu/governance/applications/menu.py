"""Entries of 治理 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.governance.support.permissions import keeps_ledger
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("governance", _("Applications desk"), "governance-desk", "inbox", 30, keeps_ledger),
    MenuEntry("governance", _("Apply for support"), "governance-portal", "send", 31),
    MenuEntry(
        "governance", _("Notices of support"), "governance-notices", "speakerphone", 32, under="governance-portal"
    ),
    MenuEntry(
        "governance",
        _("Support applications"),
        "governance-applications",
        "clipboard-list",
        33,
        under="governance-portal",
    ),
    MenuEntry("governance", _("Public notices"), "governance-publications", "eye", 34, under="governance-portal"),
]

"""Entries of 治理 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.governance.support.permissions import keeps_ledger
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("governance", _("Special support"), "governance-support", "checks", 20),
    MenuEntry("governance", _("Work out"), "governance-support-try", "math-function", 21, under="governance-support"),
    MenuEntry("governance", _("Ledger of support"), "governance-ledger", "list", 22, under="governance-support"),
    MenuEntry(
        "governance",
        _("Supported enterprises"),
        "governance-beneficiaries",
        "building-factory-2",
        23,
        keeps_ledger,
        "governance-support",
    ),
    MenuEntry(
        "governance",
        _("Policy what-if"),
        "governance-support-what-if",
        "adjustments",
        24,
        keeps_ledger,
        "governance-support",
    ),
    MenuEntry(
        "governance",
        _("Versions of documents"),
        "governance-versions",
        "history",
        25,
        keeps_ledger,
        "governance-support",
    ),
    MenuEntry(
        "governance",
        _("Import payments"),
        "governance-support-import",
        "upload",
        26,
        keeps_ledger,
        "governance-support",
    ),
]

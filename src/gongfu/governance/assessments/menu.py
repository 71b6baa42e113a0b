"""Entries of 治理 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.governance.support.permissions import keeps_ledger
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("governance", _("Self-assessment"), "governance-assessments", "list-check", 30),
    MenuEntry(
        "governance",
        _("Stages of enterprises"),
        "governance-assessment-overview",
        "chart-line",
        31,
        under="governance-assessments",
    ),
    MenuEntry(
        "governance", _("Questionnaires"), "governance-questionnaires", "list", 32, under="governance-assessments"
    ),
    MenuEntry(
        "governance",
        _("Service providers"),
        "governance-providers",
        "tool",
        33,
        keeps_ledger,
        "governance-assessments",
    ),
]

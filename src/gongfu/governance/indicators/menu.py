"""Entries of 治理 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("governance", _("Task indicators"), "governance-plan", "gauge", 10),
    MenuEntry("governance", _("Reporting"), "governance-reporting", "clipboard-list", 11, under="governance-plan"),
    MenuEntry("governance", _("Targets of the documents"), "governance-targets", "list", 12, under="governance-plan"),
    MenuEntry("governance", _("Who reports"), "governance-assignments", "users", 13, can_edit, under="governance-plan"),
]

"""Entries of 治理 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.governance.review.permissions import judges, runs_panels
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("governance", _("Expert review"), "governance-panels", "user-check", 40, runs_panels),
    MenuEntry("governance", _("Experts"), "governance-experts", "users", 41, runs_panels, "governance-panels"),
    MenuEntry(
        "governance", _("Import experts"), "governance-experts-import", "upload", 42, runs_panels, "governance-panels"
    ),
    MenuEntry("governance", _("My reviews"), "governance-reviews", "clipboard-list", 43, judges, "governance-panels"),
]

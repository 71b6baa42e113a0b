"""Entries of 标识 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry(
        "identity", _("Real-name review"), "identity-verifications", "shield-check", 60, under="identity-applications"
    )
]

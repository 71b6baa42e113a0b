"""Entries of 平台 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("platform", _("Commands to devices"), "platform-commands", "adjustments", 25),
    MenuEntry("platform", _("Set-points"), "platform-setpoints", "adjustments", 26, under="platform-commands"),
]

"""Entries of 平台 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("platform", _("Northbound serving"), "platform-northbound", "plug", 27, under="platform-commands"),
]

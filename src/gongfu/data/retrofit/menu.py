"""Entries of 平台 in the navigation: the inventory is about the plant, wherever its data come from."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("platform", _("Connection rate"), "platform-retrofit", "plug-connected", 40),
    MenuEntry("platform", _("Machine inventory"), "platform-machines", "list-check", 41, under="platform-retrofit"),
    MenuEntry(
        "platform", _("Import machines"), "platform-retrofit-import", "upload", 42, can_edit, "platform-retrofit"
    ),
]

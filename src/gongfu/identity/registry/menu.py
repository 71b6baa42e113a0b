"""Entries of 标识 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("identity", _("Identifiers"), "identity-identifiers", "qrcode", 10),
    MenuEntry("identity", _("Prefixes"), "identity-prefixes", "hierarchy-2", 20),
]

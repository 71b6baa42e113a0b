"""Entries of 标识 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [MenuEntry("identity", _("Data escrow"), "identity-escrow", "lock", 55, under="identity-filings")]

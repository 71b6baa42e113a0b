"""Entries of 标识 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [MenuEntry("identity", _("Batch jobs"), "identity-imports", "upload", 12, under="identity-identifiers")]

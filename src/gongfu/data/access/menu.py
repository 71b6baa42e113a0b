"""Entries of 数据 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("data", _("SQL"), "data-sql", "database", 30),
    MenuEntry("data", _("Saved queries"), "data-queries", "star", 31, under="data-sql"),
    MenuEntry("data", _("Scheduled exports"), "data-exports", "file-export", 40),
    MenuEntry("data", _("Files"), "data-export-runs", "history", 41, under="data-exports"),
]

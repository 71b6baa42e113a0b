"""Entries of 数据 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("data", _("Dashboards"), "data-dashboards", "device-desktop-analytics", 5),
    MenuEntry("data", _("Scheduled reports"), "data-reports", "clipboard-list", 6, under="data-dashboards"),
    MenuEntry("data", _("Reports made"), "data-report-runs", "history", 7, under="data-dashboards"),
]

"""Entries of 数据 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("data", _("Alarms"), "data-alarms", "alarm", 10),
    MenuEntry("data", _("Alarm performance"), "data-alarm-figures", "gauge", 11, under="data-alarms"),
    MenuEntry("data", _("Alarm rules"), "data-alarm-rules", "adjustments", 12, under="data-alarms"),
    MenuEntry("data", _("Shelved alarms"), "data-shelves", "clock", 13, under="data-alarms"),
    MenuEntry("data", _("On-call list"), "data-duties", "users", 14, can_edit, under="data-alarms"),
    MenuEntry("data", _("Notification outlets"), "data-outlets", "router", 15, can_edit, under="data-alarms"),
]

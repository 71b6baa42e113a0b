"""Entries of 数据 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.pages.menu import MenuEntry

_UNDER = "data-performance"
ENTRIES = [
    MenuEntry("data", _("Performance"), "data-performance", "gauge", 15),
    MenuEntry("data", _("Stops"), "data-performance-stops", "player-stop", 16, under=_UNDER),
    MenuEntry("data", _("Shift report"), "data-performance-shift", "clipboard-list", 17, under=_UNDER),
    MenuEntry("data", _("Utilisation"), "data-performance-heat", "columns-3", 18, under=_UNDER),
    MenuEntry("data", _("Energy"), "data-performance-energy", "bulb", 19, under=_UNDER),
    MenuEntry("data", _("Rejects"), "data-rejects", "x", 20, under=_UNDER),
    MenuEntry("data", _("Work calendars"), "data-calendars", "clock", 21, can_edit, _UNDER),
    MenuEntry("data", _("Shifts"), "data-shifts", "users", 22, can_edit, _UNDER),
    MenuEntry("data", _("Special days"), "data-calendar-days", "clipboard-list", 23, can_edit, _UNDER),
    MenuEntry("data", _("Planned stops"), "data-planned-stops", "player-pause", 24, can_edit, _UNDER),
    MenuEntry("data", _("Stop reasons"), "data-stop-reasons", "tags", 25, can_edit, _UNDER),
    MenuEntry("data", _("Machine capabilities"), "data-capabilities", "gauge", 26, can_edit, _UNDER),
    MenuEntry("data", _("Ideal cycles of products"), "data-cycles", "refresh", 27, can_edit, _UNDER),
]

"""Entries of 数据 in the navigation: what is kept, and what could not be."""

from django.utils.translation import gettext_lazy as _

from gongfu.data.telemetry.erasing import may_erase
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("data", _("Stored series"), "data-series", "list-check", 10),
    MenuEntry("data", _("Series policies"), "data-series-policies", "shield-check", 11, under="data-series"),
    MenuEntry("data", _("Retention classes"), "data-retention-classes", "clock", 12, under="data-series"),
    MenuEntry("data", _("Erasures"), "data-erasures", "trash", 13, may_erase, "data-series"),
    MenuEntry("data", _("Parked messages"), "data-poison", "alert-triangle", 14, can_edit, "data-series"),
]

"""The entry of 数据 in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [MenuEntry("data", _("Computed tags"), "data-computed", "math-function", 20)]

"""Entries of the administration in the navigation."""

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import is_platform_admin, nobody
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [MenuEntry("administration", _("Backup"), "data-backup", "database", 60, is_platform_admin | nobody)]

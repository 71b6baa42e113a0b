"""Administration in the navigation. Entries of the kernel stand here because the kernel knows no navigation."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import can_edit, has_role, is_platform_admin
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry("administration", _("Organisations"), "accounts-organisations", "building-skyscraper", 10),
    MenuEntry("administration", _("Users"), "accounts-users", "users", 20, is_platform_admin | has_role(Role.ADMIN)),
    MenuEntry(
        "administration",
        _("Audit log"),
        "audit-entries",
        "clipboard-list",
        30,
        is_platform_admin | has_role(Role.ADMIN, Role.AUDITOR),
    ),
    MenuEntry("administration", _("Jobs"), "tasks-jobs", "list-check", 40, can_edit),
    MenuEntry("administration", _("Processes"), "processes", "activity", 50),
]

"""Entries of 标识 in the navigation."""

from django.utils.translation import gettext_lazy as _
from rules.predicates import Predicate

from gongfu.identity.business.services import is_enterprise_member, is_operator
from gongfu.kernel.pages.menu import MenuEntry

ENTRIES = [
    MenuEntry(
        "identity", _("Node overview"), "identity-overview", "gauge", 5, Predicate(is_operator, name="is_operator")
    ),
    MenuEntry(
        "identity",
        _("My identifiers"),
        "identity-mine",
        "home",
        6,
        Predicate(is_enterprise_member, name="is_enterprise_member"),
        under="identity-overview",
    ),
    MenuEntry("identity", _("Applications"), "identity-applications", "clipboard-list", 30),
    MenuEntry("identity", _("Templates"), "identity-templates", "list-check", 40),
]

"""The navigation: seven rooms in the order everybody in the field knows, and administration."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from gongfu.console import modules
from gongfu.kernel.accounts.models import User
from gongfu.kernel.pages.menu import MenuEntry
from gongfu.kernel.pages.resource import Text

ROOMS: dict[str, Text] = {
    "network": _("Network"),
    "identity": _("Identity"),
    "platform": _("Platform"),
    "data": _("Data"),
    "security": _("Security"),
    "application": _("Application"),
    "governance": _("Governance"),
    "administration": _("Administration"),
}


@dataclass(frozen=True)
class Item:
    """A link of the navigation."""

    label: str
    url: str
    icon: str
    current: bool


@dataclass(frozen=True)
class Room:
    """A heading with its links; never empty."""

    name: str
    label: str
    items: list[Item]

    @property
    def current(self) -> bool:
        """Whether the page shown lies in this room."""
        return any(item.current for item in self.items)


def rooms(user: User, path: str) -> list[Room]:
    """What ``user`` may enter, with the entry ``path`` lies under marked."""
    found = [(entry, url) for entry in _entries() if entry.permission(user, None) and (url := _url(entry))]
    here = max((url for _entry, url in found if path.startswith(url)), key=len, default="")
    result = []
    for name, label in ROOMS.items():
        items = [
            Item(str(entry.label), url, entry.icon, url == here)
            for entry, url in sorted(found, key=lambda pair: pair[0].order)
            if entry.room == name
        ]
        if items:
            result.append(Room(name, str(label), items))
    return result


def _entries() -> list[MenuEntry]:
    return [entry for entry in modules.menu_entries() if isinstance(entry, MenuEntry)]


def _url(entry: MenuEntry) -> str:
    try:
        return reverse(entry.url_name)
    except NoReverseMatch:
        return ""  # the module's pages are not installed on this node

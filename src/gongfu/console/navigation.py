"""The navigation: seven rooms in the order everybody in the field knows, and administration."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from functools import cache

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
    """A link of the navigation; ``tabs`` are itself and what lies under it, none when nothing does."""

    label: str
    url: str
    icon: str
    current: bool
    tabs: Sequence[Item] = ()


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

    @property
    def tabs(self) -> Sequence[Item]:
        """The pages that stand beside the one shown."""
        return next((item.tabs for item in self.items if item.current), ())


def rooms(user: User, path: str) -> list[Room]:
    """What ``user`` may enter, with the entry ``path`` lies under marked."""
    entries = _entries()
    found = {
        entry.url_name: (entry, url)
        for entry in entries
        if entry.permission(user, None) and (url := _url(entry.url_name))
    }
    here = max((url for _entry, url in found.values() if path.startswith(url)), key=len, default="")
    result = []
    for name, label in ROOMS.items():
        items = [
            _item(entry, url, here, [found[other.url_name] for other in entries if _lies_under(other, entry, found)])
            for entry, url in found.values()
            if entry.room == name and entry.under not in found
        ]
        if items:
            result.append(Room(name, str(label), items))
    return result


def _lies_under(entry: MenuEntry, above: MenuEntry, found: Container[str]) -> bool:
    return entry.under == above.url_name and entry.url_name in found


def _item(entry: MenuEntry, url: str, here: str, below: Sequence[tuple[MenuEntry, str]]) -> Item:
    own = Item(str(entry.label), url, entry.icon, url == here)
    if not below:
        return own
    tabs = (own, *(Item(str(other.label), address, other.icon, address == here) for other, address in below))
    return replace(own, current=any(tab.current for tab in tabs), tabs=tabs)


@cache
def _entries() -> tuple[MenuEntry, ...]:
    found = (entry for entry in modules.menu_entries() if isinstance(entry, MenuEntry))
    return tuple(sorted(found, key=lambda entry: entry.order))


@cache
def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""  # the module's pages are not installed on this node

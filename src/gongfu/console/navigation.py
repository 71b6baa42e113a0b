"""The navigation: seven rooms in the order everybody in the field knows, and administration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language
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
    tabs: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Room:
    """A heading with its links; never empty."""

    name: str
    label: str
    items: tuple[Item, ...]

    @property
    def current(self) -> bool:
        """Whether the page shown lies in this room."""
        return any(item.current for item in self.items)

    @property
    def tabs(self) -> tuple[Item, ...]:
        """The pages that stand beside the one shown."""
        return next((item.tabs for item in self.items if item.current), ())


def rooms(user: User, path: str) -> tuple[Room, ...]:
    """What ``user`` may enter, with the entry ``path`` lies under marked."""
    allowed = tuple(name for name, entry in _entries().items() if entry.permission(user, None) and _url(name))
    here = max((url for name in allowed if path.startswith(url := _url(name))), key=len, default="")
    return _arranged(allowed, here, get_language())


@lru_cache(1024)
def _arranged(allowed: Sequence[str], here: str, language: str | None) -> tuple[Room, ...]:
    """The same for everybody who may enter the same, on the same page and in the same ``language``."""
    found = {one: (_entries()[one], _url(one)) for one in allowed}
    result = []
    for name, label in ROOMS.items():
        items = tuple(
            _item(entry, url, here, [other for other in found.values() if other[0].under == entry.url_name])
            for entry, url in found.values()
            if entry.room == name and entry.under not in found
        )
        if items:
            result.append(Room(name, str(label), items))
    return tuple(result)


def _item(entry: MenuEntry, url: str, here: str, below: Sequence[tuple[MenuEntry, str]]) -> Item:
    own = Item(str(entry.label), url, entry.icon, url == here)
    if not below:
        return own
    tabs = (own, *(Item(str(other.label), address, other.icon, address == here) for other, address in below))
    return replace(own, current=any(tab.current for tab in tabs), tabs=tabs)


@cache
def _entries() -> dict[str, MenuEntry]:
    found = (entry for entry in modules.menu_entries() if isinstance(entry, MenuEntry))
    return {entry.url_name: entry for entry in sorted(found, key=lambda entry: entry.order)}


@cache
def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""  # the module's pages are not installed on this node

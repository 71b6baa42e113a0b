"""What a module offers in the navigation: ``menu.ENTRIES`` of the module, found by name."""

from __future__ import annotations

from dataclasses import dataclass, field

from rules.predicates import Predicate

from gongfu.kernel.accounts.permissions import is_member
from gongfu.kernel.pages.resource import Text


@dataclass(frozen=True)
class MenuEntry:
    """One entry. A room has at most seven that lie under no other."""

    room: str
    """network, identity, platform, data, security, application, governance, or administration."""
    label: Text
    url_name: str
    """Name of the address, without arguments: ``platform-devices``."""
    icon: str
    """Name of a Tabler outline icon that stands in ``frontend/icons.txt``."""
    order: int = 50
    permission: Predicate = field(default=is_member)
    """Asked with the user and nothing: may this user come here at all?"""
    under: str = ""
    """``url_name`` of the entry whose pages show this one as a tab; alone in the room for who may not enter that."""

"""How many identifiers may stand under a prefix. Pure: the console, the resolver and imports ask here alike.

The limit itself is kept in the identifier store, where every process reads it; whoever manages contracts sets it.
"""

from __future__ import annotations

from gongfu.identity.registry.errors import QuotaSpent
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.i18n import mark


def require_room(store: IdentifierStore, prefix: str, adding: int = 1) -> None:
    """Raises :class:`QuotaSpent` (answered as 604) unless ``adding`` more identifiers fit under ``prefix``."""
    limit = store.limits(prefix).registrations
    if not limit:
        return
    used = store.count(prefix)
    if used + adding > limit:
        raise QuotaSpent(
            mark("The quota of {prefix} is spent: {used} of {limit} identifiers are registered."),
            remedy=mark("Apply for a larger quota, or remove identifiers that are no longer needed."),
            prefix=prefix,
            used=used,
            limit=limit,
            adding=adding,
        )

"""Where one reader may look: prefixes of his organisations as their owner, prefixes granted to him as a partner."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.db.models import QuerySet

from gongfu.identity.business import services as business
from gongfu.identity.registry.models import Prefix
from gongfu.identity.search.table import OWNER
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.store import Value

FEW = 200
"""So many prefixes are named to the store in any case: it is sorted by prefix, so a tenant reads its own part."""


@dataclass(frozen=True)
class Scope:
    """What a reader may look at, narrowed by what he asks for. ``orgs`` is for the store, which shows no others."""

    orgs: list[int]
    own: QuerySet[Prefix]
    granted: dict[str, int]
    """Other organisations' prefixes, with their owners."""
    names: list[str] | None
    """Every prefix that counts; None when they are many and nothing narrows them: ``orgs`` says it."""
    holders: dict[str, int | None] = field(default_factory=dict)
    """Who holds the prefixes that were asked about so far; None: nobody whose identifiers may be looked at."""

    @property
    def conditions(self) -> dict[str, Value]:
        """Names of conditions of :mod:`gongfu.identity.search.queries`, with their values."""
        found: dict[str, Value] = {"both": "", "orgs": self.orgs, "granted": sorted(self.granted)}
        if not self.granted:
            found = {"own": ""}
        return found if self.names is None else found | {"prefixes": self.names}

    @property
    def readable(self) -> list[int]:
        """Organisations whose rows the store may show: its last word on tenants."""
        return sorted({*self.orgs, *self.granted.values()})

    def owners(self, names: Collection[str]) -> dict[str, int]:
        """Of those prefixes the ones that may be looked at, with the organisation that holds each."""
        return {name: owner for name, owner in self.granted.items() if name in names} | self._held(names)

    def open(self, found: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
        """Of those pairs of audience and prefix the ones that are the reader's to see, now."""
        held = self._held({prefix for audience, prefix in found if audience == OWNER})
        return {(a, prefix) for a, prefix in found if prefix in (held if a == OWNER else self.granted)}

    def _held(self, names: Collection[str]) -> dict[str, int]:
        unknown = [name for name in names if name not in self.holders]
        if unknown:
            self.holders.update(dict.fromkeys(unknown))
            self.holders.update(self.own.filter(name__in=unknown).values_list("name", "organisation_id"))
        return {name: owner for name in names if (owner := self.holders[name]) is not None}


def scope_of(
    user: User, organisation: Organisation | None, *, owner: int | None = None, prefix: str = "", industry: str = ""
) -> Scope:
    """What ``user`` may look at, in ``organisation`` and below when it is given, narrowed by the rest."""
    visible = accounts.visible_organisations(user)
    if organisation is not None:
        visible = visible.filter(path__startswith=organisation.path)
    orgs = list(visible.values_list("pk", flat=True))
    own = Prefix.objects.filter(organisation__in=visible)
    given = Prefix.objects.filter(name__in=_granted(user, organisation)).exclude(
        organisation__in=accounts.visible_organisations(user)
    )
    narrowed = owner is not None or bool(prefix or industry)
    if owner is not None:
        own, given = own.filter(organisation=owner), given.filter(organisation=owner)
    if prefix:
        own, given = own.filter(name=prefix.upper()), given.filter(name=prefix.upper())
    if industry:
        within = business.prefixes_in(industry)
        own, given = own.filter(pk__in=within), given.filter(pk__in=within)
    granted = dict(given.values_list("name", "organisation_id"))
    first = list(own.values_list("name", flat=True).order_by("name")[: None if narrowed else FEW + 1])
    names = sorted({*first, *granted}) if narrowed or len(first) <= FEW else None
    return Scope(orgs, own, granted, names)


def _granted(user: User, organisation: Organisation | None) -> list[str]:
    grants = business.grants_to(user)
    if organisation is not None:
        below = Organisation.objects.filter(path__startswith=organisation.path)
        grants = grants.filter(partner__in=below.values("code"))
    return list(grants.values_list("prefix__name", flat=True))

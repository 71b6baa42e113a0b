"""Who is an official: an administrator or engineer of an authority, or of the operator of the node."""

from __future__ import annotations

from rules.predicates import Predicate

from gongfu.governance.support.models import Beneficiary, LedgerEntry
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import is_member
from gongfu.kernel.accounts.rules import Role, is_within

OFFICE = (Organisation.Kind.AUTHORITY, Organisation.Kind.OPERATOR)
"""Kinds of organisations that keep a ledger."""
_ROLES = (Role.ADMIN.value, Role.ENGINEER.value)


def offices_of(user: User) -> list[Organisation]:
    """The organisations for which ``user`` may keep a ledger; all of them for a platform administrator."""
    if user.is_superuser:
        known = user.__dict__.get("_ledgers")  # the navigation asks again and again: once a request
        if known is None:
            known = user.__dict__["_ledgers"] = list(Organisation.objects.filter(kind__in=OFFICE))
        return list(known)
    held = {one.organisation for one in user.memberships_cached if one.role in _ROLES}
    return sorted((one for one in held if one.kind in OFFICE), key=lambda one: one.path)


def _keeps(user: User, thing: object = None) -> bool:
    if not user.is_authenticated or not user.is_active:
        return False
    offices = offices_of(user)
    if thing is None:
        return bool(offices)
    owner = thing if isinstance(thing, Organisation) else getattr(thing, "organisation", None)
    return isinstance(owner, Organisation) and owner in offices


def _sees(user: User, thing: object = None) -> bool:
    if is_member.test(user, thing):
        return True
    enterprise = thing.enterprise if isinstance(thing, LedgerEntry) else thing
    member = enterprise.member if isinstance(enterprise, Beneficiary) else None
    held = [one.organisation.path for one in user.memberships_cached] if user.is_active else []
    return member is not None and any(is_within(member.path, path) for path in held)


keeps_ledger = Predicate(_keeps, name="keeps_ledger")
"""Is an official of the thing's office."""
sees_ledger = Predicate(_sees, name="sees_ledger")
"""Belongs to the office, or to the enterprise itself."""

"""Officials run panels; an expert is whoever signs in with the account of an expert of a pool."""

from __future__ import annotations

from rules.predicates import Predicate

from gongfu.governance.review.models import Assignment, Expert
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import has_role
from gongfu.kernel.accounts.rules import Role

OFFICE = (Organisation.Kind.AUTHORITY, Organisation.Kind.DEPARTMENT, Organisation.Kind.OPERATOR)
"""Kinds of organisations that have experts."""
_ROLES = (Role.ADMIN, Role.ENGINEER)
_official = has_role(*_ROLES)


def offices_of(user: User) -> list[Organisation]:
    """The organisations whose panels ``user`` may run; all of them for a platform administrator."""
    if user.is_superuser:
        known = user.__dict__.get("_panels_of")  # the navigation asks again and again: once a request
        if known is None:
            known = user.__dict__["_panels_of"] = list(Organisation.objects.filter(kind__in=OFFICE))
        return list(known)
    held = {one.organisation for one in user.memberships_cached if one.role in {role.value for role in _ROLES}}
    return sorted((one for one in held if one.kind in OFFICE), key=lambda one: one.path)


def _runs(user: User, thing: object = None) -> bool:
    if not user.is_authenticated or not user.is_active:
        return False
    if thing is None:
        return bool(offices_of(user))
    owner = thing if isinstance(thing, Organisation) else getattr(thing, "organisation", None)
    return isinstance(owner, Organisation) and owner.kind in OFFICE and _official.test(user, owner)


def _judges(user: User, thing: object = None) -> bool:
    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return False  # who sees every application cannot judge blindly
    if isinstance(thing, Assignment):
        return thing.expert.user_id == user.pk
    known = user.__dict__.get("_judges")  # asked by the navigation of every page: once a request
    if known is None:
        known = user.__dict__["_judges"] = Expert.objects.filter(user=user).exists()
    return bool(known)


def is_only_expert(user: User) -> bool:
    """Whether ``user`` belongs to no organisation and is here for panels alone."""
    return not user.is_superuser and not user.memberships_cached and _judges(user)


runs_panels = Predicate(_runs, name="runs_panels")
"""Is an official of the thing's office."""
judges = Predicate(_judges, name="judges")
"""Is the expert of the assignment, or any expert at all."""

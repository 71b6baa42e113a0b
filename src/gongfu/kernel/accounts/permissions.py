"""Predicates to say who may do what, for ``rules`` and for :class:`gongfu.kernel.pages.resource.Permissions`.

A predicate takes a user and either the thing (an owned model, an organisation) or ``None``, which asks
"anywhere at all?". A membership in a parent lets its children be seen, never changed. A thing that nobody owns
may be read by every member; changing it takes a predicate of its own, or the platform administrator.
"""

from __future__ import annotations

from collections.abc import Iterable

from rules.predicates import Predicate, always_allow, always_deny

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role, is_within

__all__ = ["can_edit", "can_operate", "everyone", "has_role", "is_member", "is_platform_admin", "nobody"]


def _organisation(thing: object) -> Organisation | None:
    if isinstance(thing, Organisation):
        return thing
    owner = getattr(thing, "organisation", None)
    return owner if isinstance(owner, Organisation) else None


def _is_platform_admin(user: User) -> bool:
    return user.is_active and user.is_superuser


def _is_member(user: User, thing: object = None) -> bool:
    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return True
    owner = _organisation(thing)
    if owner is None:
        return bool(user.memberships_cached)
    return any(is_within(owner.path, membership.organisation.path) for membership in user.memberships_cached)


def has_role(*roles: Role, inherited: bool = False) -> Predicate:
    """Holds one of ``roles`` in the thing's own organisation; with ``inherited`` also in one above it."""
    wanted = frozenset(role.value for role in roles)

    def check(user: User, thing: object = None) -> bool:
        if not user.is_authenticated or not user.is_active:
            return False
        if user.is_superuser:
            return True
        held = [membership.organisation for membership in user.memberships_cached if membership.role in wanted]
        if thing is None:
            return bool(held)
        owner = _organisation(thing)
        if owner is None:
            return False
        return any(owner.pk == own.pk or (inherited and is_within(owner.path, own.path)) for own in held)

    return Predicate(check, name=f"has_role:{','.join(_names(wanted))}")


def _names(roles: Iterable[str]) -> list[str]:
    return sorted(roles)


is_platform_admin = Predicate(_is_platform_admin, name="is_platform_admin")
"""Runs the whole node."""
is_member = Predicate(_is_member, name="is_member")
"""Belongs to the thing's organisation or to one above it."""
everyone = always_allow
nobody = always_deny
can_edit = has_role(Role.ADMIN, Role.ENGINEER)
can_operate = has_role(Role.ADMIN, Role.ENGINEER, Role.OPERATOR)


def _manages_user(user: User, other: object = None) -> bool:
    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return True
    if not isinstance(other, User) or other.pk is None:
        return can_administer.test(user, None)
    # All of them: who runs one plant must not take over an account that also works in another.
    memberships = other.memberships_cached
    return (
        not other.is_superuser
        and bool(memberships)
        and all(can_administer.test(user, membership.organisation) for membership in memberships)
    )


can_administer = has_role(Role.ADMIN)
manages_user = Predicate(_manages_user, name="manages_user")
"""Administrator of every organisation the other user belongs to."""

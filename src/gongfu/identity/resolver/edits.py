"""Adding, removing and modifying values of one identifier: the values then, and the permissions that takes. Pure.

Reserved to administrators are values whose permissions have admin write; a value with neither admin write nor public
write stays as it is for ever (RFC 3651 §3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gongfu.identity.handle.admin_record import ADMIN, NO_PERMISSION, AdminPermission
from gongfu.identity.handle.codes import MAX_VALUES, Permission
from gongfu.identity.handle.wire import Value
from gongfu.identity.resolver.errors import BadValue, NotPermitted, NoValue, ValueExists
from gongfu.kernel.i18n import mark

Values = tuple[Value, ...]
Edit = Callable[[Values], tuple[Values, AdminPermission]]


def add(old: Values, new: Iterable[Value], *, overwrite: bool = False) -> tuple[Values, AdminPermission]:
    """Raises :class:`ValueExists` unless ``overwrite``, :class:`BadValue` for too many."""
    there = {value.index for value in old}
    fresh = [value for value in new if value.index not in there]
    again = [value for value in new if value.index in there]
    if again and not overwrite:
        raise ValueExists(
            mark("There is a value with the index {index} already."),
            remedy=mark("Choose another index, or modify that value."),
            index=again[0].index,
        )
    values, needed = modify(old, again)
    for value in fresh:
        needed |= AdminPermission.ADD_ADMIN if value.type == ADMIN else AdminPermission.ADD_VALUE
    if len(values) + len(fresh) > MAX_VALUES:
        raise BadValue(mark("An identifier has at most {limit} values."), limit=MAX_VALUES)
    return (*values, *fresh), needed


def remove(old: Values, indexes: frozenset[int]) -> tuple[Values, AdminPermission]:
    """Raises :class:`NoValue` when one is not there, :class:`BadValue` when none is named or none would stay."""
    if not indexes:
        raise BadValue(mark("No index is named."), remedy=mark("Name the values to remove."))
    needed = NO_PERMISSION
    gone = _found(old, indexes)
    for value in gone:
        _writable(value)
        needed |= AdminPermission.REMOVE_ADMIN if value.type == ADMIN else AdminPermission.REMOVE_VALUE
    if len(gone) == len(old):
        raise BadValue(
            mark("An identifier keeps at least one value."), remedy=mark("Delete the identifier, or replace the value.")
        )
    return tuple(value for value in old if value.index not in indexes), needed


def modify(old: Values, new: Iterable[Value]) -> tuple[Values, AdminPermission]:
    """Raises :class:`NoValue` when one is not there."""
    replaced = {value.index: value for value in new}
    needed = NO_PERMISSION
    for before in _found(old, frozenset(replaced)):
        needed |= _modifying(before, replaced[before.index])
    return tuple(replaced.get(value.index, value) for value in old), needed


def _modifying(before: Value, after: Value) -> AdminPermission:
    if (
        before.permissions & Permission.PUBLIC_WRITE
        and (before.type, before.permissions) == (after.type, after.permissions)
        and not before.type.startswith("HS_")
    ):
        return NO_PERMISSION
    _writable(before)
    needed = AdminPermission.MODIFY_ADMIN if before.type == ADMIN else AdminPermission.MODIFY_VALUE
    if after.type == ADMIN and before.type != ADMIN:
        needed |= AdminPermission.ADD_ADMIN
    if before.type == ADMIN and after.type != ADMIN:
        needed |= AdminPermission.REMOVE_ADMIN
    return needed


def _writable(value: Value) -> None:
    if not value.permissions & Permission.ADMIN_WRITE:
        raise NotPermitted(
            mark("Value {index} cannot be changed: its permissions have no admin write."), index=value.index
        )


def _found(old: Values, indexes: frozenset[int]) -> list[Value]:
    found = [value for value in old if value.index in indexes]
    if len(found) != len(indexes):
        missing = min(indexes - {value.index for value in found})
        raise NoValue(mark("There is no value with the index {index}."), index=missing)
    return found

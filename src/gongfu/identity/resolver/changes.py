"""Changes of identifiers in somebody's name, begun without waiting for the disk.

A change is authorised and handed to the store's committing thread; what is returned becomes the answer once it is
durable. So an event loop can begin many that then share one transaction. Only the keys and groups of administrators of
other nodes are looked up over the network: where that may not be waited for, :class:`elsewhere.MustWait` is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from gongfu.identity.handle import names
from gongfu.identity.handle.admin_record import ADMIN, NO_PERMISSION, AdminPermission
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore, Written
from gongfu.identity.resolver import edits
from gongfu.identity.resolver.authority import Administrator, Authority
from gongfu.identity.resolver.checks import checked
from gongfu.identity.resolver.errors import HandleExists, NoHandle, NotResponsible, PrefixSuspended, TooManyIdentifiers
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark

Plan = Callable[[Record | None, int], tuple[Record | None, AdminPermission]]
"""From the record as it is and the number under its prefix to the record to keep and what that takes of the old one."""


class Underway:
    """A change that waits for the disk, with others."""

    __slots__ = ("_again", "future")

    def __init__(self, future: Future[Written], again: Callable[[], Underway]) -> None:
        self.future = future
        """Done when it is known whether and how the change was made."""
        self._again = again

    @property
    def settled(self) -> bool:
        """Whether :meth:`result` need not wait any more."""
        return self.future.done() and not isinstance(self.future.exception(), _Moved)

    def result(self) -> Record | None:
        """The record as it is now, on disk; raises what the change raised."""
        while True:
            try:
                return self.future.result().after
            except _Moved:
                # Somebody changed it meanwhile and succeeded, so this ends.
                self.future = self._again().future


class Changes:
    """Begins changes in ``store``; who may make them is ``authority``'s to say."""

    def __init__(
        self,
        store: IdentifierStore,
        authority: Authority,
        registrations: Callable[[str], int],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._authority = authority
        self._registrations = registrations
        self._clock = clock

    def create(
        self, who: Administrator | None, target: Handle, values: Iterable[Value], *, overwrite: bool = False
    ) -> Underway:
        """Registers ``target``; see :meth:`Administration.create`."""
        new = checked(values, now=self._now())
        self.may_create(who, target)
        return self._begin(who, target, self._creation(target, new, overwrite=overwrite), NO_PERMISSION)

    def create_checked(self, who: Administrator | None, target: Handle, values: Iterable[Value]) -> Underway:
        """The same once :meth:`may_create` has said yes, for one of many."""
        plan = self._creation(target, checked(values, now=self._now()))
        future = self._store.submit(target, lambda before, count: plan(before, count)[0], actor=str(who or ""))
        return Underway(future, lambda: self.create_checked(who, target, values))

    def delete(self, who: Administrator | None, target: Handle) -> Underway:
        """Removes ``target``; see :meth:`Administration.delete`."""
        self.serve(target)

        def plan(before: Record | None, count: int) -> tuple[None, AdminPermission]:
            del count
            there(before, target)
            return None, _deleting(target)

        return self._begin(who, target, plan, _deleting(target))

    def edit(self, who: Administrator | None, target: Handle, edit: edits.Edit, usual: AdminPermission) -> Underway:
        """Changes values of ``target``; ``usual`` is what the operation takes at least."""
        self.serve(target)

        def plan(before: Record | None, count: int) -> tuple[Record, AdminPermission]:
            del count
            record = there(before, target)
            values, needed = edit(record.values)
            return Record(record.handle, values, record.registered, self._now()), needed

        return self._begin(who, target, plan, usual)

    def add(
        self, who: Administrator | None, target: Handle, values: Iterable[Value], *, overwrite: bool = False
    ) -> Underway:
        """Adds values; see :meth:`Administration.add_values`."""
        new = checked(values, now=self._now())
        return self.edit(who, target, lambda old: edits.add(old, new, overwrite=overwrite), AdminPermission.ADD_VALUE)

    def remove(self, who: Administrator | None, target: Handle, indexes: Iterable[int]) -> Underway:
        """Removes values; see :meth:`Administration.remove_values`."""
        gone = frozenset(indexes)
        return self.edit(who, target, lambda old: edits.remove(old, gone), AdminPermission.REMOVE_VALUE)

    def modify(self, who: Administrator | None, target: Handle, values: Iterable[Value]) -> Underway:
        """Replaces values; see :meth:`Administration.modify_values`."""
        new = checked(values, now=self._now())
        return self.edit(who, target, lambda old: edits.modify(old, new), AdminPermission.MODIFY_VALUE)

    def may_create(self, who: Administrator | None, target: Handle) -> None:
        """Raises unless ``who`` may register ``target`` here."""
        self.serve(target, to_register=True)
        adding = AdminPermission.ADD_PREFIX if is_prefix(target) else AdminPermission.ADD_HANDLE
        self._authority.require_prefix(who, target, adding)

    def serve(self, handle: Handle, *, to_register: bool = False) -> None:
        """Raises unless this node answers for ``handle``: its prefix, for the handle of a prefix the one above it."""
        above = self._authority.above(handle)
        with self._store.view() as view:
            if any(view.homed(prefix.upper().encode()) for prefix in {handle.prefix, above}):
                return
        if to_register and self._store.count(handle.prefix):
            raise PrefixSuspended(
                mark("The prefix {name} is suspended."),
                remedy=mark("Ask the secondary node why."),
                name=handle.prefix,
            )
        raise not_responsible(above)

    def _now(self) -> int:
        return int(self._clock())

    def _creation(self, target: Handle, new: tuple[Value, ...], *, overwrite: bool = False) -> Plan:
        limit = self._registrations(target.prefix)

        def plan(before: Record | None, count: int) -> tuple[Record, AdminPermission]:
            if before is not None:
                if not overwrite:
                    raise _exists(target)
                return Record(target, new, before.registered, self._now()), _deleting(target)
            if limit and count >= limit:
                raise TooManyIdentifiers(
                    mark("{count} identifiers stand under {prefix}, as many as its contract allows."),
                    remedy=mark("Ask the secondary node for a larger quota."),
                    count=count,
                    prefix=target.prefix,
                )
            return Record(target, new, self._now(), self._now()), NO_PERMISSION

        return plan

    def _begin(self, who: Administrator | None, target: Handle, plan: Plan, usual: AdminPermission) -> Underway:
        """Begins to carry out ``plan`` in one transaction, once ``who`` was found to have the permissions it takes.

        Groups and prefixes are looked up before the transaction. If meanwhile somebody changed the administrators, or
        the identifier so that more permissions are needed, it is all done again.
        """
        seen = self._store.get(target)
        try:
            _, needed = plan(seen, self._store.count(target.prefix))
        except GongfuError:
            if seen is not None and usual:  # who may not do it anyway is not told what is there
                self._authority.require(who, seen, usual)
            raise
        if seen is not None and needed:
            self._authority.require(who, seen, needed)
        future = self._store.submit(target, _guarded(plan, seen, needed), actor=str(who or ""))
        return Underway(future, lambda: self._begin(who, target, plan, usual))


class _Moved(Exception):
    """Meanwhile somebody changed what the permission was checked against."""


def _guarded(
    plan: Plan, seen: Record | None, allowed: AdminPermission
) -> Callable[[Record | None, int], Record | None]:
    def work(before: Record | None, count: int) -> Record | None:
        if (before is None) != (seen is None) or _admins(before) != _admins(seen):
            raise _Moved
        after, needed = plan(before, count)
        if needed & ~allowed:
            raise _Moved
        return after

    return work


def _admins(record: Record | None) -> list[bytes]:
    return [value.data for value in record.values if value.type == ADMIN] if record else []


def is_prefix(handle: Handle) -> bool:
    """Whether ``handle`` is that of a prefix."""
    return handle.prefix.upper() == names.PREFIXES


def _deleting(handle: Handle) -> AdminPermission:
    return AdminPermission.DELETE_PREFIX if is_prefix(handle) else AdminPermission.DELETE_HANDLE


def there(record: Record | None, handle: Handle | str) -> Record:
    """``record``; raises :class:`NoHandle` when there is none."""
    if record is None:
        raise NoHandle(mark("{handle} is not registered."), handle=str(handle)[:300])
    return record


def _exists(handle: Handle) -> HandleExists:
    return HandleExists(
        mark("{handle} is already registered."),
        remedy=mark("Choose another suffix, or change the existing identifier."),
        handle=handle,
    )


def not_responsible(prefix: str) -> NotResponsible:
    """What to raise for a prefix of another node."""
    return NotResponsible(
        mark("This node does not answer for {prefix}."),
        remedy=mark("Ask the node above where it is served."),
        prefix=prefix[:300],
    )

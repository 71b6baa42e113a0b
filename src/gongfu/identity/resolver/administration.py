"""Reading and changing identifiers in somebody's name: authorisation, checks, quotas, one transaction each.

The UDP, TCP and HTTP servers call this; it knows no transport. Methods wait for the disk (and :class:`Authority`
perhaps for another node): an event loop calls them in a thread.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterable, Sequence

from gongfu.identity.handle import names
from gongfu.identity.handle.admin_record import ADMIN, NO_PERMISSION, AdminPermission
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Reference, ResolveRequest, Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver import edits
from gongfu.identity.resolver.authority import Administrator as Administrator
from gongfu.identity.resolver.authority import Authority, Elsewhere, nowhere
from gongfu.identity.resolver.checks import checked
from gongfu.identity.resolver.errors import (
    HandleExists,
    NoHandle,
    NotResponsible,
    NoValue,
    PrefixSuspended,
    ResolutionsSpent,
    TooManyIdentifiers,
)
from gongfu.identity.resolver.selection import select
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark

MAX_LIST = 100_000
"""Identifiers in one answer of :meth:`Administration.list_handles`."""
_MINTED_OCTETS = 10  # 80 random bits: two nodes never mint the same

Plan = Callable[[Record | None, int], tuple[Record | None, AdminPermission]]
"""From the record as it is and the number under its prefix to the record to keep and what that takes of the old one."""


def unlimited(prefix: str) -> int:
    """No quota: 0 identifiers stand for no limit."""
    del prefix
    return 0


def uncounted(prefix: bytes) -> int:
    """No daily quota: a resolution under ``prefix`` is not counted and always allowed."""
    del prefix
    return 0


class Administration:
    """What can be done with the identifiers of ``store``; ``node_prefix`` is the prefix whose administrators run it."""

    def __init__(
        self,
        store: IdentifierStore,
        *,
        node_prefix: str = "",
        elsewhere: Elsewhere = nowhere,
        registrations: Callable[[str], int] = unlimited,
        resolutions: Callable[[bytes], int] = uncounted,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._node_prefix = node_prefix
        self._registrations = registrations
        self._resolutions = resolutions
        self._clock = clock
        self.authority = Authority(store, elsewhere)

    # --- who ---

    def public_key(self, who: Reference) -> Value | None:
        """The HS_PUBKEY or HS_SECKEY value that ``who`` points at; None when there is none."""
        return self.authority.public_key(who)

    def authenticate_secret(self, who: Reference, secret: bytes) -> Administrator:
        """``who``, proved by his secret key; raises :class:`AuthenticationFailed` (403)."""
        return self.authority.authenticate_secret(who, secret)

    # --- reading ---

    def resolve(
        self,
        handle: str,
        indexes: Sequence[int] = (),
        types: Sequence[str] = (),
        *,
        who: Administrator | None = None,
        public_only: bool = True,
    ) -> tuple[Value, ...]:
        """The values asked for that ``who`` may read.

        Raises :class:`NotResponsible` (301), :class:`NoHandle` (100), :class:`NoValue` (200),
        :class:`ResolutionsSpent` (603); for values that only
        administrators may read, unless ``public_only``: :class:`AuthenticationNeeded` (402) and so on.
        """
        record = self._record(handle)
        prefix = record.handle.prefix
        if self._resolutions(prefix.encode().upper()):
            raise ResolutionsSpent(mark("The resolutions of {prefix} are spent for today."), prefix=prefix)
        asked = select(record.values, ResolveRequest(handle, tuple(indexes), tuple(types)))
        if public_only:
            found = tuple(value for value in asked if value.public)
        else:
            found = tuple(
                value for value in asked if value.permissions & (Permission.ADMIN_READ | Permission.PUBLIC_READ)
            )
            if not all(value.public for value in found):
                self.authority.require(who, record, AdminPermission.READ_VALUE)
        if not found:
            raise NoValue(mark("{handle} has no such value."), handle=handle)
        return found

    def list_handles(
        self, who: Administrator | None, prefix: str, *, after: str = "", limit: int = MAX_LIST
    ) -> list[str]:
        """Identifiers directly under ``prefix`` in key order behind ``after``; needs LIST_HANDLES of the prefix."""
        name = names.parse_prefix(prefix)
        self._serve(Handle(name, ""))
        self.authority.require_prefix(who, Handle(name, ""), AdminPermission.LIST_HANDLES)
        behind = names.parse(after) if after else None
        return [str(record.handle) for record in self._store.scan(name, after=behind, limit=min(limit, MAX_LIST))]

    # --- changing ---

    def create(
        self,
        who: Administrator | None,
        handle: str,
        values: Iterable[Value],
        *,
        overwrite: bool = False,
        mint: bool = False,
    ) -> Record:
        """Registers an identifier; with ``mint`` under a new suffix that begins with what follows the slash.

        Needs ADD_HANDLE of the prefix (ADD_PREFIX of the one above for the handle of a prefix), to overwrite also
        DELETE_HANDLE of what stands there. Raises :class:`HandleExists` (101), :class:`BadValue` (202),
        :class:`TooManyIdentifiers` (604), :class:`PrefixSuspended` (605), :class:`NotResponsible` (301).
        """
        target = names.parse_any(handle + secrets.token_hex(_MINTED_OCTETS).upper() if mint else handle)
        new = checked(values, now=self._now())
        self._may_create(who, target)
        plan = self._creation(target, new, self._registrations(target.prefix), overwrite=overwrite)
        return _there(self._change(who, target, plan, NO_PERMISSION), target)

    def create_many(
        self, who: Administrator | None, entries: Iterable[tuple[str, Iterable[Value]]]
    ) -> list[Record | GongfuError]:
        """:meth:`create` for each, in their order; what became of each, a refusal being no reason to stop.

        They share transactions, so that a thousand cost little more than one.
        """
        waiting: list[Callable[[], Record | None] | GongfuError] = []
        allowed: set[str] = set()
        for handle, values in entries:
            try:
                target, new = names.parse_any(handle), checked(values, now=self._now())
                if _is_prefix(target) or target.prefix not in allowed:
                    self._may_create(who, target)
                    allowed.add(target.prefix)
                plan = self._creation(target, new, self._registrations(target.prefix))
                waiting.append(self._submit(who, target, plan))
            except GongfuError as error:
                waiting.append(error)
        done: list[Record | GongfuError] = []
        for result in waiting:
            try:
                done.append(result if isinstance(result, GongfuError) else _there(result(), ""))
            except GongfuError as error:
                done.append(error)
        return done

    def delete(self, who: Administrator | None, handle: str) -> None:
        """Removes an identifier with all its values; needs DELETE_HANDLE of it. Raises :class:`NoHandle` (100)."""
        target = names.parse_any(handle)
        self._serve(target)

        def plan(before: Record | None, count: int) -> tuple[None, AdminPermission]:
            del count
            _there(before, target)
            return None, _deleting(target)

        self._change(who, target, plan, _deleting(target))

    def add_values(
        self, who: Administrator | None, handle: str, values: Iterable[Value], *, overwrite: bool = False
    ) -> Record:
        """Adds values under new indexes; with ``overwrite`` those that are there are modified.

        Needs ADD_VALUE, ADD_ADMIN for HS_ADMIN. Raises :class:`ValueExists` (201), :class:`BadValue`.
        """
        new = checked(values, now=self._now())
        return self._edit(who, handle, lambda old: edits.add(old, new, overwrite=overwrite), AdminPermission.ADD_VALUE)

    def remove_values(self, who: Administrator | None, handle: str, indexes: Iterable[int]) -> Record:
        """Removes the values with these indexes; needs REMOVE_VALUE, REMOVE_ADMIN for HS_ADMIN.

        Raises :class:`NoValue` (200) when one is not there, :class:`BadValue` (202) when none would stay.
        """
        gone = frozenset(indexes)
        return self._edit(who, handle, lambda old: edits.remove(old, gone), AdminPermission.REMOVE_VALUE)

    def modify_values(self, who: Administrator | None, handle: str, values: Iterable[Value]) -> Record:
        """Replaces values that are there; needs MODIFY_VALUE, MODIFY_ADMIN for HS_ADMIN.

        Anybody may change the data of a value with public write. Raises :class:`NoValue` (200), :class:`BadValue`.
        """
        new = checked(values, now=self._now())
        return self._edit(who, handle, lambda old: edits.modify(old, new), AdminPermission.MODIFY_VALUE)

    # --- prefixes ---

    def home(self, who: Administrator | None, prefix: str) -> None:
        """From now on this node answers for ``prefix``; needs ADD_PREFIX of the node's own prefix."""
        name = names.parse_prefix(prefix)
        self._require_node(who, AdminPermission.ADD_PREFIX)
        self._store.home(name)

    def unhome(self, who: Administrator | None, prefix: str) -> None:
        """This node no longer answers for ``prefix``; needs DELETE_PREFIX of the node's own prefix."""
        name = names.parse_prefix(prefix)
        self._require_node(who, AdminPermission.DELETE_PREFIX)
        if name.upper() not in (found.upper() for found in self._store.prefixes()):
            raise _not_responsible(name)
        self._store.unhome(name)

    def homed(self, who: Administrator | None) -> list[str]:
        """The prefixes this node answers for; needs LIST_HANDLES of the node's own prefix."""
        self._require_node(who, AdminPermission.LIST_HANDLES)
        return self._store.prefixes()

    # --- inside ---

    def _now(self) -> int:
        return int(self._clock())

    def _record(self, handle: str) -> Record:
        prefix, _, suffix = names.key(handle.encode(errors="surrogatepass")).decode().partition("/")
        target = Handle(prefix, suffix)
        record = self._store.get(target)
        if record is None or not _is_prefix(target):  # what is known of a prefix is told, whoever is asked
            self._serve(target)
        return _there(record, handle)

    def _serve(self, handle: Handle, *, to_register: bool = False) -> None:
        """Raises unless this node answers for ``handle``: its prefix, for the handle of a prefix the one above it."""
        above = self.authority.above(handle)
        if any(self._store.lookup(f"{prefix}/".upper().encode())[0] for prefix in {handle.prefix, above}):
            return
        if to_register and self._store.count(handle.prefix):
            raise PrefixSuspended(
                mark("The prefix {name} is suspended."),
                remedy=mark("Ask the secondary node why."),
                name=handle.prefix,
            )
        raise _not_responsible(above)

    def _submit(self, who: Administrator | None, target: Handle, plan: Plan) -> Callable[[], Record | None]:
        """Begins to carry out ``plan``, for which nothing further is needed; what is returned waits for it."""
        future = self._store.submit(target, lambda before, count: plan(before, count)[0], actor=str(who or ""))
        return lambda: future.result().after

    def _may_create(self, who: Administrator | None, target: Handle) -> None:
        self._serve(target, to_register=True)
        adding = AdminPermission.ADD_PREFIX if _is_prefix(target) else AdminPermission.ADD_HANDLE
        self.authority.require_prefix(who, target, adding)

    def _creation(
        self, target: Handle, new: tuple[Value, ...], limit: int, *, overwrite: bool = False
    ) -> Callable[[Record | None, int], tuple[Record, AdminPermission]]:
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

    def _require_node(self, who: Administrator | None, needed: AdminPermission) -> None:
        if not self._node_prefix:
            raise NotResponsible(mark("This node has no prefix of its own."))
        self.authority.require_prefix(who, Handle(self._node_prefix, ""), needed)

    def _edit(self, who: Administrator | None, handle: str, edit: edits.Edit, usual: AdminPermission) -> Record:
        """Changes values of one identifier; ``usual`` is what the operation takes at least."""
        target = names.parse_any(handle)
        self._serve(target)

        def plan(before: Record | None, count: int) -> tuple[Record, AdminPermission]:
            del count
            record = _there(before, target)
            values, needed = edit(record.values)
            return Record(record.handle, values, record.registered, self._now()), needed

        return _there(self._change(who, target, plan, usual), target)

    def _change(self, who: Administrator | None, target: Handle, plan: Plan, usual: AdminPermission) -> Record | None:
        """Carries out ``plan`` in one transaction, once ``who`` has been found to have the permissions it takes.

        Groups and prefixes are looked up before the transaction. If meanwhile somebody changed the administrators, or
        the identifier so that more permissions are needed, it is all done again: he succeeded, so that ends.
        """
        while True:
            seen = self._store.get(target)
            try:
                _, needed = plan(seen, self._store.count(target.prefix))
            except GongfuError:
                if seen is not None and usual:  # who may not do it anyway is not told what is there
                    self.authority.require(who, seen, usual)
                raise
            if seen is not None and needed:
                self.authority.require(who, seen, needed)
            with contextlib.suppress(_Moved):
                return self._store.change(target, _guarded(plan, seen, needed), actor=str(who or ""))


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


def _is_prefix(handle: Handle) -> bool:
    return handle.prefix.upper() == names.PREFIXES


def _deleting(handle: Handle) -> AdminPermission:
    return AdminPermission.DELETE_PREFIX if _is_prefix(handle) else AdminPermission.DELETE_HANDLE


def _there(record: Record | None, handle: Handle | str) -> Record:
    if record is None:
        raise NoHandle(mark("{handle} is not registered."), handle=str(handle)[:300])
    return record


def _exists(handle: Handle) -> HandleExists:
    return HandleExists(
        mark("{handle} is already registered."),
        remedy=mark("Choose another suffix, or change the existing identifier."),
        handle=handle,
    )


def _not_responsible(prefix: str) -> NotResponsible:
    return NotResponsible(
        mark("This node does not answer for {prefix}."),
        remedy=mark("Ask the node above where it is served."),
        prefix=prefix[:300],
    )

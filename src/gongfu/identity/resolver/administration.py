"""Reading and changing identifiers in somebody's name: authorisation, checks, quotas, one transaction each.

The UDP, TCP and HTTP servers call this; it knows no transport. Methods wait for the disk (and :class:`Authority`
perhaps for another node): an event loop calls them in a thread.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence

from gongfu.identity.handle import names
from gongfu.identity.handle.admin_record import AdminPermission
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Reference, ResolveRequest, Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.authority import Administrator as Administrator
from gongfu.identity.resolver.authority import Authority, Elsewhere, nowhere
from gongfu.identity.resolver.changes import Changes, Underway, is_prefix, not_responsible, there
from gongfu.identity.resolver.errors import (
    NotResponsible,
    NoValue,
    ResolutionsSpent,
)
from gongfu.identity.resolver.selection import select
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark

MAX_LIST = 100_000
"""Identifiers in one answer of :meth:`Administration.list_handles`."""
_MINTED_OCTETS = 10  # 80 random bits: two nodes never mint the same


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
        self._resolutions = resolutions
        self.authority = Authority(store, elsewhere)
        self.changes = Changes(store, self.authority, registrations, clock)
        """The same changes as below, begun without waiting for the disk."""

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
        self.changes.serve(Handle(name, ""))
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
        target = minted(handle) if mint else names.parse_any(handle)
        return there(self.changes.create(who, target, values, overwrite=overwrite).result(), target)

    def create_many(
        self, who: Administrator | None, entries: Iterable[tuple[str, Iterable[Value]]]
    ) -> list[Record | GongfuError]:
        """:meth:`create` for each, in their order; what became of each, a refusal being no reason to stop.

        They share transactions, so that a thousand cost little more than one.
        """
        waiting: list[Underway | GongfuError] = []
        allowed: set[str] = set()
        for handle, values in entries:
            try:
                target = names.parse_any(handle)
                if is_prefix(target) or target.prefix not in allowed:
                    self.changes.may_create(who, target)
                    allowed.add(target.prefix)
                waiting.append(self.changes.create_checked(who, target, values))
            except GongfuError as error:
                waiting.append(error)
        done: list[Record | GongfuError] = []
        for result in waiting:
            try:
                done.append(result if isinstance(result, GongfuError) else there(result.result(), ""))
            except GongfuError as error:
                done.append(error)
        return done

    def delete(self, who: Administrator | None, handle: str) -> None:
        """Removes an identifier with all its values; needs DELETE_HANDLE of it. Raises :class:`NoHandle` (100)."""
        self.changes.delete(who, names.parse_any(handle)).result()

    def add_values(
        self, who: Administrator | None, handle: str, values: Iterable[Value], *, overwrite: bool = False
    ) -> Record:
        """Adds values under new indexes; with ``overwrite`` those that are there are modified.

        Needs ADD_VALUE, ADD_ADMIN for HS_ADMIN. Raises :class:`ValueExists` (201), :class:`BadValue`.
        """
        target = names.parse_any(handle)
        return there(self.changes.add(who, target, values, overwrite=overwrite).result(), target)

    def remove_values(self, who: Administrator | None, handle: str, indexes: Iterable[int]) -> Record:
        """Removes the values with these indexes; needs REMOVE_VALUE, REMOVE_ADMIN for HS_ADMIN.

        Raises :class:`NoValue` (200) when one is not there, :class:`BadValue` (202) when none would stay.
        """
        target = names.parse_any(handle)
        return there(self.changes.remove(who, target, indexes).result(), target)

    def modify_values(self, who: Administrator | None, handle: str, values: Iterable[Value]) -> Record:
        """Replaces values that are there; needs MODIFY_VALUE, MODIFY_ADMIN for HS_ADMIN.

        Anybody may change the data of a value with public write. Raises :class:`NoValue` (200), :class:`BadValue`.
        """
        target = names.parse_any(handle)
        return there(self.changes.modify(who, target, values).result(), target)

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
            raise not_responsible(name)
        self._store.unhome(name)

    def homed(self, who: Administrator | None) -> list[str]:
        """The prefixes this node answers for; needs LIST_HANDLES of the node's own prefix."""
        self._require_node(who, AdminPermission.LIST_HANDLES)
        return self._store.prefixes()

    # --- inside ---

    def _record(self, handle: str) -> Record:
        prefix, _, suffix = names.key(handle.encode(errors="surrogatepass")).decode().partition("/")
        target = Handle(prefix, suffix)
        record = self._store.get(target)
        if record is None or not is_prefix(target):  # what is known of a prefix is told, whoever is asked
            self.changes.serve(target)
        return there(record, handle)

    def _require_node(self, who: Administrator | None, needed: AdminPermission) -> None:
        if not self._node_prefix:
            raise NotResponsible(mark("This node has no prefix of its own."))
        self.authority.require_prefix(who, Handle(self._node_prefix, ""), needed)


def minted(start: str) -> Handle:
    """A new identifier that begins with ``start``."""
    return names.parse_any(start + secrets.token_hex(_MINTED_OCTETS).upper())

"""Who may do what to which identifier (RFC 3651 §3.2.1). Pure; reads the store.

Administrators stand in HS_ADMIN values as (handle, index) of the key that proves them, or of an HS_VLIST that lists
them; index 0 means any key of that handle. An identifier without an HS_ADMIN value, such as one that the console
registered for a device, is administered by the administrators of its prefix, ``0.NA/<prefix>``.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from gongfu.identity.handle import admin_record, names
from gongfu.identity.handle.admin_record import ADMIN, NO_PERMISSION, PUBKEY, SECKEY, VLIST, AdminPermission
from gongfu.identity.handle.errors import BadHandle, Malformed
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.errors import (
    AuthenticationFailed,
    AuthenticationNeeded,
    NotAdministrator,
    NotPermitted,
)
from gongfu.kernel.i18n import mark

MAX_GROUPS = 50
"""HS_VLIST values looked into for one decision; groups may contain groups, even each other."""

Elsewhere = Callable[[str], tuple[Value, ...]]
"""Finds the public values of a handle of another node; empty when there is none. May wait for the network."""


def nowhere(handle: str) -> tuple[Value, ...]:
    """Knows no other node."""
    del handle
    return ()


@dataclass(frozen=True, slots=True)
class Administrator:
    """Someone who has proved to hold the key that ``reference`` points at; its index is never 0."""

    reference: Reference

    def __str__(self) -> str:
        return f"{self.reference.index}:{self.reference.handle}"


class Authority:
    """Looks up keys, groups and administrators in the node's own store, then ``elsewhere``."""

    def __init__(self, store: IdentifierStore, elsewhere: Elsewhere = nowhere) -> None:
        self._store = store
        self._elsewhere = elsewhere

    def public_key(self, who: Reference) -> Value | None:
        """The HS_PUBKEY or HS_SECKEY value ``who`` points at, None if there is none.

        With index 0 it is the first such value. A secret that anyone may read proves nothing and is not found.
        """
        return next(iter(self.keys(who)), None)

    def keys(self, who: Reference) -> tuple[Value, ...]:
        """All keys ``who`` may mean: one, or with index 0 every key of that handle."""
        return tuple(
            value
            for value in self._values(who.handle)
            if who.index in (0, value.index) and (value.type == PUBKEY or (value.type == SECKEY and not value.public))
        )

    def authenticate_secret(self, who: Reference, secret: bytes) -> Administrator:
        """``who``, if ``secret`` is the secret key; else :class:`AuthenticationFailed`, which says no more."""
        for value in self.keys(who):
            if value.type == SECKEY and hmac.compare_digest(value.data, secret):
                return Administrator(Reference(who.handle, value.index))
        hmac.compare_digest(secret, secret)  # as long as if there were one
        raise AuthenticationFailed(
            mark("The secret key of {who} is not this."),
            remedy=mark("Check the index, the handle and the key."),
            who=f"{who.index}:{who.handle}"[:300],
        )

    def require(self, who: Administrator | None, record: Record, needed: AdminPermission) -> None:
        """Raises unless ``who`` may do ``needed`` with ``record``.

        :class:`AuthenticationNeeded` for nobody, :class:`NotAdministrator`, :class:`NotPermitted`.
        """
        if any(value.type == ADMIN for value in record.values):
            self._require(who, str(record.handle), record.values, needed)
        else:
            self.require_prefix(who, record.handle, needed)

    def require_prefix(self, who: Administrator | None, handle: Handle, needed: AdminPermission) -> None:
        """The same for what the administrators of the prefix of ``handle`` may do; that of a prefix is its parent."""
        above = names.prefix_handle(self.above(handle))
        record = self._store.get(above)
        self._require(who, str(above), record.values if record else self._elsewhere(str(above)), needed)

    def above(self, handle: Handle) -> str:
        """The prefix whose administrators create ``handle``: for a prefix that above it, where that is served here.

        The highest prefix of a node is its own: who administers 88.118 may change 0.NA/88.118, unless this is the top.
        """
        if handle.prefix.upper() != names.PREFIXES:
            return handle.prefix
        parent = names.parent(handle.suffix)
        if names.is_enterprise(handle.suffix) or (parent and self._store.lookup(f"{parent}/".encode())[0]):
            return parent
        return handle.suffix

    def _require(
        self, who: Administrator | None, handle: str, values: Iterable[Value], needed: AdminPermission
    ) -> None:
        if who is None:
            raise AuthenticationNeeded(
                mark("This needs an administrator of {handle}."),
                remedy=mark("Sign in with a key that stands in its HS_ADMIN values."),
                handle=handle,
            )
        granted, found = NO_PERMISSION, False
        for value in values:
            if value.type == ADMIN and (admin := _admin(value.data)) and self._means(admin.reference, who):
                found = True
                granted |= admin.permissions
        if not found:
            raise NotAdministrator(
                mark("{who} does not administer {handle}."),
                remedy=mark("Ask its administrators to add this key to an HS_ADMIN value."),
                who=who,
                handle=handle,
            )
        if granted & needed != needed:
            raise NotPermitted(
                mark("{who} may not do that to {handle}: {missing} is missing."),
                remedy=mark("Ask its administrators for that permission."),
                who=who,
                handle=handle,
                missing=" ".join(str(bit.name) for bit in AdminPermission if bit & needed & ~granted),
            )

    def _means(self, named: Reference, who: Administrator) -> bool:
        """Whether ``named`` is ``who`` or a group that contains him."""
        waiting, seen = [named], set[tuple[bytes, int]]()
        while waiting and len(seen) < MAX_GROUPS:
            reference = waiting.pop()
            place = (_key(reference.handle), reference.index)
            if place[0] == _key(who.reference.handle) and place[1] in (0, who.reference.index):
                return True
            if place in seen:
                continue
            seen.add(place)
            for value in self._values(reference.handle) if reference.index else ():
                if value.index == reference.index and value.type == VLIST:
                    waiting += _members(value)
        return False

    def _values(self, handle: str) -> tuple[Value, ...]:
        try:
            record = self._store.get(names.parse_any(handle))
        except BadHandle:
            record = None  # of another node, with other rules for names
        return record.values if record else self._elsewhere(handle)


@lru_cache(1_024)
def _admin(data: bytes) -> admin_record.AdminRecord | None:
    try:
        return admin_record.decode_admin(data)
    except Malformed:
        return None


def _members(value: Value) -> tuple[Reference, ...]:
    try:
        return admin_record.decode_references(value.data)
    except Malformed:
        return ()


def _key(handle: str) -> bytes:
    try:
        return names.key(handle.encode())
    except BadHandle:
        return b""

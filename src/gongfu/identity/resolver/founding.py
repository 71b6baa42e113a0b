"""The first administrator of a prefix: a prefix handle with an HS_ADMIN value and a secret key of its own."""

from __future__ import annotations

import secrets
import time

from gongfu.identity.handle import names
from gongfu.identity.handle.admin_record import ADMIN, ALL, SECKEY, AdminRecord, encode_admin
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore

_HIDDEN = Permission.ADMIN_READ | Permission.ADMIN_WRITE
_ADMIN_INDEX = 100


def found(store: IdentifierStore, prefix: str, index: int = 300, *, actor: str = "") -> tuple[Reference, str]:
    """A new secret key for ``prefix`` and who holds it; the one that stood at ``index`` is valid no longer.

    Administrators that are there stay; where there is none, every key of the prefix handle becomes one, with every
    permission. Raises :class:`BadHandle` for what is no prefix.
    """
    handle = names.prefix_handle(prefix)
    secret, now = secrets.token_urlsafe(24), int(time.time())

    def work(before: Record | None, _: int) -> Record:
        kept = [value for value in before.values if value.index != index] if before else []
        if not any(value.type == ADMIN for value in kept):
            free = next(place for place in range(_ADMIN_INDEX, 300) if all(place != value.index for value in kept))
            kept.append(Value(free, ADMIN, encode_admin(AdminRecord(Reference(str(handle), 0), ALL)), timestamp=now))
        key = Value(index, SECKEY, secret.encode(), timestamp=now, permissions=_HIDDEN)
        return Record(handle, (*kept, key), before.registered if before else now, now)

    store.change(handle, work, actor=actor)
    return Reference(str(handle), index), secret

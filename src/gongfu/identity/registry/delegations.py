"""Prefix handles: ``0.NA/88.118.1`` in the parent's store says where 88.118.1 is served and who administers it.

Pure, over the store. What others wrote into a prefix handle (HS_ADMIN, keys) stays when its sites change.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from gongfu.identity.handle import site
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.site import Site
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore

FIRST_SITE = 1
"""Index of the first HS_SITE value; further ones follow it."""
TTL = 3_600
"""Seconds: how long others go on asking at an old address after a move."""


def prefix_handle(prefix: str) -> Handle:
    """``0.NA/88.118.1``; not what :func:`names.parse` takes, as nobody registers one by that name."""
    return Handle(site.PREFIX_ROOT, prefix)


def sites(store: IdentifierStore, prefix: str) -> tuple[Site, ...]:
    """Where ``prefix`` is served, if not here; also while that is hidden because it is suspended."""
    record = store.get(prefix_handle(prefix))
    return site.sites(record.values) if record else ()


def put(
    store: IdentifierStore,
    prefix: str,
    there: Site,
    others: Sequence[Value] = (),
    *,
    shown: bool = True,
    actor: str = "",
) -> None:
    """``prefix`` is served at ``there``; ``others`` (HS_ADMIN, keys) are added, or take the place of their index."""
    handle, now = prefix_handle(prefix), int(time.time())
    before = store.get(handle)
    serial = max((found.serial for found in sites(store, prefix)), default=0) % 65_535 + 1
    served = Value(FIRST_SITE, site.HS_SITE, site.encode(replace(there, serial=serial)), TTL, timestamp=now)
    new = {value.index: value for value in (_shown(served, shown), *others)}
    kept = [
        value
        for value in (before.values if before else ())
        if value.type.upper() != site.HS_SITE and value.index not in new
    ]
    record = Record(handle, (*new.values(), *kept), before.registered if before else now, now)
    store.put(record, actor=actor)
    store.unhome(prefix)


def show(store: IdentifierStore, prefix: str, shown: bool, *, actor: str = "") -> None:
    """Tell or hide where ``prefix`` is served; nothing happens when it is served here."""
    record = store.get(prefix_handle(prefix))
    if record is not None:
        values = tuple(_shown(value, shown) if value.type.upper() == site.HS_SITE else value for value in record.values)
        store.put(replace(record, values=values, modified=int(time.time())), actor=actor)


def remove(store: IdentifierStore, prefix: str, *, whole: bool = False, actor: str = "") -> None:
    """``prefix`` is served nowhere else; its prefix handle goes if nothing else is in it, or if ``whole``."""
    record = store.get(prefix_handle(prefix))
    if record is None:
        return
    kept = tuple(value for value in record.values if value.type.upper() != site.HS_SITE)
    if kept and not whole:
        store.put(replace(record, values=kept, modified=int(time.time())), actor=actor)
    else:
        store.delete(record.handle, actor=actor)


def described(found: Sequence[Site]) -> dict[str, str]:
    """The servers of sites as the audit log shows them."""
    servers = [server for there in found for server in there.servers]
    return {
        f"server {server.number}": f"{server.address} {', '.join(str(item.port) for item in server.interfaces)}"
        for server in servers
    }


def _shown(value: Value, shown: bool) -> Value:
    permissions = Permission.ADMIN_READ | Permission.ADMIN_WRITE
    return replace(value, permissions=permissions | Permission.PUBLIC_READ if shown else permissions)

"""Identifiers that devices have because they are devices: written with their records, removed with them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice

from django.db import transaction

from gongfu.identity.handle import names
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services
from gongfu.identity.registry import values as standard_values
from gongfu.identity.registry.values import Nameplate as Nameplate  # for the modules above
from gongfu.kernel.settings import settings


def register(handle: str, plate: Nameplate) -> None:
    """Register a device's identifier, or renew it, once this transaction commits; values that others added stay.

    Raises :class:`BadHandle`. The device's own audit entry tells who did it.
    """
    parsed = names.parse(handle)

    def write() -> None:
        now = int(time.time())
        found = standard_values.standard(parsed, plate, settings().url, now=now)
        services.store().put(standard_values.renewed(parsed, found, services.store().get(parsed), now=now))

    transaction.on_commit(write)


def reconcile(wanted: Iterable[tuple[str, Nameplate]]) -> int:
    """Write those identifiers of devices that are missing or say something else; returns how many.

    A kill between the database's commit and the store's leaves one missing, and a new ``public_url`` makes every
    address stale. Call it outside a transaction.
    """
    now, written = int(time.time()), 0
    for first in _in_parts(wanted, 1000):
        stale = []
        for handle, plate in first:
            parsed = names.parse(handle)
            found = standard_values.standard(parsed, plate, settings().url, now=now)
            before = services.store().get(parsed)
            kept = before.values if before else ()
            if _said(found) != _said(value for value in kept if value.index < standard_values.FIRST_FREE):
                stale.append(standard_values.renewed(parsed, found, before, now=now))
        if stale:
            services.store().put_many(stale)
            written += len(stale)
    return written


def _in_parts(wanted: Iterable[tuple[str, Nameplate]], size: int) -> Iterator[list[tuple[str, Nameplate]]]:
    rest = iter(wanted)
    while part := list(islice(rest, size)):
        yield part


def _said(values: Iterable[Value]) -> list[tuple[int, str, bytes]]:
    return sorted((value.index, value.type, value.data) for value in values)


def remove(handle: str) -> None:
    """Remove a device's identifier once this transaction commits; nothing happens when there is none."""
    parsed = names.parse(handle)
    transaction.on_commit(lambda: services.store().delete(parsed))

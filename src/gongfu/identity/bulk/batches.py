"""One batch of rows against the identifier store: what fits is stored in one transaction, the rest is told.

No Django: the same code serves the API, the preview and the import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gongfu.identity.bulk.errors import RegistrationsSpent
from gongfu.identity.bulk.rules import Builder, Operation, Plan, Problem, renew
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import records
from gongfu.identity.registry.errors import NoIdentifier
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.errors import Conflict, GongfuError
from gongfu.kernel.i18n import mark

SIZE = 5_000
"""Rows that go to the store together."""


@dataclass(slots=True)
class Batch:
    """What would be done: ``handles`` are the rows that fit, ``records`` are registered, ``changes`` change records."""

    operation: Operation
    handles: dict[bytes, tuple[int, Handle]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    changes: list[tuple[Handle, Sequence[Value], int]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, row: int, handle: Handle, column: str, error: GongfuError) -> None:
        """This row does not fit."""
        self.problems.append(Problem(row, column, str(handle), error))


def examine(
    store: IdentifierStore,
    builder: Builder,
    plan: Plan,
    rows: Iterable[tuple[int, list[str]]],
    now: int,
    *,
    done: bool = False,
) -> Batch:
    """Sort ``rows`` into what fits and what does not, as the store is now; empty rows are passed over.

    With ``done`` the store is not asked: the rows are known to fit, whatever it holds by now.
    """
    batch = Batch(plan.operation)
    room = _room(store, plan.prefix) if plan.operation is Operation.REGISTER and not done else None
    with store.view() as view:
        for row, cells in rows:
            if not any(cells):
                continue
            handle = builder.handle(row, cells)
            if isinstance(handle, Problem):
                batch.problems.append(handle)
                continue
            values = builder.values(row, cells) if plan.operation is not Operation.DELETE else []
            if isinstance(values, Problem):
                batch.problems.append(values)
                continue
            if room == 0:
                batch.refuse(row, handle, plan.suffix, _spent(store, plan.prefix))
            elif add(view.record, batch, row, handle, values, now, column=plan.suffix, done=done) and room is not None:
                room -= 1
    return batch


def add(
    look_up: Callable[[bytes], bytes | None],
    batch: Batch,
    row: int,
    handle: Handle,
    values: Sequence[Value],
    now: int,
    *,
    column: str = "",
    done: bool = False,
) -> bool:
    """Put one row into ``batch``, or its problem; whether it fits. ``look_up`` reads the store."""
    key = handle.key
    twin = batch.handles.get(key)
    if twin is not None:
        again = Conflict(mark("{handle} stands in row {row} already."), handle=handle, row=twin[0])
        batch.refuse(row, handle, column, again)
        return False
    there = None if done and batch.operation is not Operation.UPDATE else look_up(key)
    if batch.operation is Operation.REGISTER:
        if there is not None:
            batch.refuse(row, handle, column, _taken(handle))
            return False
        batch.records.append(Record(handle, tuple(values), now, now))
    elif there is None and not done:
        missing = NoIdentifier(
            mark("There is no identifier {handle}."), remedy=mark("Look in the list."), handle=handle
        )
        batch.refuse(row, handle, column, missing)
        return False
    elif batch.operation is Operation.UPDATE and there is not None:
        record = renew(records.decode(key, there), values, now=now)
        try:
            records.encode(record)
        except GongfuError as error:
            batch.refuse(row, handle, column, error)
            return False
        batch.changes.append((handle, values, now))
    batch.handles[key] = (row, handle)
    return True


def commit(store: IdentifierStore, batch: Batch, *, actor: str) -> None:
    """Do what fits, durably. Raises :class:`Conflict` when another came first.

    Registering is all or nothing. Changes and removals are each done on what stands there at that moment and may be
    done again; they share transactions.
    """
    if batch.operation is Operation.REGISTER:
        if batch.records:
            store.put_many(batch.records, replace=False, actor=actor)
        return
    waiting = [store.submit(handle, _change(values, now), actor=actor) for handle, values, now in batch.changes]
    if batch.operation is Operation.DELETE:
        waiting = [store.submit(handle, lambda *_: None, actor=actor) for _, handle in batch.handles.values()]
    for done in waiting:
        done.result()


def is_stored(store: IdentifierStore, batch: Batch) -> bool:
    """Whether :func:`commit` of exactly these new records has come through before: they stand there octet for octet."""
    with store.view() as view:
        return any(view.record(record.handle.key) == records.encode(record) for record in batch.records)


def hold_quota(store: IdentifierStore, batch: Batch, prefix: str) -> None:
    """Refuse the last rows of ``batch`` that the quota of ``prefix`` has no room for."""
    room = _room(store, prefix) if batch.operation is Operation.REGISTER else None
    while room is not None and len(batch.handles) > room:
        key, (row, handle) = batch.handles.popitem()
        batch.records = [record for record in batch.records if record.handle.key != key]
        batch.refuse(row, handle, "", _spent(store, prefix))


def _change(values: Sequence[Value], now: int) -> Callable[[Record | None, int], Record | None]:
    return lambda before, _number: None if before is None else renew(before, values, now=now)


def _room(store: IdentifierStore, prefix: str) -> int | None:
    limit = store.limits(prefix).registrations
    return max(0, limit - store.count(prefix)) if limit else None


def _spent(store: IdentifierStore, prefix: str) -> RegistrationsSpent:
    return RegistrationsSpent(
        mark("{prefix} may hold {limit} identifiers, and does."),
        remedy=mark("Ask the operator for a larger quota, or remove identifiers."),
        prefix=prefix,
        limit=store.limits(prefix).registrations,
    )


def _taken(handle: Handle) -> Conflict:
    return Conflict(
        mark("{handle} is already registered."),
        remedy=mark("Choose another suffix, or change the existing identifier."),
        handle=handle,
    )

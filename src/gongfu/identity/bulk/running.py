"""The import itself: batch after batch, each of which is either wholly done and recorded, or not done.

In this order: the rejected rows to the report, the *intent* (which rows the batch holds) to the record, the
batch to the identifier store, the new position to the record. Killed between any two of them, the next run finds an
intent. Changes and removals it simply does again. Of new identifiers, stored in one transaction, it asks the store
whether they came through: they bear the moment of this import, so they are told from anybody else's octet for octet.
Nothing is half-registered, nothing registered twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import msgspec
from django.utils import timezone

from gongfu.identity.bulk import batches, report, rules, table
from gongfu.identity.bulk.batches import Batch
from gongfu.identity.bulk.models import Import
from gongfu.identity.bulk.rules import Builder, Operation, Plan
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Conflict, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings

Rows = list[tuple[int, list[str]]]
_RACES = 5  # how often another registrant may come first with one batch


class _Intent(msgspec.Struct, frozen=True):
    refused: list[int]
    """Numbers of the rows that are not in the batch."""
    report: int
    """Size of the report with those rows."""
    rows: int = 1_000
    """How many rows were taken for the batch; a thousand before that was written down."""


def folder(made: Import) -> Path:
    """Where the files of one import lie."""
    return settings().path("files", "imports", str(made.pk))


def data_path(made: Import) -> Path:
    """Its table, as CSV."""
    return folder(made) / "data.csv"


def report_path(made: Import) -> Path:
    """Its rejected rows."""
    return folder(made) / "rejected.jsonl"


def table_of(made: Import) -> table.Table:
    """What its file holds."""
    return msgspec.convert(made.table, table.Table)


def plan_of(made: Import) -> Plan:
    """How it is done; raises :class:`Conflict` before that was chosen."""
    if made.plan is None:
        raise Conflict(mark("The columns of this file are not chosen yet."))
    return msgspec.convert(made.plan, Plan)


def run(key: int, report_progress: Callable[[float, int, int], None]) -> None:
    """Do the import ``key`` from where it stands to its end.

    Raises :class:`Conflict` when another run takes over, when the prefix was suspended, or when its person lost the
    right to register; what was done until then stays done, and it can go on later.
    """
    run_name = uuid.uuid4().hex
    if not Import.objects.filter(pk=key, finished_at=None).update(run=run_name):
        return
    made = Import.objects.select_related("created_by").get(pk=key)
    plan, found = plan_of(made), table_of(made)
    work = _Work(made, plan, Builder(plan, found.header, now=made.moment), registry.store(), run_name)
    rows = table.rows(data_path(made), found, skip=made.position)
    while batch := list(islice(rows, work.size)):
        _check_right(made)
        work.do(batch)
        report_progress(100 * made.position / max(1, made.rows), made.position, made.rows)
    work.save(finished_at=timezone.now())


class _Work:
    """One run of one import."""

    def __init__(self, made: Import, plan: Plan, builder: Builder, store: IdentifierStore, run_name: str) -> None:
        self.made = made
        self.plan = plan
        self.builder = builder
        self.store = store
        self.run_name = run_name

    @property
    def size(self) -> int:
        """Rows of the next batch: as many as were taken for it when it was begun before."""
        return msgspec.convert(self.made.intent, _Intent).rows if self.made.intent else batches.SIZE

    def do(self, rows: Rows) -> None:
        """The next rows, begun before or not."""
        for _ in range(_RACES):
            begun = self._begun(rows)
            batch, size = begun or self._prepare(rows)
            try:
                if begun is None or self.plan.operation is not Operation.REGISTER:
                    batches.commit(self.store, batch, actor=f"import:{self.made.pk}")
            except Conflict:
                self.save(intent=None)  # somebody registered one of them meanwhile: look again
                continue
            self.save(
                position=self.made.position + len(rows),
                accepted=self.made.accepted + len(batch.handles),
                refused=self.made.refused + sum(any(cells) for _, cells in rows) - len(batch.handles),
                report_size=size,
                intent=None,
            )
            return
        raise Conflict(mark("Others register the same identifiers at this moment."), remedy=mark("Go on later."))

    def save(self, **changed: object) -> None:
        """Record progress; raises :class:`Conflict` when another run has begun."""
        if not Import.objects.filter(pk=self.made.pk, run=self.run_name).update(**changed):
            raise Conflict(mark("Another process goes on with this batch job."))
        for name, value in changed.items():
            setattr(self.made, name, value)

    def _begun(self, rows: Rows) -> tuple[Batch, int] | None:
        """The batch that was on its way to the store when the last run ended, if it got there or must be repeated."""
        if self.made.intent is None:
            return None
        intent = msgspec.convert(self.made.intent, _Intent)
        refused = set(intent.refused)
        rest = [(row, cells) for row, cells in rows if row not in refused]
        batch = batches.examine(self.store, self.builder, self.plan, rest, self.made.moment, done=True)
        came_through = self.plan.operation is not Operation.REGISTER or batches.is_stored(self.store, batch)
        return (batch, intent.report) if came_through else None

    def _prepare(self, rows: Rows) -> tuple[Batch, int]:
        batch = batches.examine(self.store, self.builder, self.plan, rows, self.made.moment)
        size = report.append(report_path(self.made), self.made.report_size, batch.problems)
        intent = _Intent([problem.row for problem in batch.problems], size, len(rows))
        self.save(intent=msgspec.to_builtins(intent))
        return batch, size


def check_values(values: Sequence[Value]) -> None:
    """Raises :class:`Invalid` when there is none, or one of a type that no text has."""
    if not values:
        raise Invalid(mark("The identifier has no values."), remedy=mark("Send at least one."))
    for value in values:
        rules.check_type(value.type)


def _check_right(made: Import) -> None:
    person: User | None = made.created_by
    if person is None or not person.is_active:
        raise Conflict(mark("Who started this batch job may not sign in any more."))
    person.__dict__.pop("_memberships", None)
    registry.own_prefix(person, made.prefix)

"""The door of batches: take a file, plan it, look at its first rows, start it; and batches of the API."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gongfu.identity.bulk import batches, parquet, report, rules, running, table
from gongfu.identity.bulk.batches import Batch
from gongfu.identity.bulk.errors import FileTooLarge
from gongfu.identity.bulk.models import Import
from gongfu.identity.bulk.rules import Operation, Plan, Problem
from gongfu.identity.bulk.running import folder, plan_of, table_of
from gongfu.identity.handle import names
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.tasks import services as tasks
from gongfu.kernel.tasks.models import Job

MAX_FILE = 256 * 2**20
"""Octets of an uploaded file."""
PREVIEW = 20
MAX_BATCH = 1_000
_ATTEMPTS = 20


@dataclass(frozen=True)
class Previewed:
    """One of the first rows: what it becomes, or why it does not."""

    row: int
    cells: list[str]
    handle: str
    problem: Problem | None


@dataclass(frozen=True)
class Item:
    """One identifier of a batch over the API."""

    handle: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one item: ``done``, ``refused``, or ``held`` because others were refused."""

    handle: str
    state: str
    error: GongfuError | None = None


# --- files ---


def imports(user: User, scope: Organisation | None = None) -> QuerySet[Import]:
    """Imports ``user`` may know of."""
    found = Import.objects.visible_to(user).select_related("organisation", "job")
    return found.filter(organisation__path__startswith=scope.path) if scope else found


def find(user: User, key: int) -> Import:
    """One of them; raises :class:`NotFound`."""
    found = imports(user).filter(pk=key).first()
    if found is None:
        raise NotFound(mark("There is no batch job {key}."), remedy=mark("Look in the list."), key=key)
    return found


def upload(user: User, prefix: str, operation: Operation, name: str, pieces: Iterable[bytes]) -> Import:
    """Keep a file, read it through once, and propose a plan.

    Raises :class:`Invalid` for a file that is no table, :class:`FileTooLarge`, and what
    :func:`gongfu.identity.registry.services.own_prefix` raises.
    """
    own = registry.own_prefix(user, prefix)
    shown = Path(name.replace("\\", "/").replace("\0", "")).name[:200] or "-"
    made = Import(organisation=own.organisation, created_by=user, prefix=own.name, operation=operation.value)
    made.file_name, made.table = shown, {}
    made.save()
    try:
        kept = running.data_path(made)
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(kept.with_suffix(".upload"), pieces)
        found = _read(kept.with_suffix(".upload"), kept)
        plan = propose(Plan(own.name, operation), found.header)
        made.table, made.rows, made.plan = msgspec.to_builtins(found), found.rows, msgspec.to_builtins(plan)
        made.save()
    except BaseException:
        remove(made)
        raise
    return made


def propose(plan: Plan, header: Sequence[str]) -> Plan:
    """A first plan from the names of the columns: the suffix by its usual names, every other column a value."""
    known = {"suffix", "handle", "identifier", "标识", "标识后缀", "后缀", "编码", "标识编码"}
    suffix = next((name for name in header if name.lower() in known), "")
    if plan.operation is Operation.DELETE:
        return msgspec.structs.replace(plan, suffix=suffix or header[0])
    targets: list[rules.Target] = []
    seen: set[str] = set()
    for name in header:
        kind = rules.usual_type(name)
        if name != suffix and kind not in seen and len(targets) < rules.MAX_TARGETS:
            seen.add(kind)
            targets.append(rules.Target(name, kind))
    return msgspec.structs.replace(plan, suffix=suffix, targets=tuple(targets))


def preview(made: Import, plan: Plan) -> list[Previewed]:
    """What becomes of the first :data:`PREVIEW` rows; raises :class:`Invalid` for a plan that cannot work."""
    found = table_of(made)
    rules.check(plan, found.header)
    now = int(time.time())
    rows = [item for item in islice(table.rows(running.data_path(made), found), PREVIEW) if any(item[1])]
    builder = rules.Builder(plan, found.header, now=now)
    batch = batches.examine(registry.store(), builder, plan, rows, now)
    handles = {row: str(handle) for row, handle in batch.handles.values()}
    problems = {problem.row: problem for problem in batch.problems}
    return [Previewed(row, cells, handles.get(row, ""), problems.get(row)) for row, cells in rows]


def start(user: User, made: Import, plan: Plan) -> Import:
    """Begin; or go on where a run failed. Raises :class:`Conflict` while it runs or when it is finished."""
    registry.own_prefix(user, made.prefix)
    if made.finished_at or (made.job and made.job.state in (Job.State.WAITING, Job.State.RUNNING)):
        raise Conflict(mark("This batch job has been started already."), remedy=mark("Look at its progress."))
    if made.moment and plan != plan_of(made):
        raise Conflict(mark("Rows were done by another plan."), remedy=mark("Go on with it, or upload the file again."))
    rules.check(plan, table_of(made).header)
    with transaction.atomic():
        made.plan = msgspec.to_builtins(plan)
        made.moment = made.moment or int(time.time())
        audit.record(user, "start", made, after=audit.state(made))
        title = f"{made.get_operation_display()}: {made.file_name}"
        made.job = tasks.start(import_file, title, user=user, organisation=made.organisation, key=made.pk)
        made.save(update_fields=["plan", "moment", "job", "updated_at"])
    return made


def discard(user: User, made: Import) -> None:
    """Forget an import with its file and report; identifiers stay. Raises :class:`Conflict` while it runs."""
    if not can_edit.test(user, made):
        raise Forbidden(mark("You may not register under {name}."), name=made.prefix)
    if made.job and made.job.state in (Job.State.WAITING, Job.State.RUNNING):
        raise Conflict(mark("This batch job is running."), remedy=mark("Wait until it is finished."))
    with transaction.atomic():
        audit.record(user, "delete", made, before=audit.state(made))
        remove(made)


def remove(made: Import) -> None:
    """Delete it and its files."""
    kept = folder(made)
    made.delete()
    shutil.rmtree(kept, ignore_errors=True)


def rejected(made: Import, language: str) -> Iterator[bytes]:
    """Every rejected row with its reason, as CSV."""
    return report.as_csv(running.report_path(made), made.report_size, language)


def first_rejected(made: Import, limit: int = 20) -> list[report.Line]:
    """The first rejected rows."""
    return list(islice(report.read(running.report_path(made), made.report_size), limit))


@tasks.job(attempts=_ATTEMPTS)
def import_file(progress: tasks.Progress, *, key: int) -> None:
    """The background job; whoever kills it, the next attempt goes on where it stood."""
    running.run(key, lambda percent, done, rows: progress.report(percent, f"{done:,} / {rows:,}"))


# --- the API ---


def batch(user: User, operation: Operation, items: Sequence[Item], *, partial: bool) -> list[Outcome]:
    """Register, change or remove up to :data:`MAX_BATCH` identifiers; one outcome for each, in order.

    Unless ``partial``, one refusal holds back all the others. What is stored is stored in one transaction for each
    prefix. Raises :class:`Invalid` for too many.
    """
    if not 1 <= len(items) <= MAX_BATCH:
        raise Invalid(mark("A batch holds 1 to {limit} identifiers, not {found}."), limit=MAX_BATCH, found=len(items))
    now = int(time.time())
    outcomes: dict[int, Outcome] = {}
    parts: dict[str, Batch] = {}
    allowed: dict[str, GongfuError | None] = {}
    store = registry.store()
    with store.view() as view:
        for number, item in enumerate(items):
            try:
                handle = names.parse(item.handle)
                if operation is not Operation.DELETE:
                    running.check_values(item.values)
                own = handle.prefix.upper()
                if own not in allowed:
                    allowed[own] = _refusal(user, own)
                if (refusal := allowed[own]) is not None:
                    raise refusal
            except GongfuError as error:
                outcomes[number] = Outcome(item.handle, "refused", error)
                continue
            part = parts.setdefault(own, Batch(operation))
            batches.add(view.record, part, number, handle, item.values, now)
    for own, part in parts.items():
        batches.hold_quota(store, part, own)
        outcomes |= {p.row: Outcome(items[p.row].handle, "refused", p.error) for p in part.problems}
    held = bool(outcomes) and not partial
    for part in parts.values():
        state = "held" if held else "done"
        if not held and part.handles:
            _store(user, part)
        outcomes |= {row: Outcome(str(handle), state) for row, handle in part.handles.values()}
    return [outcomes[number] for number in range(len(items))]


def _store(user: User, part: Batch) -> None:
    first = next(iter(part.handles.values()))[1]
    own = registry.own_prefix(user, first.prefix)
    with transaction.atomic():
        after: audit.State = {"identifiers": len(part.handles), "first": str(first)}
        audit.record(user, f"batch-{part.operation.value}", own, after=after)
        batches.commit(registry.store(), part, actor=user.get_username())  # last: if it fails, the entry is gone too


def _refusal(user: User, prefix: str) -> GongfuError | None:
    try:
        registry.own_prefix(user, prefix)
    except GongfuError as error:
        return error
    return None


def _write(target: Path, pieces: Iterable[bytes]) -> None:
    size = 0
    with target.open("wb") as file:
        for piece in pieces:
            size += len(piece)
            if size > MAX_FILE:
                raise too_large(size)
            file.write(piece)


def too_large(size: int) -> FileTooLarge:
    """The refusal of a file of ``size`` octets, or more."""
    return FileTooLarge(
        mark("The file has more than {limit} megabytes."),
        remedy=mark("Split it into several, or write it as Parquet."),
        limit=MAX_FILE // 2**20,
        size=size,
    )


def _read(given: Path, kept: Path) -> table.Table:
    """The table in ``given``; ``kept`` holds it as CSV afterwards."""
    with given.open("rb") as file:
        is_parquet = file.read(4) == parquet.MAGIC
    if not is_parquet:
        found = table.inspect(given)
        given.rename(kept)
        return found
    parquet.to_csv(given, kept)
    given.unlink()
    return table.inspect(kept, "utf-8")


def state_of(made: Import) -> str:
    """One word for people: what stage it is at."""
    if made.finished_at:
        return _("Finished")
    if made.job is None:
        return _("Not started")
    return str(made.job.get_state_display())

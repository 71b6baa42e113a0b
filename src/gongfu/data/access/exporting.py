"""A scheduled export as a job of the worker: one period, one file."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pyarrow as pa
from django.db import IntegrityError, transaction
from django.utils import timezone

from gongfu.data.access import files, reading, rules, services
from gongfu.data.access.asking import Asker
from gongfu.data.access.models import Export, ExportRun
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Conflict, GongfuError, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.kernel.tasks import services as tasks
from gongfu.kernel.tasks.services import Progress

_FREE = 1000
"""A period that failed is tried again by people, not by the clock."""


def begin(export: Export, due: dt.datetime, user: User | None) -> ExportRun:
    """Note the run of the period before ``due`` and queue it.

    Raises :class:`Conflict` when that period is being written already.
    """
    start, end = rules.covered(rules.Every(export.every), due, ZoneInfo(settings().timezone))
    try:
        with transaction.atomic():
            run, made = ExportRun.objects.select_for_update().get_or_create(
                export=export,
                ends_at=end,
                defaults={"organisation": export.organisation, "begins_at": start, "created_by": user},
            )
            recent = timezone.now() - dt.timedelta(hours=1)
            if not made and run.state == ExportRun.State.RUNNING and run.updated_at > recent:
                raise Conflict(mark("This period is being exported already."))
            run.state, run.error, run.finished_at = ExportRun.State.RUNNING, "", None
            run.save()
            tasks.start(
                write, f"{export.name} {start:%Y-%m-%d}", user=user, organisation=export.organisation, run=run.pk
            )
    except IntegrityError as error:
        raise Conflict(mark("This period is being exported already.")) from error
    return run


@tasks.job(attempts=3)
def write(progress: Progress, *, run: int) -> None:
    """Write the file of ``run``; a second attempt writes it anew."""
    made = ExportRun.objects.select_related("export__organisation").get(pk=run)
    export = made.export
    stamp = made.begins_at.astimezone(ZoneInfo(settings().timezone))
    slug = re.sub(r"[^\w-]+", "-", export.name).strip("-")[:60] or "export"
    name = f"{slug}-{stamp:%Y%m%dT%H%M}.{export.format}"
    path = services.folder(export) / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    try:
        schema, tables = _content(export, made.begins_at, made.ends_at)
        rows = files.save(export.format, schema, _reported(progress, tables), path)
    except tasks.InterruptedJobError:
        raise
    except Exception as error:
        ExportRun.objects.filter(pk=run).update(
            state=ExportRun.State.FAILED,
            finished_at=timezone.now(),
            error=packed(error, 1000) if isinstance(error, GongfuError | OSError) else type(error).__name__,
        )
        raise
    ExportRun.objects.filter(pk=run).update(
        state=ExportRun.State.DONE,
        finished_at=timezone.now(),
        file=name,
        rows=rows,
        size=path.stat().st_size,
        error="",
    )
    _forget(export)


def _content(export: Export, start: dt.datetime, end: dt.datetime) -> tuple[pa.Schema, Iterator[pa.Table]]:
    if not export.sql.strip():
        tags = services.wanted_of(export.organisation, services.names_of(export))
        return reading.SCHEMA, reading.pages(tags, start, end)
    # In the name of the organisation: what its members see, whoever made the export and has left since.
    orgs = Organisation.objects.filter(path__startswith=export.organisation.path).values_list("pk", flat=True)
    who = Asker(export.organisation.code, list(orgs))
    reader = services.table(
        who,
        export.sql,
        {"from": _literal(start), "to": _literal(end)},
    )
    return reader.schema, (pa.Table.from_batches([batch]) for batch in reader)


def _literal(moment: dt.datetime) -> str:
    return f"{moment.timestamp():.3f}"


def _reported(progress: Progress, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    rows = 0
    for one in tables:
        rows += one.num_rows
        progress.report(50, f"{rows:,}")
        yield one


def _forget(export: Export) -> None:
    """Remove files and runs beyond those that are kept."""
    for old in export.runs.order_by("-ends_at", "-pk")[export.keep : export.keep + _FREE]:
        if old.file:
            (services.folder(export) / old.file).unlink(missing_ok=True)
        old.delete()

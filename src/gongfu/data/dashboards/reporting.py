"""A report as a job of the worker: one period, one PDF, and a message to whoever wants to know."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings as django_settings
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from gongfu.data.access.rules import Every, covered, next_run
from gongfu.data.alarms import sending
from gongfu.data.alarms.outlets.letter import Letter
from gongfu.data.dashboards import answering, pdf, services
from gongfu.data.dashboards.models import Picture, Report, ReportRun
from gongfu.data.dashboards.pdf import Page, Part
from gongfu.data.dashboards.rules import Kind, Widget
from gongfu.data.dashboards.sources import Chosen, Reader
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Conflict, GongfuError, NotFound, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.kernel.tasks import services as tasks
from gongfu.kernel.tasks.services import Progress

POINTS: Final = 400
"""Points of a chart on paper."""
_FREE: Final = 1000


def schedule(report: Report, after: dt.datetime | None = None) -> None:
    """Set when ``report`` is made next; not saved."""
    report.next_at = (
        next_run(
            Every(report.every),
            after or timezone.now(),
            ZoneInfo(settings().timezone),
            hour=report.hour,
            minute=report.minute,
            day=report.day,
        )
        if report.active
        else None
    )


def check(user: User, report: Report) -> None:
    """Raise :class:`NotFound` for a dashboard that ``user`` may not open or that is another organisation's."""
    board = services.board_for(user, report.dashboard_id)
    others = (report.device, report.outlet)
    if board.organisation_id != report.organisation_id or any(
        one is not None and not one.organisation.path.startswith(report.organisation.path) for one in others
    ):
        raise NotFound(mark("{thing} belongs to another organisation."), thing=board)


def begin(report: Report, due: dt.datetime, user: User | None) -> ReportRun:
    """Note the run of the period before ``due`` and queue it; raises :class:`Conflict` when it is being made."""
    start, end = covered(Every(report.every), due, ZoneInfo(settings().timezone))
    try:
        with transaction.atomic():
            run, made = ReportRun.objects.select_for_update().get_or_create(
                report=report,
                ends_at=end,
                defaults={"organisation": report.organisation, "begins_at": start, "created_by": user},
            )
            recent = timezone.now() - dt.timedelta(hours=1)
            if not made and run.state == ReportRun.State.RUNNING and run.updated_at > recent:
                raise Conflict(mark("This report is being made already."))
            run.state, run.error, run.told, run.finished_at = ReportRun.State.RUNNING, "", "", None
            run.save()
            title = f"{report.name} {timezone.localtime(start):%Y-%m-%d}"
            tasks.start(write, title, user=user, organisation=report.organisation, run=run.pk)
    except IntegrityError as error:
        raise Conflict(mark("This report is being made already.")) from error
    return run


@tasks.job(attempts=3)
def write(progress: Progress, *, run: int) -> None:
    """Write the file of ``run``; a second attempt writes it anew."""
    made = ReportRun.objects.select_related("report__organisation", "report__dashboard", "report__outlet").get(pk=run)
    report = made.report
    slug = re.sub(r"[^\w-]+", "-", report.name).strip("-")[:60] or "report"
    name = f"{slug}-{timezone.localtime(made.begins_at):%Y%m%d}.pdf"
    path = folder(report) / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    try:
        with translation.override(report.language):
            page = content(report, made.begins_at, made.ends_at, progress)
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                pdf.write(file, page, font=settings().label_font)
            part.replace(path)
    except tasks.InterruptedJobError:
        raise
    except Exception as error:
        ReportRun.objects.filter(pk=run).update(
            state=ReportRun.State.FAILED,
            finished_at=timezone.now(),
            error=packed(error, 1000) if isinstance(error, GongfuError | OSError) else type(error).__name__,
        )
        raise
    ReportRun.objects.filter(pk=run).update(
        state=ReportRun.State.DONE, finished_at=timezone.now(), file=name, size=path.stat().st_size, error=""
    )
    _tell(report, made)
    _forget(report)


def content(report: Report, start: dt.datetime, end: dt.datetime, progress: Progress | None = None) -> Page:
    """What stands on paper: every widget with its answer, in the name of the report's organisation."""
    document = services.document_of(report.dashboard)
    reader = Reader.organisation(report.organisation)
    chosen = Chosen(device=report.device_id or 0)
    parts: list[Part] = []
    for number, widget in enumerate(document.widgets):
        if progress is not None:
            progress.report(100 * number / len(document.widgets), widget.title)
        found = answering.answer(reader, widget, start, end, POINTS, chosen)
        parts.append(Part(widget, found, _picture(report, widget)))
    title = str(report.dashboard) + (f" · {report.device}" if report.device else "")
    begins, ends = (timezone.localtime(moment) for moment in (start, end))
    note = f"{report.organisation} · {begins:%Y-%m-%d %H:%M} – {ends:%Y-%m-%d %H:%M}"
    foot = _("Made %(at)s by Gongfu, node %(node)s") % {
        "at": f"{timezone.localtime():%Y-%m-%d %H:%M}",
        "node": settings().node,
    }
    return Page(title, note, foot, parts, settings().timezone, _words())


def _words() -> dict[str, str]:
    return {
        "nothing": _("No readings in this time."),
        "before": _("before: {value}"),
        "tag": _("Tag"),
        "value": _("Value"),
        "time": _("Time"),
        "hours": _("{n} h"),
    }


def _picture(report: Report, widget: Widget) -> bytes:
    """PNG or JPEG of a widget; a drawing in SVG is left out on paper."""
    if widget.kind is not Kind.IMAGE or not widget.picture:
        return b""
    owner = report.organisation.path
    found = Picture.objects.filter(pk=widget.picture, organisation__path__startswith=owner).first()
    return bytes(found.data) if found is not None and found.media != "image/svg+xml" else b""


def _tell(report: Report, run: ReportRun) -> None:
    """The link, through the outlet of the report; a failure is noted and spoils nothing."""
    outlet = report.outlet
    if outlet is None or not outlet.enabled:
        return
    with translation.override(outlet.language):
        title = _("Report: %(name)s") % {"name": report.name}
        begins = f"{timezone.localtime(run.begins_at):%Y-%m-%d}"
        lines = (_("%(name)s of %(day)s can be downloaded.") % {"name": report.name, "day": begins},)
    letter = Letter(title, lines, f"{settings().url}/data/report-runs/{run.pk}/")
    problem = sending.tell(outlet, letter)
    if problem is not None:
        ReportRun.objects.filter(pk=run.pk).update(told=packed(problem))


def folder(report: Report) -> Path:
    """Where the files of ``report`` lie: below GONGFU_HOME, by the code of its organisation."""
    return Path(django_settings.MEDIA_ROOT).parent / "reports" / report.organisation.code / str(report.pk)


def file_of(user: User, pk: int) -> Path:
    """The file of a run that ``user`` may see, or :class:`NotFound`."""
    found = ReportRun.objects.visible_to(user).select_related("report__organisation").filter(pk=pk).first()
    path = folder(found.report) / found.file if found and found.file else None
    if path is None or not path.is_file():
        raise NotFound(mark("This run has no file."), remedy=mark("Make the report again; old files are removed."))
    return path


def remove(run: ReportRun) -> None:
    """Remove a run and its file."""
    if run.file:
        (folder(run.report) / run.file).unlink(missing_ok=True)
    run.delete()


def _forget(report: Report) -> None:
    """Remove files and runs beyond those that are kept."""
    for old in report.runs.order_by("-ends_at", "-pk")[report.keep : report.keep + _FREE]:
        remove(old)

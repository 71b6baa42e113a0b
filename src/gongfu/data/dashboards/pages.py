"""Dashboards, reports and what was made of them, in the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import models
from django.http import HttpRequest, HttpResponseBase
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from gongfu.data.dashboards import board_pages, reporting, services
from gongfu.data.dashboards.forms import ReportForm
from gongfu.data.dashboards.models import Dashboard, Report, ReportRun
from gongfu.data.dashboards.services import may_change
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, nobody
from gongfu.kernel.errors import unpacked
from gongfu.kernel.pages.files import download
from gongfu.kernel.pages.resource import Action, Column, Permissions, Resource, Section, Tab, Text


def _save_board(board: Dashboard, user: User, new: bool) -> None:
    if new:
        services.create(user, board)
    else:
        board.save()


def _board(request: HttpRequest, board: Dashboard) -> Mapping[str, object]:
    return board_pages.context(request, board)


def _versions(request: HttpRequest, board: Dashboard) -> Mapping[str, object]:
    return {
        "versions": board.versions.select_related("author").defer("document")[: services.KEPT],
        "edits": may_change.test(accounts.user_of(request), board),
    }


BOARDS: Resource[Dashboard] = Resource(
    model=Dashboard,
    room="data",
    slug="dashboards",
    icon="device-desktop-analytics",
    columns=[
        Column("name", render=str),
        Column("folder"),
        Column("share"),
        Column("created_by"),
        Column("updated_at"),
        Column("organisation", shown=False),
    ],
    search=["name", "name_en", "folder"],
    filters=["folder", "share", "starred", "organisation"],
    form=[
        Section(_("Dashboard"), ["organisation", "name", "name_en", "folder"]),
        Section(
            _("Who may open it"),
            ["share", "starred"],
            _("It shows each person only what that person may see of devices and tags."),
        ),
    ],
    tabs=[
        Tab("board", _("Dashboard"), "dashboards/board_tab.html", _board),
        Tab("versions", _("Versions"), "dashboards/versions_tab.html", _versions),
    ],
    permissions=Permissions(add=may_change, change=may_change, delete=may_change),
    save=_save_board,
    detail=["name", "name_en", "folder", "share", "starred", "version", "organisation", "created_by", "updated_at"],
    empty=_(
        "A dashboard shows what you want to see together: trends, big numbers, states, alarms. Give it a name, then"
        " add widgets. Every device already has one on its own page."
    ),
)


def _last(report: Report) -> str | None:
    run = next(iter(report.runs.all()[:1]), None)
    if run is None:
        return None
    state = {"done": "good", "failed": "bad"}.get(run.state, "starting")
    return format_html(
        '<a class="state state-{}" href="/data/report-runs/{}/">{}</a>', state, run.pk, run.get_state_display()
    )


def _run_now(user: User, report: Report) -> Text:
    reporting.begin(report, timezone.now(), user)
    return gettext("It is being written; it appears among the reports made.")


def _save_report(report: Report, user: User, new: bool) -> None:
    if new and report.created_by_id is None:
        report.created_by = user
    reporting.check(user, report)
    reporting.schedule(report)
    report.save()


def _file(run: ReportRun) -> str | None:
    if not run.file:
        return None
    return format_html('<a href="{}" download>{}</a>', reverse("data-report-file", args=[run.pk]), run.file)


REPORTS: Resource[Report] = Resource(
    model=Report,
    room="data",
    slug="reports",
    icon="clipboard-list",
    columns=[
        Column("name", render=str),
        Column("dashboard"),
        Column("every"),
        Column("next_at"),
        Column("last", _("Last run"), render=_last, export=lambda _one: None),
        Column("active"),
        Column("organisation", shown=False),
    ],
    search=["name", "dashboard__name"],
    filters=["active", "every", "organisation"],
    form=[
        Section(_("What is reported"), ["organisation", "name", "dashboard", "device", "language"]),
        Section(_("When it is made"), ["every", "hour", "minute", "day"], _("Times are those of the node.")),
        Section(_("Where it goes"), ["outlet", "keep", "active"], _("Files can be downloaded under “Reports made”.")),
    ],
    form_class=ReportForm,
    actions=[Action("run", _("Make it now"), _run_now, icon="player-play")],
    detail=[
        *("name", "dashboard", "device", "language", "every", "hour", "minute", "day", "keep", "outlet", "active"),
        *("next_at", "organisation", "created_by"),
    ],
    save=_save_report,
    empty=_("A report is a dashboard as PDF, made every day, week or month, and told to whoever wants to know."),
)
RUNS: Resource[ReportRun] = Resource(
    model=ReportRun,
    room="data",
    slug="report-runs",
    icon="history",
    columns=[
        Column("report"),
        Column("begins_at"),
        Column("ends_at"),
        Column("state"),
        Column("file", render=_file, export=lambda run: run.file),
        Column("error", render=lambda run: unpacked(run.error) if run.error else ""),
        Column("told", _("Not told"), render=lambda run: unpacked(run.told) if run.told else ""),
        Column("organisation", shown=False),
    ],
    search=["report__name", "file"],
    filters=["state", "report", "organisation"],
    ordering="-ends_at",
    permissions=Permissions(add=nobody, change=nobody, delete=can_edit),
    remove=lambda run, _user: reporting.remove(run),
    detail=["report", "state", "begins_at", "ends_at", "finished_at", "file", "size", "organisation"],
    empty=_("Reports that were made appear here."),
    live=5,
)
RESOURCES: Sequence[Resource[models.Model]] = (BOARDS, REPORTS, RUNS)  # type: ignore[assignment]


@require_GET
def run_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Download a report."""
    found = reporting.file_of(accounts.user_of(request), pk)
    return download(request, found.open("rb"), found.name)


urlpatterns = [
    *board_pages.urlpatterns,
    path("data/report-runs/<int:pk>/file", run_file, name="data-report-file"),
]

"""The SQL page, saved queries and scheduled exports in the console."""

from __future__ import annotations

from typing import Final

import msgspec
import pyarrow as pa
from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from gongfu.data.access import exporting, files, services, words
from gongfu.data.access.models import MAX_SQL, Asked, Export, ExportRun, SavedQuery
from gongfu.data.access.texts import script_texts
from gongfu.data.telemetry.store.limits import READER_LIMITS
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit, everyone, nobody
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, unpacked
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import errors
from gongfu.kernel.pages.files import download
from gongfu.kernel.pages.resource import Action, Column, Permissions, Resource, Section, Text

EXAMPLE: Final = (
    "SELECT device, tag, any(unit) AS unit, round(avg(value), 2) AS mean, count() AS readings\n"
    "FROM points\nWHERE time > now() - INTERVAL 1 HOUR\nGROUP BY device, tag\nORDER BY device, tag\n"
)
_SAVED: Final = 100


@require_GET
def sql_page(request: HttpRequest) -> HttpResponse:
    """The editor; ``query`` is the key of a saved query, ``sql`` a text to begin with."""
    user = accounts.user_of(request)
    chosen = request.GET.get("query", "")
    saved = services.saved_for(user, int(chosen)) if chosen.isdecimal() and len(chosen) < 19 else None
    context = {
        "sql": saved.sql if saved else request.GET.get("sql", "")[:MAX_SQL] or EXAMPLE,
        "saved": saved,
        "mine": saved is not None and saved.created_by_id == user.pk,
        "queries": SavedQuery.objects.visible_to(user).select_related("created_by")[:_SAVED],
        "asked": Asked.objects.filter(user=user)[: services.HISTORY],
        "owners": _owners(user),
        "active": accounts.active_organisation(request),
        "limits": [
            (_("Time"), f"{READER_LIMITS['max_execution_time']} s"),
            (_("Rows read"), f"{READER_LIMITS['max_rows_to_read']:,}"),
            (_("Rows of a result"), f"{READER_LIMITS['max_result_rows']:,}"),
            (_("Rows shown"), f"{services.SHOWN_ROWS:,}"),
            (_("Memory"), f"{READER_LIMITS['max_memory_usage'] // 1_000_000} MB"),
        ],
        "texts": script_texts(),
    }
    return render(request, "access/sql.html", context)


def _owners(user: User) -> list[Organisation]:
    return list(accounts.visible_organisations(user).order_by("path")[:50])


@require_POST
def run_view(request: HttpRequest) -> HttpResponse:
    """Run ``sql``: ``{columns, rows, more, milliseconds}``, or a failure in JSON."""
    user = accounts.user_of(request)
    try:
        found = services.run(user, _sql(request), accounts.active_organisation(request), request.POST.get("run", ""))
    except GongfuError as error:
        return JsonResponse(errors.body(error), status=error.http_status)
    return HttpResponse(msgspec.json.encode(found), content_type="application/json")


@require_POST
def stop_view(request: HttpRequest) -> HttpResponse:
    """Stop the run called ``run``."""
    services.stop(accounts.user_of(request), request.POST.get("run", ""))
    return HttpResponse(status=204)


@require_POST
def file_view(request: HttpRequest) -> HttpResponse:
    """The whole result of ``sql`` as a file of ``format`` csv, parquet or arrow."""
    user = accounts.user_of(request)
    kind = files.check(request.POST.get("format", "csv"))
    reader = services.table(services.asker(user, accounts.active_organisation(request)), _sql(request))
    tables = (pa.Table.from_batches([batch]) for batch in reader)
    # The store bounds the result, so it fits; only an export of readings has any length.
    answer = HttpResponse(b"".join(files.stream(kind, reader.schema, tables)), content_type=files.TYPES[kind])
    name = f"query-{timezone.localtime():%Y%m%d-%H%M%S}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_GET
def words_view(request: HttpRequest) -> HttpResponse:
    """What the editor completes: tables with columns, functions, devices and tags of the user."""
    found = words.of(accounts.user_of(request))
    answer = HttpResponse(msgspec.json.encode(found), content_type="application/json")
    answer.headers["Cache-Control"] = "private, max-age=300"
    return answer


@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep ``sql`` under ``name``; ``query`` is the key of one's own saved query to change."""
    user = accounts.user_of(request)
    name, sql = request.POST.get("name", "").strip().replace("\0", ""), _sql(request)
    if not 1 <= len(name) <= 80:
        raise Invalid(mark("A query needs a name of up to 80 characters."))
    owner = next(
        (one for one in _owners(user) if str(one.pk) == request.POST.get("organisation")),
        accounts.active_organisation(request) or next(iter(_owners(user)), None),
    )
    if owner is None:
        raise Forbidden(mark("You belong to no organisation."), remedy=mark("Ask an administrator."))
    chosen = request.POST.get("query", "")
    kept = services.saved_for(user, int(chosen)) if chosen.isdecimal() and len(chosen) < 19 else None
    if kept is None or kept.created_by_id != user.pk:
        kept = SavedQuery(created_by=user)
    kept.organisation, kept.name, kept.sql = owner, name, sql
    kept.shared = request.POST.get("shared") == "on"
    kept.chart = request.POST.get("chart", "")[:200]
    kept.save()
    messages.success(request, _("The query %(name)s was saved.") % {"name": name})
    return HttpResponseRedirect(f"{reverse('data-sql')}?query={kept.pk}")


def _sql(request: HttpRequest) -> str:
    sql = request.POST.get("sql", "").replace("\0", "")
    if not sql.strip():
        raise Invalid(mark("There is no query."))
    if len(sql) > MAX_SQL:
        raise Invalid(mark("The query has {length} characters; {limit} are allowed."), length=len(sql), limit=MAX_SQL)
    return sql


@require_GET
def run_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Download what a scheduled export wrote."""
    found = services.file_of(accounts.user_of(request), pk)
    return download(request, found.open("rb"), found.name)


def _open(query: SavedQuery) -> str:
    return format_html('<a href="{}?query={}">{}</a>', reverse("data-sql"), query.pk, query.name)


def _file(run: ExportRun) -> str | None:
    if not run.file:
        return None
    return format_html('<a href="{}" download>{}</a>', reverse("data-export-file", args=[run.pk]), run.file)


def _size(run: ExportRun) -> str:
    return f"{run.size / 1e6:.1f} MB" if run.size >= 100_000 else f"{run.size / 1e3:.1f} kB" if run.size else ""


def _failed(run: ExportRun) -> str:
    return unpacked(run.error) if run.error else ""


def _last(export: Export) -> str | None:
    run = next(iter(export.runs.all()[:1]), None)
    if run is None:
        return None
    state = {"done": "good", "failed": "bad"}.get(run.state, "starting")
    link = f"/data/export-runs/{run.pk}/"
    return format_html('<a class="state state-{}" href="{}">{}</a>', state, link, run.get_state_display())


def _run_now(user: User, export: Export) -> Text:
    exporting.begin(export, timezone.now(), user)
    return _("It runs in the background; the file appears under its runs.")


def _save_export(export: Export, user: User, new: bool) -> None:
    if new and export.created_by_id is None:
        export.created_by = user
    for name in services.names_of(export):
        services.wanted_of(export.organisation, [name])
    services.schedule(export)
    export.save()


QUERIES: Resource[SavedQuery] = Resource(
    model=SavedQuery,
    room="data",
    slug="queries",
    icon="database",
    columns=[
        Column("name", render=_open, export=lambda one: one.name),
        Column("shared"),
        Column("created_by"),
        Column("updated_at"),
        Column("organisation"),
    ],
    search=["name", "sql"],
    filters=["shared", "organisation"],
    permissions=Permissions(view=everyone, add=nobody, change=nobody, delete=can_edit),
    detail=["name", "sql", "shared", "organisation", "created_by", "updated_at"],
    empty=gettext_lazy("Save a query on the SQL page to find it here, and share it with colleagues."),
)
EXPORTS: Resource[Export] = Resource(
    model=Export,
    room="data",
    slug="exports",
    icon="file-export",
    columns=[
        Column("name", render=str),
        Column("every"),
        Column("format"),
        Column("next_at"),
        Column("last", gettext_lazy("Last run"), render=_last, export=lambda _one: None),
        Column("active"),
        Column("organisation"),
    ],
    search=["name", "tags", "sql"],
    filters=["active", "every", "organisation"],
    form=[
        Section(gettext_lazy("What is exported"), ["organisation", "name", "tags", "sql", "format"]),
        Section(
            gettext_lazy("When it runs"),
            ["every", "hour", "minute", "day", "keep", "active"],
            gettext_lazy("Times are those of the node. Files lie below GONGFU_HOME/exports and can be downloaded."),
        ),
    ],
    actions=[Action("run", gettext_lazy("Run now"), _run_now, icon="player-play")],
    detail=[
        *("name", "tags", "sql", "format", "every", "hour", "minute", "day", "keep", "active", "next_at"),
        *("organisation", "created_by"),
    ],
    save=_save_export,
    empty=gettext_lazy("Write readings to a file every hour, day, week or month, for people and programs."),
)
RUNS: Resource[ExportRun] = Resource(
    model=ExportRun,
    room="data",
    slug="export-runs",
    icon="history",
    columns=[
        Column("export"),
        Column("begins_at"),
        Column("ends_at"),
        Column("state"),
        Column("file", render=_file, export=lambda run: run.file),
        Column("rows"),
        Column("size", render=_size, export=lambda run: run.size),
        Column("error", render=_failed, export=_failed),
        Column("organisation", shown=False),
    ],
    search=["export__name", "file"],
    filters=["state", "export", "organisation"],
    ordering="-ends_at",
    permissions=Permissions(add=nobody, change=nobody, delete=nobody),
    detail=["export", "state", "begins_at", "ends_at", "finished_at", "file", "rows", "size", "organisation"],
    empty=gettext_lazy("Files of scheduled exports appear here."),
    live=5,
)
RESOURCES = (QUERIES, EXPORTS, RUNS)
urlpatterns = [
    path("data/sql/", sql_page, name="data-sql"),
    path("data/sql/run", run_view, name="data-sql-run"),
    path("data/sql/stop", stop_view, name="data-sql-stop"),
    path("data/sql/file", file_view, name="data-sql-file"),
    path("data/sql/words", words_view, name="data-sql-words"),
    path("data/sql/save", save_view, name="data-sql-save"),
    path("data/export-runs/<int:pk>/file", run_file, name="data-export-file"),
]

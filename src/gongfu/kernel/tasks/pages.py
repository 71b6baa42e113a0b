"""Jobs in the console and the API."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import everyone, is_platform_admin, nobody
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.files import download
from gongfu.kernel.pages.resource import Column, Permissions, Resource
from gongfu.kernel.tasks import services
from gongfu.kernel.tasks.models import Job


def _progress(made: Job) -> str:
    return format_html('<progress max="100" value="{}"></progress> {} %', made.progress, made.progress)


def _result(made: Job) -> str | None:
    return format_html('<a href="/tasks/jobs/{}/file" download>{}</a>', made.pk, made.result) if made.result else None


JOBS: Resource[Job] = Resource(
    model=Job,
    room="tasks",
    slug="jobs",
    icon="progress",
    columns=[
        Column("title"),
        Column("state"),
        Column("progress", render=_progress, export=lambda made: made.progress),
        Column("message"),
        Column("started_by"),
        Column("created_at"),
        Column("finished_at", shown=False),
        Column("result", render=_result, export=lambda made: made.result),
        Column("organisation", shown=False),
    ],
    search=["title"],
    filters=["state", "organisation", "created_at"],
    ordering="-created_at",
    permissions=Permissions(view=everyone, add=nobody, change=nobody, delete=is_platform_admin),
    detail=[
        "title",
        "state",
        "progress",
        "message",
        "organisation",
        "started_by",
        "created_at",
        "started_at",
        "finished_at",
        "error",
        "result",
        "attempts",
    ],
    empty=_("Long work runs here: imports, reports, recalculations. You may leave the page; it goes on."),
    live=3,
)
RESOURCES = [JOBS]


@require_GET
def result_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Download what a job made."""
    made = Job.objects.visible_to(accounts.user_of(request)).filter(pk=pk).first()
    file = services.folder(made) / made.result if made and made.result else None
    if file is None or not file.is_file():
        raise NotFound(mark("This job has no file."), remedy=mark("Start it again; old files are removed."))
    return download(request, file.open("rb"), file.name)


urlpatterns = [path("tasks/jobs/<int:pk>/file", result_file, name="job-file")]

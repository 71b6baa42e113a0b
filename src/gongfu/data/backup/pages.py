"""Backups in the console: how old the last one is, what is next, what went wrong."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from gongfu.data.backup import services
from gongfu.data.backup.history import Run
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Conflict, NotFound, unpacked
from gongfu.kernel.i18n import mark
from gongfu.kernel.tasks import services as tasks

_KINDS = {"backup": _("Backup"), "verify": _("Verification run"), "prune": _("Clearing")}
SHOWN = 30
"""Runs on the page."""


@dataclass(frozen=True)
class Row:
    """A run as people read it."""

    kind: str
    at: dt.datetime
    run: Run
    speed: float
    """Octets a second, 0 when it is not known."""
    error: str


@require_http_methods(["GET", "POST"])
def backup_page(request: HttpRequest) -> HttpResponse:
    """State, and the buttons: begin, back up now, verify now."""
    user = accounts.user_of(request)
    services.require_admin(user)
    context: dict[str, object] = {}
    if request.method == "POST":
        text = _do(request, user, request.POST.get("do", ""))
        if not text:
            return HttpResponseRedirect(request.path)
        context["recovery"] = text
    standing = services.standing(user)
    context |= {"one": standing, "age": _age(standing.age), "rows": [_row(run) for run in standing.runs[:SHOWN]]}
    if standing.last:
        context["moment"] = dt.datetime.fromtimestamp(standing.last.moment / 1e9, dt.UTC)
    if standing.verified:
        context["verified"] = _row(standing.verified)
    return render(request, "backup/backup.html", context)


def _do(request: HttpRequest, user: User, what: str) -> str:
    """Perform a button; returns the recovery text to show, if there is one."""
    if what == "begin":
        return services.begin(user)
    if not services.standing(user).begun:
        raise Conflict(mark("No backup was begun yet."), remedy=mark("Begin first, and keep the recovery text."))
    if what == "now":
        tasks.start(services.back_up, gettext("Backup of the node"), user=user)
        messages.success(request, gettext("The backup has begun; see jobs."))
    elif what == "verify":
        tasks.start(services.verify, gettext("Verification of the backups"), user=user)
        messages.success(request, gettext("The verification has begun; see jobs."))
    else:
        raise NotFound(mark("There is no such button."), remedy=mark("Load the page again."))
    return ""


def _row(run: Run) -> Row:
    at = dt.datetime.fromtimestamp(run.at, dt.UTC)
    speed = run.octets / run.took if run.took else 0.0
    return Row(str(_KINDS[run.kind]), at, run, speed, unpacked(run.error) if run.error else "")


def _age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return gettext("%(n)d s") % {"n": seconds}
    if seconds < 5400:
        return gettext("%(n)d min") % {"n": seconds / 60}
    if seconds < 129_600:
        return gettext("%(n).1f h") % {"n": seconds / 3600}
    return gettext("%(n).1f days") % {"n": seconds / 86_400}


urlpatterns = [path("administration/backup/", backup_page, name="data-backup")]

"""The official's desk: what is due today, what is late, what stands in which stage."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from gongfu.governance.applications import due
from gongfu.governance.applications.procedure import COURSE, NAMES, State
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.i18n import translate


@require_safe
def desk_page(request: HttpRequest) -> HttpResponse:
    """What waits for me and my office, most urgent first."""
    user = accounts.user_of(request)
    found = due.desk(user)
    stages = [
        (one, translate(NAMES[one]), [each for each in found.every if each.state == one])
        for one in (*COURSE[:-1], State.RETURNED, State.APPEALED, State.RECOVERING)
    ]
    context = {"desk": found, "stages": [one for one in stages if one[2]]}
    return render(request, "applications/desk.html", context)


urlpatterns = [path("governance/desk/", desk_page, name="governance-desk")]

"""Public notices 公示: read and objected to by everybody, without signing in; made and answered by officials."""

from __future__ import annotations

import re

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gongfu.governance.applications import clock, publishing, services, sums
from gongfu.governance.applications.models import Notice
from gongfu.governance.applications.notice_pages import visitor
from gongfu.governance.applications.permissions import acts_for_office, require_official
from gongfu.governance.applications.procedure import State
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import GongfuError


@login_not_required
@require_safe
def publications_page(request: HttpRequest) -> HttpResponse:
    """Every public notice, those that last first; for officials also what waits to be published."""
    user = visitor(request)
    found = list(publishing.publications()[:200])
    waiting: list[tuple[Notice, int]] = []
    if user is not None and acts_for_office.test(user, None):
        for notice in services.notices(user).filter(applications__state=State.PUBLIC).distinct():
            number = publishing.waiting(notice).count()
            if number and acts_for_office.test(user, notice):
                waiting.append((notice, number))
    context = {"now": [one for one in found if not one.over], "over": [one for one in found if one.over]}
    return render(request, "applications/publications.html", context | {"waiting": waiting})


@login_not_required
@require_http_methods(["GET", "POST"])
def publication_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What is to be supported, answers to objections, and the form to object."""
    publication = publishing.publication_for(pk)
    user = visitor(request)
    official = user is not None and acts_for_office.test(user, publication)
    problem, status = "", 200
    if request.method == "POST":
        given = request.POST
        asked = given.get("application", "")
        try:
            made = publishing.object_to(
                publication,
                given.get("name", ""),
                given.get("contact", ""),
                given.get("text", ""),
                int(asked) if re.fullmatch(r"[0-9]{1,18}", asked) else None,
            )
            messages.success(request, _("Your objection came in. Its number: %(number)s") % {"number": made.number})
            return HttpResponseRedirect(reverse("governance-publication", args=[pk]))
        except GongfuError as error:
            problem, status = error.text(get_language()), error.http_status
    answered = publication.objections.filter(answered_at__isnull=False)
    listed = list(publication.listed.select_related("notice").order_by("name", "pk"))
    scheme = sums.scheme_of(publication.notice)
    context = {
        "publication": publication,
        "listed": [(one, scheme.find(one.clause)) for one in listed],
        "answered": answered,
        "waiting": publication.objections.filter(answered_at__isnull=True) if official else [],
        "number": publication.objections.count(),
        "official": official,
        "problem": problem,
        "given": request.POST,
    }
    return render(request, "applications/publication.html", context, status=status)


@require_http_methods(["GET", "POST"])
def publish_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose what of a notice is put on public notice."""
    user = accounts.user_of(request)
    notice = services.notice_for(user, pk)
    require_official(user, notice)
    problem, status = "", 200
    if request.method == "POST":
        given = request.POST
        chosen = [int(one) for one in given.getlist("application") if re.fullmatch(r"[0-9]{1,18}", one)]
        try:
            made = publishing.publish(user, notice, given.get("title", ""), given.get("text", ""), chosen)
            return HttpResponseRedirect(reverse("governance-publication", args=[made.pk]))
        except GongfuError as error:
            problem, status = error.text(get_language()), error.http_status
    rows = [(one, sums.result(one).due) for one in publishing.waiting(notice)]
    days = notice.stage_days[State.PUBLIC]
    ends = clock.day_after(notice.organisation, clock.today(), days)
    context = {"notice": notice, "rows": rows, "days": days, "ends": ends, "problem": problem, "given": request.POST}
    return render(request, "applications/publish.html", context, status=status)


@require_POST
def answer(request: HttpRequest, pk: int, objection: int) -> HttpResponse:
    """Answer an objection."""
    user = accounts.user_of(request)
    try:
        publishing.answer(user, objection, request.POST.get("text", ""), upheld="upheld" in request.POST)
    except GongfuError as error:
        if error.http_status in (403, 404):
            raise
        messages.error(request, error.text(get_language()))
    return HttpResponseRedirect(reverse("governance-publication", args=[pk]))


urlpatterns = [
    path("governance/publications/", publications_page, name="governance-publications"),
    path("governance/publications/<int:pk>/", publication_page, name="governance-publication"),
    path("governance/publications/<int:pk>/objections/<int:objection>", answer, name="governance-objection-answer"),
    path("governance/notices/<int:pk>/publish-results/", publish_page, name="governance-notice-results"),
]

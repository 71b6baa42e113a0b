"""Notices: the public list and page, without signing in; and the form by which officials write and publish one."""

from __future__ import annotations

import datetime as dt
import re

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gongfu.governance.applications import clock, procedure, services, sums
from gongfu.governance.applications.models import Application, Notice
from gongfu.governance.applications.permissions import acts_for_office, may_apply_for, office_of
from gongfu.governance.applications.procedure import NAMES, OPTIONAL, State
from gongfu.governance.applications.services import NoticeDraft
from gongfu.governance.support import figures, versions
from gongfu.governance.support.schemes import Scheme
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark, translate

_STAGES = (
    *(State.SUBMITTED, State.RETURNED, State.JOINT, State.REVIEW, State.CONSULT, State.PUBLIC, State.DELIBERATION),
    *(State.APPROVED, State.INSPECTION),
)


def visitor(request: HttpRequest) -> User | None:
    """Who looks; None for somebody who has not signed in."""
    return request.user if isinstance(request.user, User) else None


@login_not_required
@require_safe
def notices_page(request: HttpRequest) -> HttpResponse:
    """Every notice, those that are open first."""
    user = visitor(request)
    found = list(services.notices(user)[:200])
    open_now = [one for one in found if one.is_open]
    context = {
        "open": open_now,
        "coming": [one for one in found if one.state == Notice.Standing.PUBLISHED and one.opens_on > clock.today()],
        "over": [one for one in found if one.state == Notice.Standing.PUBLISHED and one.closes_on < clock.today()],
        "drafts": [one for one in found if one.state == Notice.Standing.DRAFT],
        "official": user is not None and acts_for_office.test(user, None),
    }
    return render(request, "applications/notices.html", context)


@login_not_required
@require_safe
def notice_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The notice with its clauses in the document's own words, and where to begin."""
    user = visitor(request)
    notice = services.notice_for(user, pk)
    scheme = sums.scheme_of(notice)
    official = user is not None and acts_for_office.test(user, notice)
    chosen = [scheme.find(key) for key in notice.clauses]
    days = notice.stage_days
    context = {
        "notice": notice,
        "scheme": scheme,
        "clauses": [(one, figures.form(one), figures.figures(one), figures.limits(one)) for one in chosen],
        "stages": [(translate(NAMES[one]), days[one]) for one in _STAGES if one not in notice.stages_left_out],
        "applicants": may_apply_for(user) if user else [],
        "mine": Application.objects.visible_to(user).filter(notice=notice, organisation__in=may_apply_for(user))
        if user
        else [],
        "official": official,
        "number": services.handed_in(notice.organisation).filter(notice=notice).count() if official else 0,
        "publications": notice.publications.all(),
    }
    return render(request, "applications/notice.html", context)


@require_http_methods(["GET", "POST"])
def edit_page(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """A new notice, or a draft; nothing that was typed is lost when it is refused."""
    user = accounts.user_of(request)
    notice = services.notice_for(user, pk) if pk is not None else None
    office = (
        notice.organisation if notice else office_of(user, request.POST.get("office", request.GET.get("office", "")))
    )
    today = clock.today()
    schemes = [one for one in versions.schemes_of(office) if one.until >= today]
    asked = request.POST.get("family") or request.GET.get("family") or (notice.family if notice else "")
    scheme = next((one for one in schemes if one.family == asked), schemes[0] if schemes else None)
    if scheme is None:
        raise NotFound(mark("No document of support is in force."))
    context: dict[str, object] = {
        "notice": notice,
        "office": office,
        "schemes": {one.family: one for one in schemes}.values(),
        "scheme": scheme,
        "departments": Organisation.objects.filter(kind__in=("department", "authority")).exclude(pk=office.pk)[:200],
        "optional": [(one.value, translate(NAMES[one])) for one in OPTIONAL],
        "stages": [(one.value, translate(NAMES[one]), procedure.DAYS[one]) for one in _STAGES],
        "given": _given(request, notice, today),
    }
    status = 200
    if request.method == "POST":
        try:
            made = services.keep_notice(user, office, _draft(request, scheme, office), notice)
            if request.POST.get("do") == "publish":
                services.publish_notice(user, made)
                messages.success(request, _("Published: everybody can read it now."))
            return HttpResponseRedirect(reverse("governance-notice", args=[made.pk]))
        except GongfuError as error:
            if error.http_status in (403, 404):
                raise
            context["problem"], status = error.text(get_language()), error.http_status
    return render(request, "applications/notice_form.html", context, status=status)


def _given(request: HttpRequest, notice: Notice | None, today: dt.date) -> dict[str, object]:
    """What the form shows: what was typed, else what is kept, else how a notice begins."""
    if request.method == "POST":
        sent = request.POST
        given: dict[str, object] = {name: sent.get(name, "") for name in sent}
        lists = {name: sent.getlist(name) for name in ("clause", "department", "left_out")}
        return given | lists | {"days": {one.value: sent.get(f"days-{one.value}", "") for one in _STAGES}}
    if notice is None:
        return {
            "opens_on": today.isoformat(),
            "closes_on": (today + dt.timedelta(days=30)).isoformat(),
            "papers": "\n".join((_("Application form with seal"), _("Copy of the business licence"))),
            "clause": [],
            "department": [],
            "left_out": [],
            "lapses": True,
            "days": {one.value: procedure.DAYS[one] for one in _STAGES},
        }
    names = ("number", "title", "text", "audience", "deliberates", "contact", "inspected", "lapses")
    return {name: getattr(notice, name) for name in names} | {
        "opens_on": notice.opens_on.isoformat(),
        "closes_on": notice.closes_on.isoformat(),
        "papers": "\n".join(title for _key, title in notice.papers),
        "clause": notice.clauses,
        "department": [str(one.pk) for one in notice.departments.all()],
        "left_out": notice.left_out,
        "days": {one.value: notice.stage_days[one] for one in _STAGES},
    }


def _draft(request: HttpRequest, scheme: Scheme, office: Organisation) -> NoticeDraft:
    sent = request.POST
    titles = [line.strip()[:120] for line in sent.get("papers", "").splitlines() if line.strip()]
    if len(titles) > 30:
        raise Invalid(mark("At most {most} papers."), most=30)
    wanted = [int(one) for one in sent.getlist("department") if re.fullmatch(r"[0-9]{1,18}", one)]
    known = Organisation.objects.filter(kind__in=("department", "authority"), pk__in=wanted).exclude(pk=office.pk)
    return NoticeDraft(
        number=sent.get("number", ""),
        title=sent.get("title", ""),
        text=sent.get("text", ""),
        family=scheme.family,
        clauses=[one.key for one in scheme.clause if one.key in sent.getlist("clause")],
        opens_on=day(sent.get("opens_on", "")),
        closes_on=day(sent.get("closes_on", "")),
        papers=[(f"p{number}", title) for number, title in enumerate(titles, 1)],
        audience=sent.get("audience", ""),
        left_out=sent.getlist("left_out"),
        days={one.value: _days(sent.get(f"days-{one.value}", "")) or procedure.DAYS[one] for one in _STAGES},
        inspected="inspected" in sent,
        lapses="lapses" in sent,
        departments=list(known),
        deliberates=sent.get("deliberates", ""),
        contact=sent.get("contact", ""),
    )


def _days(text: str) -> int:
    if not re.fullmatch(r"[0-9]{0,3}", text.strip()):
        raise Invalid(mark("A stage takes 1 to 250 working days."))
    return int(text.strip() or 0)


def day(text: str) -> dt.date:
    """A typed date; raises :class:`Invalid`."""
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise Invalid(
            mark("{value} is no date."), remedy=mark("Write it like 2026-11-20."), value=repr(text[:40])
        ) from None


@require_POST
def publish(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a draft to everybody."""
    user = accounts.user_of(request)
    notice = services.notice_for(user, pk)
    services.publish_notice(user, notice)
    messages.success(request, _("Published: everybody can read it now."))
    return HttpResponseRedirect(reverse("governance-notice", args=[pk]))


@require_POST
def begin(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin an application under one of its clauses."""
    user = accounts.user_of(request)
    notice = services.notice_for(user, pk)
    offered = may_apply_for(user)
    asked = request.POST.get("organisation", "")
    applicant = next((one for one in offered if str(one.pk) == asked), None)
    if applicant is None:
        raise NotFound(mark("There is no such organisation, or you may not apply for it."))
    made = services.begin(user, notice, request.POST.get("clause", ""), applicant)
    return HttpResponseRedirect(reverse("governance-application-form", args=[made.pk]))


urlpatterns = [
    path("governance/notices/", notices_page, name="governance-notices"),
    path("governance/notices/new/", edit_page, name="governance-notice-new"),
    path("governance/notices/<int:pk>/", notice_page, name="governance-notice"),
    path("governance/notices/<int:pk>/edit/", edit_page, name="governance-notice-edit"),
    path("governance/notices/<int:pk>/publish", publish, name="governance-notice-publish"),
    path("governance/notices/<int:pk>/begin", begin, name="governance-notice-begin"),
]

"""An application as a story: what happened, what comes next, and everything an official or department does with it."""

from __future__ import annotations

import re
from decimal import Decimal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gongfu.governance.applications import (
    clock,
    forms,
    paying,
    procedure,
    requirements,
    reviewing,
    services,
    signalling,
    steps,
    sums,
)
from gongfu.governance.applications.models import Application, Opinion
from gongfu.governance.applications.notice_pages import day
from gongfu.governance.applications.paying import Part
from gongfu.governance.applications.permissions import acts_for_applicant, acts_for_office
from gongfu.governance.applications.procedure import NAMES, State
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Membership, Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark, translate

ZERO = Decimal(0)


@require_safe
def story_page(request: HttpRequest, pk: int) -> HttpResponse:
    """State, what comes next, the sum and its reasons, and everything that happened."""
    user = accounts.user_of(request)
    return _story(request, user, services.application_for(user, pk))


def _story(
    request: HttpRequest, user: User, application: Application, problem: str = "", status: int = 200
) -> HttpResponse:
    official = acts_for_office.test(user, application)
    language = get_language()
    every = steps.told(application, internal=official)
    buttons = []
    for one in steps.available(user, application):
        lacks = steps.missing(application, one)
        buttons.append((one, translate(one.label), lacks.text(language) if lacks else ""))
    context: dict[str, object] = {
        "application": application,
        "notice": application.notice,
        "official": official,
        "applicant": acts_for_applicant.test(user, application),
        "problem": problem,
        "given": request.POST,
        "buttons": buttons,
        "course": [(translate(NAMES[stage]), place) for stage, place in steps.course(application)],
        "steps": every,
        "papers": application.attachments.all(),
        "known": [(translate(label), value, translate(source)) for label, value, source in application.known],
        "answers": _answers(application),
        "change": paying.waiting_change(application) if application.submitted_at else None,
        "opinions": application.opinions.select_related("organisation") if official else [],
        "mine": _my_question(user, application),
        "colleagues": _colleagues(application) if official and application.is_open else [],
        "departments": Organisation.objects.filter(kind__in=("department", "authority")).exclude(
            pk=application.office.pk
        )[:200]
        if official and application.state in (State.JOINT, State.CONSULT)
        else [],
        "objections": application.objections.all() if official else [],
        "decided": any(one.name in ("approve", "refuse", "uphold", "revoke") for one in every),
        "today": clock.today(),
        "may_decide": official and application.state == State.DELIBERATION,
        "signals": signalling.concerning(application) if official and application.submitted_at else [],
        **reviewing.context(user, application, official=official),
    }
    if context["decided"]:
        context["paid"] = requirements.paid(application)
        context["instalments"] = [
            (one, (paying.hindrance(application, one) if official else None)) for one in application.instalments.all()
        ]
    try:
        context["result"] = sums.result(application, decided=application.approved)
    except GongfuError as error:
        context["no_result"] = error.text(language)
    return render(request, "applications/story.html", context, status=status)


def _answers(application: Application) -> list[tuple[str, str]]:
    clause = sums.clause_of(application)
    language = get_language()
    shown = [(one.text(language), application.answers.get(one.name, "")) for one in forms.fields(clause)]
    if application.submitted_at is None:
        return shown
    kept = {"account_holder": application.account_holder, "bank": application.bank, "account": application.account}
    named = [
        (one.text(language), kept.get(one.name, application.answers.get(one.name, ""))) for one in forms.fields(clause)
    ]
    return [(label, text) for label, text in named if text]


def _my_question(user: User, application: Application) -> Opinion | None:
    if application.state not in (State.JOINT, State.CONSULT):
        return None  # departments are asked in no other stage
    found = application.opinions.filter(stage=application.state, verdict="").select_related("organisation")
    return next((one for one in found if can_edit.test(user, one)), None)


def _colleagues(application: Application) -> list[User]:
    roles = Membership.objects.filter(organisation=application.office, role__in=("admin", "engineer"))
    people = User.objects.filter(pk__in=roles.values("user"), is_active=True).order_by("username")[:100]
    return [one for one in people if acts_for_office.test(one, application)]


def _version(request: HttpRequest) -> int:
    sent = request.POST.get("version", "")
    if not re.fullmatch(r"[0-9]{1,9}", sent):
        raise Invalid(mark("The form was sent incomplete."), remedy=mark("Load the page again."))
    return int(sent)


@require_POST
def act(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Whatever is done on the page of an application; refused things are said on it, with what was typed."""
    user = accounts.user_of(request)
    application = services.application_for(user, pk)
    doing = _ACTS.get(what)
    try:
        if doing is not None:
            doing(request, user, application)
        else:
            given = request.POST
            services.take(
                user,
                application,
                procedure.move(what).name,
                version=_version(request),
                reason=given.get("reason", ""),
                document=given.get("document", ""),
            )
            messages.success(request, _("Done: %(what)s") % {"what": translate(procedure.move(what).label)})
    except GongfuError as error:
        if error.http_status == 404:
            raise
        again = services.application_for(user, pk)
        return _story(request, user, again, error.text(get_language()), error.http_status)
    if not Application.objects.visible_to(user).filter(pk=pk).exists():
        return HttpResponseRedirect(reverse("governance-desk"))
    return HttpResponseRedirect(reverse("governance-application", args=[pk]))


def _delegate(request: HttpRequest, user: User, application: Application) -> None:
    asked = request.POST.get("colleague", "")
    colleague = User.objects.filter(username=asked, is_active=True).first()
    if colleague is None:
        raise NotFound(mark("There is no such person."))
    services.delegate(user, application, colleague, _version(request))


def _ask(request: HttpRequest, user: User, application: Application) -> None:
    asked = request.POST.get("department", "")
    found = Organisation.objects.filter(kind__in=("department", "authority"))
    department = found.filter(pk=asked).first() if re.fullmatch(r"[0-9]{1,18}", asked) else None
    if department is None:
        raise NotFound(mark("There is no such department."))
    services.ask_department(user, application, department)


def _opinion(request: HttpRequest, user: User, application: Application) -> None:
    asked = request.POST.get("opinion", "")
    opinion = services.opinion_for(user, int(asked) if re.fullmatch(r"[0-9]{1,18}", asked) else 0)
    services.give_opinion(user, opinion, request.POST.get("verdict", ""), request.POST.get("text", ""))


def _approve(request: HttpRequest, user: User, application: Application) -> None:
    given = request.POST
    amounts, dates = given.getlist("part_amount"), given.getlist("part_due")
    afters, ends = given.getlist("part_after"), set(given.getlist("part_inspection"))
    parts = [
        Part(forms.money(amount), day(due), after, str(number) in ends)
        for number, (amount, due, after) in enumerate(zip(amounts, dates, afters, strict=False), 1)
        if amount.strip()
    ]
    paying.approve(
        user,
        application,
        forms.money(given.get("amount", "")),
        parts,
        document=given.get("document", ""),
        reason=given.get("reason", ""),
        version=_version(request),
    )


def _part(request: HttpRequest) -> int:
    asked = request.POST.get("part", "")
    return int(asked) if re.fullmatch(r"[0-9]{1,18}", asked) else 0


def _pay(request: HttpRequest, user: User, application: Application) -> None:
    given = request.POST
    paying.pay(
        user,
        application,
        _part(request),
        paid_on=day(given.get("paid_on", "")),
        document=given.get("document", ""),
        version=_version(request),
    )


def _reach(request: HttpRequest, user: User, application: Application) -> None:
    paying.reach(user, application, _part(request), request.POST.get("evidence", ""))


def _account(request: HttpRequest, user: User, application: Application) -> None:
    given = request.POST
    paying.change_account(
        user,
        application,
        given.get("account_holder", ""),
        given.get("bank", ""),
        given.get("account", ""),
        given.get("reason", ""),
    )


def _decide_account(request: HttpRequest, user: User, application: Application) -> None:
    given = request.POST
    asked = given.get("change", "")
    key = int(asked) if re.fullmatch(r"[0-9]{1,18}", asked) else 0
    paying.decide_account(user, application, key, accept=given.get("do") == "accept", reason=given.get("reason", ""))


def _recover(request: HttpRequest, user: User, application: Application) -> None:
    given = request.POST
    paying.recover(
        user,
        application,
        forms.money(given.get("amount", "")),
        reason=given.get("reason", ""),
        document=given.get("document", ""),
        version=_version(request),
    )


def _came_back(request: HttpRequest, user: User, application: Application) -> None:
    given = request.POST
    paying.came_back(
        user,
        application,
        forms.money(given.get("amount", "")),
        paid_on=day(given.get("paid_on", "")),
        document=given.get("document", ""),
        version=_version(request),
    )


_ACTS = {
    "delegate": _delegate,
    "ask": _ask,
    "opinion": _opinion,
    "approve": _approve,
    "pay": _pay,
    "reach": _reach,
    "account": _account,
    "decide-account": _decide_account,
    "recover": _recover,
    "came-back": _came_back,
    **reviewing.ACTS,
}
urlpatterns = [
    path("governance/applications/<int:pk>/", story_page, name="governance-application"),
    path("governance/applications/<int:pk>/act/<slug:what>", act, name="governance-application-act"),
]

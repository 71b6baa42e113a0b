"""The applicant's pages: what is open and mine, the form that keeps itself, papers, handing in."""

from __future__ import annotations

import re
import secrets

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gongfu.governance.applications import attaching, forms, known, requirements, services, sniffing, sums
from gongfu.governance.applications.models import Application, Attachment
from gongfu.governance.applications.permissions import may_apply_for
from gongfu.governance.applications.procedure import State
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Conflict, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark, translate


@require_safe
def portal_page(request: HttpRequest) -> HttpResponse:
    """What I can apply for, what I have applied for, what waits for me."""
    user = accounts.user_of(request)
    mine = Application.objects.visible_to(user).filter(organisation__in=may_apply_for(user))
    every = list(mine.select_related("notice", "organisation").order_by("-updated_at")[:200])
    waiting = (State.DRAFT, State.RETURNED)
    context = {
        "open": [one for one in services.notices(user)[:200] if one.is_open],
        "waiting": [one for one in every if one.state in waiting],
        "running": [one for one in every if one.is_open and one.state not in waiting],
        "over": [one for one in every if one.ended],
        "applicants": may_apply_for(user),
    }
    return render(request, "applications/portal.html", context)


@require_http_methods(["GET", "POST"])
def form_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The form; POST hands it in. Nothing that was typed is lost when it is refused."""
    user = accounts.user_of(request)
    application = services.form_for(user, pk)
    if not application.editable:
        return HttpResponseRedirect(reverse("governance-application", args=[pk]))
    faults: dict[str, GongfuError] = {}
    problem, status = "", 200
    if request.method == "POST":
        try:
            application = _kept(request, user, pk)
            if request.POST.get("do") == "submit":
                application = services.hand_in(user, application, application.version)
                messages.success(request, _("Handed in. Your receipt: %(number)s") % {"number": application.number})
                return HttpResponseRedirect(reverse("governance-application", args=[pk]))
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(reverse("governance-application-form", args=[pk]))
        except GongfuError as error:
            if error.http_status in (403, 404):
                raise
            problem, status = error.text(get_language()), error.http_status
            application = services.form_for(user, pk)
            faults = requirements.faults_of(application)
    context = _form(request, application, faults) | {"problem": problem}
    return render(request, "applications/form.html", context, status=status)


def _kept(request: HttpRequest, user: User, pk: int) -> Application:
    sent = request.POST
    version = sent.get("version", "")
    if not re.fullmatch(r"[0-9]{1,9}", version):
        raise Invalid(mark("The form was sent incomplete."), remedy=mark("Load the page again."))
    own = ("version", "window", "do", "fact", "csrfmiddlewaretoken")
    answers = {name: str(sent[name]) for name in sent if name not in own}
    window = sent.get("window", "")
    return services.keep_form(user, pk, answers, sent.getlist("fact"), int(version), window)


def _form(request: HttpRequest, application: Application, faults: dict[str, GongfuError]) -> dict[str, object]:
    scheme = sums.scheme_of(application.notice, application)
    clause = scheme.find(application.clause)
    language = get_language()
    said = {name: error.text(language) for name, error in faults.items()}
    papers: dict[str, list[Attachment]] = {}
    for one in application.attachments.all():
        papers.setdefault(one.paper, []).append(one)
    asked = [*application.notice.papers, ["other", _("Anything else")]]
    return {
        "application": application,
        "window": request.POST.get("window") or secrets.token_hex(8),
        "notice": application.notice,
        "scheme": scheme,
        "clause": clause,
        "sections": [
            (
                translate(section.title),
                [
                    (one, one.text(language), application.answers.get(one.name, ""), said.get(one.name, ""))
                    for one in section.fields
                ],
            )
            for section in forms.sections(clause)
        ],
        "conditions": [
            (one, one.key in application.facts, said.get(f"fact-{one.key}", ""))
            for one in forms.conditions(scheme, clause, application.kind)
        ],
        "papers": [(key, title, papers.get(key, []), said.get(f"paper-{key}", "")) for key, title in asked],
        "known": [(translate(label), value, translate(source)) for label, value, source in _known(application)],
        "faults": len(faults),
        "endings": ",".join(f".{one.ending}" for one in sniffing.SORTS),
        "most": sniffing.MOST_BYTES // 1_000_000,
        "returned": application.steps.filter(name="return").last() if application.state == State.RETURNED else None,
        **_sum(application),
    }


def _known(application: Application) -> list[list[str]]:
    return known.snapshot(application.organisation)


def _sum(application: Application) -> dict[str, object]:
    """What it comes to now, with the explanation; or why it cannot be said."""
    try:
        return {"result": sums.result(application)}
    except GongfuError as error:
        return {"no_result": error.text(get_language())}


@require_POST
def save(request: HttpRequest, pk: int) -> HttpResponse:
    """Autosave by htmx: when it was kept, the version that is kept now, and what the sum is."""
    user = accounts.user_of(request)
    try:
        application = _kept(request, user, pk)
    except GongfuError as error:
        if error.http_status in (403, 404):
            raise
        return render(request, "applications/_saved.html", {"problem": error.text(get_language())})
    context = {"application": application, "now": timezone.now(), "swap": True} | _sum(application)
    return render(request, "applications/_saved.html", context)


@require_POST
def attach(request: HttpRequest, pk: int) -> HttpResponse:
    """Take papers in."""
    user = accounts.user_of(request)
    application = services.application_for(user, pk)
    paper = request.POST.get("paper", "other")
    try:
        files = [one for one in request.FILES.getlist("file") if isinstance(one, UploadedFile)]
        if not files:
            raise Invalid(mark("Choose a file."))
        for file in files:
            if (file.size or 0) > sniffing.MOST_BYTES:
                raise Invalid(
                    mark("{file} is larger than {most} MB."),
                    file=(file.name or "")[-80:],
                    most=sniffing.MOST_BYTES // 1_000_000,
                )
            attaching.attach(user, application, paper, (file.name or "-")[-150:], file.read())
    except GongfuError as error:
        if error.http_status in (403, 404):
            raise
        return _papers(request, user, pk, error.text(get_language()))
    return _papers(request, user, pk)


def _papers(request: HttpRequest, user: User, pk: int, problem: str = "") -> HttpResponse:
    """The papers again; by htmx alone, so that nothing typed beside them is lost."""
    if not request.headers.get("HX-Request"):
        if problem:
            messages.error(request, problem)
        return HttpResponseRedirect(f"{reverse('governance-application-form', args=[pk])}#papers")
    context = _form(request, services.application_for(user, pk), {}) | {"attach_problem": problem}
    return render(request, "applications/_papers.html", context)


@require_POST
def remove(request: HttpRequest, pk: int, paper: int) -> HttpResponse:
    """Take a paper out of a draft."""
    user = accounts.user_of(request)
    attaching.remove(user, services.application_for(user, pk), paper)
    return _papers(request, user, pk)


@require_safe
def paper_file(request: HttpRequest, pk: int, paper: int) -> FileResponse:
    """A paper, for whoever may see the application; a browser never opens it in place."""
    user = accounts.user_of(request)
    application = services.application_for(user, pk)
    found = application.attachments.filter(pk=paper).first()
    if found is None:
        raise NotFound(mark("There is no such paper."))
    try:
        opened = found.file.open("rb")
    except FileNotFoundError as error:
        raise Conflict(mark("The file of this paper is not on this node any more.")) from error
    return FileResponse(opened, as_attachment=True, filename=found.name, content_type=found.media_type)


urlpatterns = [
    path("governance/apply/", portal_page, name="governance-portal"),
    path("governance/applications/<int:pk>/form/", form_page, name="governance-application-form"),
    path("governance/applications/<int:pk>/save", save, name="governance-application-save"),
    path("governance/applications/<int:pk>/attach", attach, name="governance-application-attach"),
    path("governance/applications/<int:pk>/papers/<int:paper>", paper_file, name="governance-application-paper"),
    path("governance/applications/<int:pk>/papers/<int:paper>/remove", remove, name="governance-application-remove"),
]

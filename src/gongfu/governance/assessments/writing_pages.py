"""Answering: the form with autosave, proposals, evidence, handing in."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gongfu.governance.assessments import attaching, evidence, services, showing, telling
from gongfu.governance.assessments.models import Assessment
from gongfu.governance.assessments.scoring import Given
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark


@require_http_methods(["GET", "HEAD", "POST"])
def form_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The questionnaire; a POST keeps everything that can be kept and says what could not."""
    user = accounts.user_of(request)
    assessment = services.assessment_for(user, pk)
    if not services.may_answer(user, assessment):
        return HttpResponseRedirect(reverse("governance-assessment-result", args=[pk]))
    if request.method != "POST":
        return render(request, "assessments/form.html", _context(user, assessment, {}))
    faults = _keep_all(request, user, assessment)
    place = ""
    if "take" in request.POST:
        place = request.POST["take"]
        faults |= _tried(place, lambda: services.answer(user, assessment, place, Given(), confirmed=True))
    if "attach" in request.POST:
        place = request.POST["attach"]
        faults |= _tried(place, lambda: _attach(request, user, assessment, place))
    if faults:
        return render(request, "assessments/form.html", _context(user, assessment, faults), status=422)
    if "measure" in request.POST:
        count = services.propose(user, assessment)
        said = ngettext("%(n)d answer is proposed.", "%(n)d answers are proposed.", count) % {"n": count}
        messages.info(request, said)
    if "result" in request.POST:
        return HttpResponseRedirect(reverse("governance-assessment-result", args=[pk]))
    if not place and "measure" not in request.POST:
        messages.success(request, _("Saved."))
    return HttpResponseRedirect(reverse("governance-assessment", args=[pk]) + (f"#q-{place}" if place else ""))


def _context(user: User, assessment: Assessment, faults: dict[str, str]) -> dict[str, object]:
    found = services.questionnaire_of(assessment)
    result = services.result(assessment)
    return {
        "assessment": assessment,
        "found": found,
        "title": telling.title(found),
        "parts": showing.of(assessment, result, found),
        "result": result,
        "faults": faults,
        "reason": telling.reason(found) if found.ours else "",
        "offices": services.offices(),
        "may_hand_in": services.may_hand_in(user, assessment),
        "accept": evidence.ACCEPT,
        "corrected": [one.question for one in assessment.answers.exclude(correction="")],
    }


def _keep_all(request: HttpRequest, user: User, assessment: Assessment) -> dict[str, str]:
    """Question → what was wrong with its answer."""
    faults: dict[str, str] = {}
    known = {one.question: one for one in assessment.answers.all()}
    for question in assessment.asked.question:
        if f"there-{question.key}" not in request.POST:
            continue
        given, note = _read(request, question.key)
        kept = known.get(question.key)
        if kept is not None and kept.given == given and kept.note == note:
            continue
        if kept is None and given.missing and not note:
            continue
        try:
            services.answer(user, assessment, question.key, given, note)
        except Invalid as error:
            faults[question.key] = error.text(get_language())
    return faults


def _read(request: HttpRequest, key: str) -> tuple[Given, str]:
    note = request.POST.get(f"note-{key}", "").replace("\r\n", "\n").strip()[:1000]
    if request.POST.get(f"skip-{key}"):
        return Given("", applies=False, reason=request.POST.get(f"reason-{key}", "").strip()), note
    return Given(request.POST.get(f"value-{key}", "").strip()), note


def _tried(key: str, act: Callable[[], object]) -> dict[str, str]:
    try:
        act()
    except (Conflict, Forbidden):
        raise
    except GongfuError as error:
        return {key: error.text(get_language())}
    return {}


def _attach(request: HttpRequest, user: User, assessment: Assessment, key: str) -> None:
    file, link = request.FILES.get(f"file-{key}"), request.POST.get(f"link-{key}", "").strip()
    if isinstance(file, UploadedFile):
        if (file.size or 0) > evidence.MOST_BYTES:
            raise Invalid(mark("The file is larger than {most} MB."), most=evidence.MOST_BYTES // 1_000_000)
        attaching.attach_file(user, assessment, key, file.name or "", file.read())
    elif link:
        attaching.attach_link(user, assessment, key, link)
    else:
        raise Invalid(mark("Choose a file or give a link."))


@require_POST
def answer_part(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Autosave of one answer: says that it is kept, or what is wrong; with ``take`` the question with its proposal."""
    user = accounts.user_of(request)
    assessment = services.assessment_for(user, pk)
    question = assessment.asked.find(key)
    fault = ""
    try:
        if request.POST.get("take"):
            services.answer(user, assessment, key, Given(), confirmed=True)
        else:
            services.answer(user, assessment, key, *_read(request, key))
    except Invalid as error:
        fault = error.text(get_language())
    found, result = services.questionnaire_of(assessment), services.result(assessment)
    context: dict[str, object] = {
        "assessment": assessment,
        "found": found,
        "result": result,
        "question": question,
        "fault": fault,
        "now": timezone.localtime(),
        "accept": evidence.ACCEPT,
    }
    if request.POST.get("take"):
        every = [one for part in showing.of(assessment, result, found) for one in part.asked]
        context["one"] = next(one for one in every if one.question.key == key)
        return render(request, "assessments/_taken.html", context)
    return render(request, "assessments/_kept.html", context)


@require_POST
def detach_action(request: HttpRequest, pk: int) -> HttpResponse:
    """Take evidence away."""
    user = accounts.user_of(request)
    found = attaching.evidence_for(user, pk)
    back = reverse("governance-assessment", args=[found.assessment_id]) + f"#q-{found.question}"
    attaching.detach(user, found)
    return HttpResponseRedirect(back)


@require_safe
def evidence_file(request: HttpRequest, pk: int) -> FileResponse:
    """The paper, always as a download."""
    found = attaching.evidence_for(accounts.user_of(request), pk)
    if not found.file:
        raise NotFound(mark("There is no evidence {pk}."), pk=pk)
    response = FileResponse(
        found.file.open("rb"), as_attachment=True, filename=found.name, content_type=found.media_type
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
def hand_in_action(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand in to the office chosen; what is missing is said on the form."""
    user = accounts.user_of(request)
    assessment = services.assessment_for(user, pk)
    office = _office(request.POST.get("office", ""))
    try:
        services.hand_in(user, assessment, office)
    except Invalid as error:
        context = _context(user, assessment, {}) | {"problem": error.text(get_language())}
        return render(request, "assessments/form.html", context, status=422)
    messages.success(request, _("Handed in."))
    return HttpResponseRedirect(reverse("governance-assessment-result", args=[pk]))


def _office(key: str) -> Organisation:
    every = services.offices()
    found = next((one for one in every if str(one.pk) == key), None)
    if found is None and not key and len(every) == 1:
        return every[0]
    if found is None:
        raise Invalid(mark("Choose the office to which it goes."))
    return found


@require_POST
def take_back_action(request: HttpRequest, pk: int) -> HttpResponse:
    """Make it a draft again."""
    user = accounts.user_of(request)
    services.take_back(user, services.assessment_for(user, pk))
    messages.success(request, _("It is a draft again."))
    return HttpResponseRedirect(reverse("governance-assessment", args=[pk]))


urlpatterns = [
    path("governance/assessments/<int:pk>/", form_page, name="governance-assessment"),
    path("governance/assessments/<int:pk>/answers/<str:key>", answer_part, name="governance-assessment-answer"),
    path("governance/assessments/<int:pk>/hand-in", hand_in_action, name="governance-assessment-hand-in"),
    path("governance/assessments/<int:pk>/take-back", take_back_action, name="governance-assessment-take-back"),
    path("governance/evidence/<int:pk>", evidence_file, name="governance-evidence"),
    path("governance/evidence/<int:pk>/detach", detach_action, name="governance-evidence-detach"),
]

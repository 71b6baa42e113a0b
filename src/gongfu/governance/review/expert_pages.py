"""Pages of an expert: the list, and one review to read and judge. Made for a tablet."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from gongfu.governance.review import judging, services
from gongfu.governance.review.models import Assignment, Panel, Score
from gongfu.governance.review.scoring import Criterion
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import GongfuError, NotFound
from gongfu.kernel.i18n import mark

State = Assignment.State


@dataclass(frozen=True)
class Line:
    """A review in the list."""

    assignment: Assignment
    score: Score
    days: int
    """Working days left."""

    @property
    def waits(self) -> bool:
        """Whether the expert has to do something."""
        return self.assignment.panel.state == Panel.State.OPEN and not self.score.locked


@never_cache
@require_GET
def list_page(request: HttpRequest) -> HttpResponse:
    """What the expert judges and judged."""
    found = judging.mine(accounts.user_of(request)).sitting()
    lines = [Line(one, judging.score_of(one), services.days_left(one.panel)) for one in found[:200]]
    waits = [one for one in lines if one.waits]
    context = {"waits": waits, "done": [one for one in lines if not one.waits]}
    return render(request, "review/mine.html", context)


@never_cache
@require_GET
def review_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The blind extract beside the criteria."""
    return _page(request, _mine(request, pk))


def _mine(request: HttpRequest, pk: int) -> Assignment:
    one = judging.find(accounts.user_of(request), pk)
    if one.state not in (State.ASKED, State.ACCEPTED):
        raise NotFound(mark("There is no such review."), remedy=mark("Choose one from your list."))
    return one


def _page(request: HttpRequest, one: Assignment, error: GongfuError | None = None) -> HttpResponse:
    panel, score = one.panel, judging.score_of(one)
    refused = request.POST if error is not None else None
    given = {key: str(value) for key, value in score.points.items()}
    rows: list[tuple[Criterion, str]] = [
        (each, refused.get(f"points-{each.key}", "") if refused is not None else given.get(each.key, ""))
        for each in panel.criterion_list
    ]
    context = {
        "one": one,
        "panel": panel,
        "score": score,
        "rows": rows,
        "comment": refused.get("comment", "") if refused is not None else score.comment,
        "others": judging.others(one),
        "days": services.days_left(panel),
        "open": panel.state == Panel.State.OPEN and not score.locked,
        "error": error.text(get_language()) if error is not None else "",
    }
    return render(request, "review/judge.html", context, status=error.http_status if error is not None else 200)


def _given(request: HttpRequest) -> tuple[dict[str, object], str, int | None]:
    """Marks, comment and version of a form."""
    version = request.POST.get("version", "")
    points: dict[str, object] = {
        key.removeprefix("points-"): value for key, value in request.POST.items() if key.startswith("points-")
    }
    return points, request.POST.get("comment", ""), int(version) if version.isdecimal() and len(version) < 9 else None


@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept, decline, or declare a conflict."""
    user, one = accounts.user_of(request), _mine(request, pk)
    try:
        if request.POST.get("answer") == "accept":
            judging.accept(user, one)
            return HttpResponseRedirect(reverse("governance-reviews-one", args=[pk]))
        conflict = request.POST.get("answer") == "conflict"
        judging.decline(user, one, request.POST.get("reason", ""), conflict=conflict)
    except GongfuError as error:
        if Assignment.objects.get(pk=pk).state in (State.ASKED, State.ACCEPTED):
            return _page(request, judging.find(user, pk), error)
        messages.error(request, error.text(get_language()))
    else:
        messages.success(request, gettext("Thank you. Another expert is asked instead."))
    return HttpResponseRedirect(reverse("governance-reviews"))


@require_POST
def save(request: HttpRequest, pk: int) -> JsonResponse:
    """Keep the draft, asked for by the page itself: ``{version, complete, at}`` or ``{error}``."""
    points, comment, version = _given(request)
    try:
        kept = judging.save(accounts.user_of(request), _mine(request, pk), points, comment, version)
    except GongfuError as error:
        return JsonResponse({"error": error.text(get_language()), "code": error.code}, status=error.http_status)
    at = f"{timezone.localtime():%H:%M}"
    return JsonResponse({"version": kept.version, "complete": kept.complete, "at": at})


@require_POST
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Lock the marks; or, without scripts, keep the draft."""
    user, one = accounts.user_of(request), _mine(request, pk)
    points, comment, version = _given(request)
    try:
        if "draft" in request.POST:
            judging.save(user, one, points, comment, version)
            messages.success(request, gettext("Your draft is kept."))
            return HttpResponseRedirect(reverse("governance-reviews-one", args=[pk]))
        judging.submit(user, one, points, comment, version)
    except GongfuError as error:
        return _page(request, judging.find(user, pk), error)
    messages.success(request, gettext("Your judgement is submitted. Thank you."))
    return HttpResponseRedirect(reverse("governance-reviews"))

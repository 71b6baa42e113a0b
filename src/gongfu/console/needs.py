"""What needs the person who looks: things that stand still until somebody acts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from gongfu.data.alarms import services as alarms
from gongfu.governance.applications import due as support
from gongfu.governance.assessments import due as assessments
from gongfu.governance.indicators import due as figures
from gongfu.governance.review import desk as reviews
from gongfu.identity.business import services as business
from gongfu.kernel import queries
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, is_platform_admin
from gongfu.platform.devices import services as devices
from gongfu.platform.edges import services as edges


@dataclass(frozen=True)
class Need:
    """So many things of one kind, and where they are."""

    count: int
    sentence: str
    url: str


def needs(user: User) -> list[Need]:
    """Whatever waits for ``user``; people who may only read are never asked."""
    kinds = {
        _waiting_alarms: alarms.unacknowledged(user),
        _due_figures: figures.assigned(user),
        _waiting_figures: figures.reported(user),
        _due_applications: support.late_or_today(user),
        _asked_opinions: support.unanswered(user),
        _returned_applications: support.to_complete(user),
        _asked_reviews: reviews.sitting(user),
        _stuck_reviews: reviews.undecided(user),
        _assessments: assessments.unsettled(user),
        _due_assessments: assessments.earlier(user),
    }
    if can_edit(user, None):
        kinds |= {
            _refused_devices: devices.refused(user),
            _waiting_prefixes: business.waiting(user),
            _waiting_rules: edges.proposed_rules(user),
        }
    some = queries.which(kinds)
    return [need for tell in kinds if tell in some for need in tell(user)]


def _waiting_alarms(user: User) -> Iterator[Need]:
    waiting = alarms.unacknowledged(user).count()
    if waiting:
        sentence = ngettext("%(n)d alarm waits to be acknowledged.", "%(n)d alarms wait to be acknowledged.", waiting)
        yield Need(waiting, sentence % {"n": waiting}, f"{reverse('data-alarms')}?which=unacknowledged")


def _refused_devices(user: User) -> Iterator[Need]:
    refused = devices.refused(user).count()
    if refused:
        sentence = ngettext(
            "%(n)d device has a configuration that cannot work.",
            "%(n)d devices have a configuration that cannot work.",
            refused,
        )
        yield Need(refused, sentence % {"n": refused}, f"{reverse('platform-devices')}?connection=refused")


def _waiting_prefixes(user: User) -> Iterator[Need]:
    waiting, state = business.waiting(user).count(), "submitted" if is_platform_admin.test(user, None) else "returned"
    if waiting:
        sentence = ngettext(
            "%(n)d application for a prefix waits for you.", "%(n)d applications for prefixes wait for you.", waiting
        )
        yield Need(waiting, sentence % {"n": waiting}, f"{reverse('identity-applications')}?state={state}")


def _waiting_rules(user: User) -> Iterator[Need]:
    waiting = edges.waiting_rules(user)
    if waiting:
        sentence = ngettext(
            "%(n)d rule of an edge node waits for a second person.",
            "%(n)d rules of edge nodes wait for a second person.",
            waiting,
        )
        yield Need(waiting, sentence % {"n": waiting}, f"{reverse('platform-edge-rules')}?state=proposed")


@require_GET
def needs_page(request: HttpRequest) -> HttpResponse:
    """The list behind the count in the top bar."""
    return render(request, "console/needs.html", {"needs": needs(accounts.user_of(request))})


@require_GET
def count_part(request: HttpRequest) -> HttpResponse:
    """The count itself, fetched beside the page: every room asks its tables for it, and no page has to wait."""
    return render(
        request, "console/_needs_count.html", {"needs": sum(one.count for one in needs(accounts.user_of(request)))}
    )


def _due_figures(user: User) -> Iterator[Need]:
    asked = sum(one.waiting is None for one in figures.due_for(user))
    if asked:
        sentence = ngettext("%(n)d figure is due to be reported.", "%(n)d figures are due to be reported.", asked)
        yield Need(asked, sentence % {"n": asked}, reverse("governance-reporting"))


def _waiting_figures(user: User) -> Iterator[Need]:
    waiting = len(figures.waiting_for(user))
    if waiting:
        sentence = ngettext("%(n)d figure waits for your signature.", "%(n)d figures wait for your signature.", waiting)
        yield Need(waiting, sentence % {"n": waiting}, reverse("governance-reporting"))


def _due_applications(user: User) -> Iterator[Need]:
    due = support.late_or_today(user).count()
    if due:
        sentence = ngettext(
            "%(n)d application for support is due today or late.",
            "%(n)d applications for support are due today or late.",
            due,
        )
        yield Need(due, sentence % {"n": due}, reverse("governance-desk"))


def _asked_opinions(user: User) -> Iterator[Need]:
    asked = len(support.questions(user))
    if asked:
        sentence = ngettext(
            "%(n)d application waits for your department's opinion.",
            "%(n)d applications wait for your department's opinion.",
            asked,
        )
        yield Need(asked, sentence % {"n": asked}, reverse("governance-desk"))


def _returned_applications(user: User) -> Iterator[Need]:
    returned = support.to_complete(user).count()
    if returned:
        sentence = ngettext(
            "%(n)d application for support has to be completed.",
            "%(n)d applications for support have to be completed.",
            returned,
        )
        yield Need(returned, sentence % {"n": returned}, reverse("governance-portal"))


def _asked_reviews(user: User) -> Iterator[Need]:
    asked = len(reviews.to_judge(user))
    if asked:
        sentence = ngettext(
            "%(n)d application waits for your review.", "%(n)d applications wait for your review.", asked
        )
        yield Need(asked, sentence % {"n": asked}, reverse("governance-reviews"))


def _stuck_reviews(user: User) -> Iterator[Need]:
    stuck = len(reviews.waiting(user))
    if stuck:
        sentence = ngettext(
            "%(n)d expert review is late, lacks an expert or disagrees.",
            "%(n)d expert reviews are late, lack an expert or disagree.",
            stuck,
        )
        yield Need(stuck, sentence % {"n": stuck}, reverse("governance-panels"))


def _assessments(user: User) -> Iterator[Need]:
    where = reverse("governance-assessments")
    waiting, returned = assessments.to_do(user)
    if waiting:
        sentence = ngettext(
            "%(n)d self-assessment waits for your review.", "%(n)d self-assessments wait for your review.", waiting
        )
        yield Need(waiting, sentence % {"n": waiting}, where)
    if returned:
        sentence = ngettext(
            "%(n)d self-assessment is not finished.", "%(n)d self-assessments are not finished.", returned
        )
        yield Need(returned, sentence % {"n": returned}, where)


def _due_assessments(user: User) -> Iterator[Need]:
    due = len(assessments.due_for(user))
    if due:
        sentence = ngettext(
            "%(n)d self-assessment of this year is due.", "%(n)d self-assessments of this year are due.", due
        )
        yield Need(due, sentence % {"n": due}, reverse("governance-assessments"))

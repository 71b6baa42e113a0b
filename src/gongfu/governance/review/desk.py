"""What waits: for an expert the reviews to answer and to judge, for an official the panels that need a hand."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils import timezone

from gongfu.governance.review import judging, services
from gongfu.governance.review.models import Assignment, Panel
from gongfu.governance.review.permissions import judges, offices_of
from gongfu.kernel.accounts.models import User


@dataclass(frozen=True)
class Waiting:
    """A panel that stands still until an official acts, and why."""

    panel: Panel
    free: int
    """Places nobody could be drawn for."""
    late: bool


def to_judge(user: User) -> list[Assignment]:
    """Reviews ``user`` has to answer or to judge, the most urgent first."""
    if not judges.test(user, None):
        return []
    return [one for one in sitting(user) if not judging.score_of(one).locked]


def sitting(user: User) -> QuerySet[Assignment]:
    """Places of ``user`` on panels that are at work."""
    return judging.mine(user).sitting().filter(panel__state=Panel.State.OPEN)


def panels(user: User) -> QuerySet[Panel]:
    """Panels that ``user`` runs."""
    return Panel.objects.filter(organisation__in=offices_of(user)).select_related("organisation")


def undecided(user: User) -> QuerySet[Panel]:
    """Those of them that are at work, or disagree."""
    return panels(user).filter(state__in=(Panel.State.OPEN, Panel.State.DISAGREED))


def waiting(user: User) -> list[Waiting]:
    """Panels of the user's offices that experts disagree on, that lack an expert, or whose deadline has passed."""
    found = []
    for one in undecided(user):
        free, late = len(services.free_places(one)), timezone.now() > one.deadline
        if free or one.state == Panel.State.DISAGREED or late:
            found.append(Waiting(one, free, late))
    return found

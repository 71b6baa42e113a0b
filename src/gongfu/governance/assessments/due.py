"""What waits for whom: officials, experts of diagnosis, enterprises."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from gongfu.governance.assessments import services
from gongfu.governance.assessments.models import Assessment
from gongfu.governance.support.permissions import offices_of
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_operate

State = Assessment.State


def waiting_for(user: User) -> QuerySet[Assessment]:
    """What waits for the review of ``user``."""
    return services.assessments(user).filter(_to_review(user))


def _to_review(user: User) -> Q:
    """Handed in to an office of ``user`` or to oneself, of others and by others; all of it may be seen."""
    held = [one.organisation_id for one in user.memberships_cached]
    asked = Q(office__in=[one.pk for one in offices_of(user)]) | Q(diagnostician=user)
    return asked & Q(state=State.SUBMITTED) & ~Q(organisation__in=held) & ~Q(submitted_by=user)


def _to_finish(user: User) -> Q:
    """Drafts and what was sent back, of the organisations in which ``user`` may answer."""
    held = [one.organisation_id for one in user.memberships_cached if can_operate.test(user, one.organisation)]
    return Q(organisation__in=held, state__in=[State.DRAFT, State.RETURNED])


def unsettled(user: User) -> QuerySet[Assessment]:
    """What waits for the review of ``user``, and what is unfinished."""
    return Assessment.objects.filter(_to_review(user) | _to_finish(user))


def to_do(user: User) -> tuple[int, int]:
    """How many wait for the review of ``user``, and how many are unfinished; one question."""
    states = list(unsettled(user).values_list("state", flat=True))
    waiting = states.count(State.SUBMITTED)
    return waiting, len(states) - waiting


def due_for(user: User) -> list[Organisation]:
    """Enterprises that were assessed in an earlier year and not yet in this one: 定期开展 (青浦计划 三(三)8)."""
    held = [one.organisation for one in user.memberships_cached if can_operate.test(user, one.organisation)]
    rows = _integrations(held).values_list("organisation", "year", "total")
    this_year = {key for key, year, _ in rows if year == services.today().year}
    before = {key for key, year, total in rows if year < services.today().year and total is not None}
    return [one for one in dict.fromkeys(held) if one.pk in before - this_year]


def _integrations(held: Iterable[Organisation]) -> QuerySet[Assessment]:
    """Of this year and before."""
    found = Assessment.objects.filter(organisation__in=held, questionnaire__startswith=f"{services.INTEGRATION}-")
    return found.filter(year__lte=services.today().year)


def earlier(user: User) -> QuerySet[Assessment]:
    """Assessments of an earlier year of the organisations in which ``user`` may answer."""
    held = [one.organisation for one in user.memberships_cached if can_operate.test(user, one.organisation)]
    return _integrations(held).filter(year__lt=services.today().year)

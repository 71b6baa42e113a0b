"""What an expert does: accept, decline, declare a conflict, save marks, submit them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from django.db import transaction
from django.utils import timezone

from gongfu.governance.review import scoring, services
from gongfu.governance.review.models import Assignment, AssignmentQuerySet, Panel, Score
from gongfu.governance.review.scoring import Marks
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Invalid, NotFound
from gongfu.kernel.i18n import mark

State = Assignment.State


@dataclass(frozen=True)
class Saved:
    """What was kept."""

    version: int
    complete: bool
    """Whether every criterion has a mark."""


def mine(user: User) -> AssignmentQuerySet:
    """Assignments of ``user``, open ones first."""
    found = Assignment.objects.of(user).select_related("panel__organisation", "expert")
    return found.order_by("panel__decided_at", "panel__deadline", "pk")


def find(user: User, pk: int) -> Assignment:
    """One of them; raises :class:`NotFound` for anybody else's."""
    found = mine(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no such review."), remedy=mark("Choose one from your list."))
    return found


def accept(user: User, assignment: Assignment) -> None:
    """Take the place. Who has a conflict by now gives it up instead: raises :class:`Conflict` saying which."""
    with transaction.atomic():
        panel, one = _locked(user, assignment)
        if one.state == State.ACCEPTED:
            return
        against = services.conflicts_of(one)
        if not against:
            one.state, one.answered_at = State.ACCEPTED, timezone.now()
            one.save()
            audit.record(user, "accept", panel, after={"letter": one.letter})
            return
        _leave(user, panel, one, State.CONFLICT, against[0].text("en"))
    raise Conflict(
        mark("You have a tie with this application: it went to another expert."),
        remedy=mark("There is nothing to do."),
    )


def decline(user: User, assignment: Assignment, reason: str, *, conflict: bool = False) -> None:
    """Give the place up, because of a conflict of interest or for another reason; another expert is drawn at once.

    Raises :class:`Invalid` without a reason, :class:`Conflict` when the marks are in.
    """
    if not reason.strip():
        raise Invalid(mark("Say why: one sentence is enough."))
    with transaction.atomic():
        panel, one = _locked(user, assignment)
        if one.scores.filter(locked=True).exists():
            raise Conflict(mark("Your marks are submitted already."))
        _leave(user, panel, one, State.CONFLICT if conflict else State.DECLINED, reason)


def _leave(user: User, panel: Panel, one: Assignment, state: Assignment.State, reason: str) -> None:
    one.state, one.reason, one.answered_at = state, reason.strip()[:300], timezone.now()
    one.save()
    audit.record(user, state.value, panel, after={"letter": one.letter}, reason=reason)
    services.refill(panel, reason)


def score_of(assignment: Assignment) -> Score:
    """The marks of this round, empty ones when there are none yet."""
    found = assignment.scores.filter(round=assignment.panel.round).first()
    return found or Score(assignment=assignment, round=assignment.panel.round)


def others(assignment: Assignment) -> list[Marks]:
    """Marks of the round before, in a moderated round; none otherwise."""
    panel = assignment.panel
    if panel.round < 2:
        return []
    before = Score.objects.filter(assignment__panel=panel, round=panel.round - 1, locked=True)
    return sorted((one.marks() for one in before.select_related("assignment")), key=lambda one: one.letter)


def save(
    user: User, assignment: Assignment, points: Mapping[str, object], comment: str, version: int | None = None
) -> Saved:
    """Keep a draft. ``version`` is the one on the screen: raises :class:`Conflict` when a later one is kept."""
    with transaction.atomic():
        panel, one = _locked(user, assignment)
        kept = _score(panel, one, points, comment, version, whole=False)
        kept.save()
    return Saved(kept.version, len(kept.points) == len(panel.criterion_list))


def submit(
    user: User, assignment: Assignment, points: Mapping[str, object], comment: str, version: int | None = None
) -> None:
    """Lock the marks; the last of a round brings the result. Raises as :func:`save`, and :class:`Invalid` for gaps."""
    with transaction.atomic():
        panel, one = _locked(user, assignment)
        kept = _score(panel, one, points, comment, version, whole=True)
        if not kept.comment.strip():
            raise Invalid(mark("A judgement needs a sentence that gives its reasons."))
        kept.locked, kept.submitted_at = True, timezone.now()
        kept.save()
        # Nobody sees marks before everybody has submitted, not even in the audit log: a digest proves them later.
        proof = hashlib.sha256(msgspec.json.encode(dict(sorted(kept.points.items())))).hexdigest()
        audit.record(user, "submit", panel, after={"letter": one.letter, "round": panel.round, "sha256": proof})
        services.advance(panel)


def _score(
    panel: Panel, one: Assignment, points: Mapping[str, object], comment: str, version: int | None, *, whole: bool
) -> Score:
    if one.state != State.ACCEPTED:
        raise Conflict(mark("Accept the review first."), remedy=mark("Or decline it, or declare a conflict."))
    given = scoring.checked(panel.criterion_list, points, whole=whole)
    kept = score_of(one)
    if kept.locked:
        raise Conflict(mark("Your marks are submitted already."), remedy=mark("They cannot be changed any more."))
    if version is not None and version != kept.version:
        raise Conflict(
            mark("These marks were changed in another window since."), remedy=mark("Load the page again to see them.")
        )
    if len(comment) > 4000:
        raise Invalid(mark("At most {most} characters."), most=4000)
    kept.points = {key: str(value) for key, value in given.items()}
    kept.comment = comment.replace("\0", "")
    kept.version += 1
    return kept


def _locked(user: User, assignment: Assignment) -> tuple[Panel, Assignment]:
    panel = services.locked(assignment.panel)
    one = find(user, assignment.pk)
    one.panel = panel
    if panel.state != Panel.State.OPEN or one.state not in (State.ASKED, State.ACCEPTED):
        raise Conflict(mark("This review does not wait for you any more."), remedy=mark("Load your list again."))
    return panel, one

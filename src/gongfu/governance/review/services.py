"""The door of expert review: open a panel, draw experts by lot, and what they came to.

Experts answer and judge in :mod:`.judging`. Every step locks its panel: of two people at once the second finds what the
first did, or gets :class:`~gongfu.kernel.errors.Conflict`.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Count
from django.dispatch import Signal
from django.utils import timezone

from gongfu.governance.review import drawing, scoring
from gongfu.governance.review.drawing import ANY, Avoid, Candidate, Firm, Left, Party
from gongfu.governance.review.models import Assignment, Draw, Expert, Panel, Row, Score
from gongfu.governance.review.permissions import runs_panels
from gongfu.governance.review.scoring import Advice, Criterion, Marks, Policy, Result
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.kernel.workdays.rules import calendar_of

__all__ = [
    "Advice",
    "Avoid",
    "Criterion",
    "Panel",
    "PanelDraft",
    "Party",
    "Policy",
    "Result",
    "Status",
    "cancel",
    "decided",
    "draw",
    "end",
    "locked",
    "open_panel",
    "panel_of",
    "result",
    "second_round",
    "settle",
    "status",
]

SYSTEM = "expert-review"
"""Who acts in the audit log when a place is filled again by itself."""

decided = Signal()
"""Sent with ``panel`` when it is done, inside the transaction that makes it so."""


@dataclass(frozen=True)
class PanelDraft:
    """What is asked of experts."""

    subject: str
    """Opaque key, such as ``applications:17``; one panel for each."""
    title: str
    """As experts see it: without names."""
    extract: Sequence[Row]
    """What they see of the application: label and value."""
    parties: Sequence[Party]
    """Applicant and whoever stands behind it."""
    criteria: Sequence[Criterion]
    places: Sequence[str] = (ANY, ANY, ANY)
    """Fields of expertise, one for each expert; ``""`` is any."""
    number: str = ""
    workdays: int = 10
    policy: Policy = field(default_factory=Policy)
    avoid: Avoid = field(default_factory=Avoid)


@dataclass(frozen=True)
class Status:
    """How far a panel is."""

    panel: Panel
    wanted: int
    sitting: int
    """Experts asked or accepted."""
    accepted: int
    submitted: int
    result: Result | None
    """Only when every place is filled and everybody submitted."""
    marks: tuple[Marks, ...] = ()
    """Likewise; by letters, never by names."""


def require_official(user: User, office: Organisation) -> None:
    """Raise :class:`Forbidden` for who may not run panels of ``office``."""
    if not runs_panels.test(user, office):
        raise Forbidden(
            mark("You may not run expert reviews of {office}."),
            remedy=mark("Ask an administrator of the authority for the role of an engineer."),
            office=office,
        )


def open_panel(actor: User, office: Organisation, draft: PanelDraft) -> Panel:
    """A panel without experts yet; see :func:`draw`.

    Raises :class:`Invalid` when the extract or the title names a party, for criteria that cannot be used and absurd
    numbers; :class:`Conflict` when the subject has a panel.
    """
    require_official(actor, office)
    scoring.check(draft.criteria)
    if not draft.subject or not draft.title.strip() or not draft.extract:
        raise Invalid(mark("A panel needs a title and something to judge."))
    if not 0 < len(draft.places) <= drawing.MOST_PLACES or not 0 < draft.workdays <= 250:
        raise Invalid(mark("A panel has 1 to {most} experts and 1 to 250 working days."), most=drawing.MOST_PLACES)
    _require_blind(draft)
    due = calendar_of(settings().home, office.code).due(timezone.now(), draft.workdays)
    panel = Panel(
        organisation=office,
        subject=draft.subject[:120],
        number=draft.number[:40],
        title=draft.title.strip()[:200],
        extract=_plain(list(draft.extract)),
        parties=_plain(list(draft.parties)),
        criteria=_plain(list(draft.criteria)),
        policy=_plain(draft.policy),
        avoid=_plain(draft.avoid),
        places=list(draft.places),
        workdays=draft.workdays,
        deadline=due.at,
        guessed=bool(due.guessed),
        created_by=actor,
    )
    try:
        with transaction.atomic():
            panel.save()
            audit.record(actor, "create", panel, after=audit.state(panel))
    except IntegrityError as error:
        raise Conflict(
            mark("There is an expert review for it already."), remedy=mark("Open that one, or cancel it first.")
        ) from error
    return panel


def _plain(thing: object) -> Any:
    return msgspec.to_builtins(thing)


def _require_blind(draft: PanelDraft) -> None:
    secret = [
        text
        for party in draft.parties
        for text in (party.name, party.code, party.legal, *party.shareholders, *party.phones)
        if text
    ]
    told = scoring.names_in([("", draft.title), *draft.extract], secret)
    if told:
        label, name = told[0]
        raise Invalid(
            mark("Experts must not see who applies, but “{label}” names {name}."),
            remedy=mark("Take the name out of it, or leave the row out."),
            label=label or draft.title,
            name=name,
        )


def draw(actor: User, panel: Panel, *, seed: str = "", reason: str = "") -> Draw:
    """Fill the free places by lot; ``seed`` may be one that was agreed on before (a lottery's numbers), else random.

    Raises :class:`Conflict` when nothing is free, or naming the fields that lack experts.
    """
    with transaction.atomic():
        panel = locked(panel)
        require_official(actor, panel.organisation)
        return _draw(actor, panel, seed.strip()[:128], reason)


def locked(panel: Panel) -> Panel:
    """The panel as it is now, which nobody else changes until the transaction ends. Raises :class:`NotFound`."""
    found = Panel.objects.select_for_update(of=("self",)).select_related("organisation").filter(pk=panel.pk).first()
    if found is None:
        raise NotFound(mark("There is no such review."))
    return found


def free_places(panel: Panel) -> list[str]:
    """Fields of the places nobody sits on."""
    free = list(panel.places)
    for taken in panel.assignments.sitting().values_list("place", flat=True):
        free.remove(taken)
    return free


def _draw(actor: User | str, panel: Panel, seed: str, reason: str) -> Draw:
    free = free_places(panel)
    if not panel.is_open or not free:
        raise Conflict(mark("No place of this panel is free."), remedy=mark("Load the page again."))
    avoid = panel.rules[1]
    eligible, left, experts = pool_of(panel)
    drawn = drawing.draw(eligible, free, seed or secrets.token_hex(16), avoid)
    number = panel.draws.count() + 1
    made = Draw.objects.create(
        panel=panel,
        number=number,
        made=_plain(drawn),
        digest=drawn.digest,
        left=[(one.key, one.name, one.message, one.values) for one in left],
        names={key: experts[key].name for key, _fields, _employer in drawn.candidates},
        reason=reason.strip()[:300],
        made_by=actor if isinstance(actor, str) else actor.username,
    )
    seats = panel.assignments.count()
    for offset, (place, key) in enumerate(zip(drawn.places, drawn.chosen, strict=True)):
        Assignment.objects.create(
            panel=panel, expert=experts[key], draw=made, letter=_letter(seats + offset), place=place
        )
    audit.record(
        actor,
        "draw",
        panel,
        after={"draw": number, "digest": drawn.digest, "seed": drawn.seed, "chosen": ", ".join(drawn.chosen)},
        reason=reason,
    )
    return made


def _letter(number: int) -> str:
    return chr(65 + number % 26) + (str(number // 26 + 1) if number >= 26 else "")


def pool_of(panel: Panel) -> tuple[list[Candidate], list[Left], dict[str, Expert]]:
    """Who may be drawn now, who not and why, and everybody by key."""
    today = timezone.localdate()
    experts = {
        one.key: one
        for one in Expert.objects.filter(organisation=panel.organisation)
        .exclude(user__is_superuser=True)
        .select_related("user")
        .order_by("key")
    }
    mine = Assignment.objects.filter(expert__organisation=panel.organisation)
    drawn = dict(mine.filter(asked_at__year=today.year).values_list("expert").annotate(n=Count("pk")))
    here = set(panel.assignments.values_list("expert", flat=True))
    against = set(
        mine.filter(state=Assignment.State.CONFLICT, panel__subject=panel.subject).values_list("expert", flat=True)
    )
    candidates, left = [], []
    for one in experts.values():
        if one.pk in here:
            left.append(Left(one.key, one.name, mark("Was drawn for this panel already.")))
        elif one.user is None or not one.user.is_active:
            left.append(Left(one.key, one.name, mark("Has no account to sign in with.")))
        else:
            candidates.append(one.candidate(drawn.get(one.pk, 0), conflicted=one.pk in against, ties=_memberships(one)))
    eligible, refused = drawing.sift(candidates, panel.party_list, panel.rules[1], today)
    return eligible, sorted([*left, *refused], key=lambda one: (one.name, one.key)), experts


def _memberships(one: Expert) -> tuple[Firm, ...]:
    """Organisations of this node the account belongs to."""
    if one.user is None:
        return ()
    return tuple(Firm(each.organisation.name, each.organisation.credit_code) for each in one.user.memberships_cached)


def conflicts_of(assignment: Assignment) -> list[Left]:
    """What speaks by now against the expert of ``assignment``: the pool may know more than when it was drawn."""
    expert = assignment.expert
    candidate = expert.candidate(0, ties=_memberships(expert))
    avoid = msgspec.structs.replace(assignment.panel.rules[1], quota=0)
    known = msgspec.structs.replace(candidate, paused=False)
    return drawing.conflicts(known, assignment.panel.party_list, avoid, timezone.localdate())


def refill(panel: Panel, reason: str) -> Draw | None:
    """Fill the places that became free, by a new draw; ``None`` when there are not enough experts."""
    try:
        with transaction.atomic():
            return _draw(SYSTEM, panel, "", reason)
    except GongfuError:
        return None


def replace(actor: User, panel: Panel, pk: int, reason: str) -> None:
    """Take an expert off who does not answer or judge, and draw another; marks that were submitted stay what they are.

    Raises :class:`Invalid` without a reason, :class:`Conflict` when the marks are in.
    """
    if not reason.strip():
        raise Invalid(mark("Say why this expert is replaced."))
    with transaction.atomic():
        panel = locked(panel)
        require_official(actor, panel.organisation)
        one = panel.assignments.sitting().filter(pk=pk).first()
        if one is None or not panel.is_open or one.scores.filter(locked=True).exists():
            raise Conflict(mark("This expert cannot be replaced any more."), remedy=mark("Load the page again."))
        one.state, one.reason, one.answered_at = Assignment.State.REPLACED, reason.strip()[:300], timezone.now()
        one.save()
        audit.record(actor, "replace", panel, after={"letter": one.letter}, reason=reason)
        refill(panel, reason)


def status(panel: Panel) -> Status:
    """How far it is; marks and result only when everybody has submitted this round."""
    sitting = list(panel.assignments.sitting().select_related("panel"))
    scores = Score.objects.filter(assignment__in=sitting, round=panel.round, locked=True).select_related("assignment")
    marks = tuple(sorted((one.marks() for one in scores), key=lambda one: one.letter))
    accepted = sum(one.state == Assignment.State.ACCEPTED for one in sitting)
    whole = bool(marks) and len(marks) == len(panel.places)
    outcome = None
    if whole:
        policy = panel.rules[0]
        outcome = scoring.result(panel.criterion_list, marks, policy, extra=panel.extra, rounds=panel.round - 1)
    return Status(panel, len(panel.places), len(sitting), accepted, len(marks), outcome, marks if whole else ())


def result(user: User, panel: Panel) -> Result | None:
    """What the panel came to, ``None`` while it judges; raises :class:`NotFound` for a panel ``user`` may not see."""
    if not Panel.objects.visible_to(user).filter(pk=panel.pk).exists():
        raise NotFound(mark("There is no such review."))
    return status(panel).result


def panel_of(office: Organisation, subject: str) -> Panel | None:
    """The panel of ``subject`` that was not cancelled."""
    return Panel.objects.filter(organisation=office, subject=subject).exclude(state=Panel.State.CANCELLED).first()


def advance(panel: Panel) -> None:
    """After marks came in, inside the transaction that holds the panel: further expert, disagreement or decision."""
    outcome = status(panel).result
    if outcome is None:
        return
    if outcome.advice is Advice.EXTRA:
        panel.extra += 1
        panel.places = [*panel.places, ANY]
        panel.save()
        audit.record(SYSTEM, "extra_expert", panel, after={"spread": str(outcome.spread)})
        if refill(panel, mark("Experts disagree.")) is not None:
            return
        panel.places = panel.places[:-1]  # nobody is left to draw: the second round remains
        panel.save()
        outcome = status(panel).result
    if outcome is not None and outcome.advice is not Advice.NONE:
        panel.state = Panel.State.DISAGREED
        panel.save()
        audit.record(SYSTEM, "disagreed", panel, after={"spread": str(outcome.spread)})
    elif outcome is not None:
        _decide(SYSTEM, panel, outcome, "")


def _decide(actor: User | str, panel: Panel, outcome: Result, reason: str) -> None:
    panel.state, panel.total, panel.passed = Panel.State.DONE, outcome.total, outcome.passed
    panel.reason, panel.decided_at = reason[:300], timezone.now()
    panel.save()
    audit.record(actor, "decide", panel, after={"total": str(outcome.total), "passed": outcome.passed}, reason=reason)
    decided.send(sender=Panel, panel=panel)


def second_round(actor: User, panel: Panel, remark: str, workdays: int = 3) -> Panel:
    """Let the experts judge once more with everybody's marks, by letters, and the moderator's ``remark`` before them.

    Raises :class:`Conflict` unless they disagree, :class:`Invalid` without a remark.
    """
    if not remark.strip() or not 0 < workdays <= 60:
        raise Invalid(mark("Say what the experts should look at again, and give them 1 to 60 working days."))
    with transaction.atomic():
        panel = locked(panel)
        require_official(actor, panel.organisation)
        if panel.state != Panel.State.DISAGREED:
            raise Conflict(mark("The experts of this panel do not disagree."), remedy=mark("Load the page again."))
        due = calendar_of(settings().home, panel.organisation.code).due(timezone.now(), workdays)
        before = list(Score.objects.filter(assignment__in=panel.assignments.sitting(), round=panel.round))
        panel.state, panel.round, panel.moderation = Panel.State.OPEN, panel.round + 1, remark.strip()[:4000]
        panel.deadline, panel.guessed = due.at, bool(due.guessed)
        panel.save()
        Score.objects.bulk_create(
            Score(assignment_id=one.assignment_id, round=panel.round, points=one.points, comment=one.comment)
            for one in before
        )
        audit.record(actor, "second_round", panel, after={"round": panel.round}, reason=remark)
    return panel


def settle(actor: User, panel: Panel, reason: str) -> Panel:
    """Decide by the mean although the experts disagree; raises :class:`Invalid` without a reason."""
    if not reason.strip():
        raise Invalid(mark("Say why the mean decides although the experts disagree."))
    with transaction.atomic():
        panel = locked(panel)
        require_official(actor, panel.organisation)
        outcome = status(panel).result
        if panel.state != Panel.State.DISAGREED or outcome is None:
            raise Conflict(mark("The experts of this panel do not disagree."), remedy=mark("Load the page again."))
        _decide(actor, panel, outcome, reason.strip())
    return panel


def cancel(actor: User, panel: Panel, reason: str) -> Panel:
    """End a panel without a result; experts do not see it any more. Raises :class:`Invalid` without a reason."""
    if not reason.strip():
        raise Invalid(mark("Say why the review is cancelled."))
    with transaction.atomic():
        panel = locked(panel)
        require_official(actor, panel.organisation)
        if not panel.is_open:
            raise Conflict(mark("This review has ended."), remedy=mark("Load the page again."))
        return end(actor, panel, reason)


def end(actor: User | str, panel: Panel, reason: str) -> Panel:
    """Cancel a panel whose subject is not judged any more, whoever ended that; one that has ended stays as it is."""
    with transaction.atomic():
        panel = locked(panel)
        if panel.is_open:
            panel.state, panel.reason, panel.decided_at = Panel.State.CANCELLED, reason.strip()[:300], timezone.now()
            panel.save()
            audit.record(actor, "cancel", panel, reason=reason)
    return panel


def days_left(panel: Panel, now: dt.datetime | None = None) -> int:
    """Working days until the deadline; negative when it has passed."""
    calendar = calendar_of(settings().home, panel.organisation.code)
    return calendar.between(timezone.localdate(now), timezone.localdate(panel.deadline))

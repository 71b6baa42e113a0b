"""The door of assessments: begin, answer, hand in, review; what an enterprise's latest one says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from gongfu.governance.assessments import measured, questions, scoring
from gongfu.governance.assessments.models import Answer, Assessment, Size, Weighting
from gongfu.governance.assessments.questions import Questionnaire
from gongfu.governance.assessments.scoring import Given, Result
from gongfu.governance.support.permissions import OFFICE, keeps_ledger
from gongfu.identity.business import classes
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit, can_operate
from gongfu.kernel.accounts.rules import is_within
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark

State = Assessment.State
INTEGRATION = "integration"
"""The family of 两化融合自评估."""


@dataclass(frozen=True)
class Latest:
    """What an enterprise's newest assessment that counts says; for forms that are filled in before people see them."""

    assessment: int
    questionnaire: str
    year: int
    stage: str
    """Key: starting, covering, integrating, breaking."""
    stage_title: str
    stage_title_en: str
    total: Decimal
    on: dt.date
    """When it was handed in."""
    accepted: bool
    """Whether an official has accepted it."""


def latest(organisation: Organisation, family: str = INTEGRATION, *, accepted: bool = False) -> Latest | None:
    """The newest assessment of ``organisation`` that was handed in, or only an accepted one; None without any."""
    states = [State.ACCEPTED] if accepted else [State.ACCEPTED, State.SUBMITTED]
    found = (
        Assessment.objects.filter(
            organisation=organisation, questionnaire__startswith=f"{family}-", state__in=states, total__isnull=False
        )
        .order_by("-submitted_at", "-pk")
        .first()
    )
    if found is None or found.total is None or found.submitted_at is None:
        return None
    stage = found.asked.staged(found.stage)
    return Latest(
        assessment=found.pk,
        questionnaire=found.questionnaire,
        year=found.year,
        stage=found.stage,
        stage_title=stage.title if stage else "",
        stage_title_en=stage.title_en if stage else "",
        total=found.total,
        on=timezone.localdate(found.submitted_at),
        accepted=found.state == State.ACCEPTED,
    )


def today() -> dt.date:
    """The day that counts."""
    return timezone.localdate()


def assessments(user: User) -> QuerySet[Assessment]:
    """Those ``user`` may see."""
    return Assessment.objects.visible_to(user).select_related("organisation", "office", "submitted_by", "reviewed_by")


def assessment_for(user: User, pk: int) -> Assessment:
    """The assessment; raises :class:`NotFound` also when it is another organisation's."""
    found = assessments(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no assessment {pk}."), pk=pk)
    return found


def offices() -> list[Organisation]:
    """To whom an assessment can be handed in: authorities, or the operator where there are none."""
    for kind in OFFICE:
        found = list(Organisation.objects.filter(kind=kind).order_by("path"))
        if found:
            return found
    return []


def may_answer(user: User, assessment: Assessment) -> bool:
    """Whether ``user`` may write answers now."""
    return assessment.is_open and bool(can_operate.test(user, assessment))


def may_hand_in(user: User, assessment: Assessment) -> bool:
    """Whether ``user`` may hand it in now."""
    return assessment.is_open and bool(can_edit.test(user, assessment))


def may_take_back(user: User, assessment: Assessment) -> bool:
    """Whether ``user`` may make it a draft again."""
    return assessment.state == State.SUBMITTED and bool(can_edit.test(user, assessment))


def may_review(user: User, assessment: Assessment) -> bool:
    """Whether ``user`` may review it now: see :func:`reviews`."""
    return (
        assessment.state == State.SUBMITTED
        and reviews(user, assessment)
        and not works_for(user, assessment.organisation)
        and assessment.submitted_by_id != user.pk
    )


def reviews(user: User, assessment: Assessment) -> bool:
    """Whether ``user`` is an official of its office, or the diagnostician whom one has named."""
    return assessment.diagnostician_id == user.pk or bool(keeps_ledger.test(user, assessment.office))


def works_for(user: User, organisation: Organisation) -> bool:
    """Whether ``user`` is a member of ``organisation`` itself or of one below it."""
    return any(is_within(one.organisation.path, organisation.path) for one in user.memberships_cached)


def begin(user: User, organisation: Organisation, family: str, industry: str, size: str) -> Assessment:
    """A draft for this year with what can be proposed; the one that is open, if there is one.

    Raises :class:`Forbidden`, :class:`Invalid` for an industry or size that does not exist, :class:`Conflict` while
    one of this year is in review.
    """
    if not can_operate.test(user, organisation):
        raise Forbidden(mark("You may not assess {organisation}."), organisation=organisation.name)
    asked = questions.in_force(family, today())
    division = classes.division_of(classes.check_industry(industry))
    if size not in Size.values:
        raise Invalid(mark("There is no size {size}."), size=repr(size[:20]))
    mine = Assessment.objects.filter(organisation=organisation, questionnaire=asked.key, year=today().year)
    open_one = mine.filter(state__in=[State.DRAFT, State.RETURNED, State.SUBMITTED]).first()
    if open_one is not None and open_one.state == State.SUBMITTED:
        raise Conflict(mark("The assessment of {year} is in review."), year=open_one.year)
    if open_one is not None:
        return open_one
    before = mine.order_by("-version").first()
    try:
        with transaction.atomic():
            made = Assessment.objects.create(
                organisation=organisation,
                questionnaire=asked.key,
                year=today().year,
                version=before.version + 1 if before else 1,
                industry=division,
                size=size,
                created_by=user,
            )
            audit.record(user, "begin", made, after=audit.state(made))
    except IntegrityError as error:
        raise Conflict(mark("Somebody began this assessment just now."), remedy=mark("Load the page again.")) from error
    propose(user, made)
    return made


def propose(user: User, assessment: Assessment) -> int:
    """Take proposals anew from measured facts, else from the assessment before; returns how many there are.

    Raises :class:`Forbidden`, :class:`Conflict`. Answers that people gave stay.
    """
    _require_answer(user, assessment)
    asked, now = assessment.asked, timezone.now()
    names = {one.measure for one in asked.question if one.measure}
    facts = measured.take(user, assessment.organisation, names, now)
    before = _answers_before(assessment)
    count = 0
    with transaction.atomic():
        for question in asked.question:
            value, source = "", ""
            if question.measure in facts:
                value, source = measured.proposal(question, facts[question.measure]), question.measure
            if not value and question.key in before:
                value, source = before[question.key], measured.LAST
            if not value:
                continue
            count += 1
            kept = Answer.objects.filter(assessment=assessment, question=question.key)
            if not kept.update(proposed=value[:40], proposed_from=source, proposed_at=now):
                Answer.objects.create(
                    assessment=assessment,
                    question=question.key,
                    proposed=value[:40],
                    proposed_from=source,
                    proposed_at=now,
                )
    return count


def _answers_before(assessment: Assessment) -> dict[str, str]:
    """What the enterprise had answered to the same questionnaire family last."""
    family = assessment.asked.family
    last = (
        Assessment.objects.filter(
            organisation=assessment.organisation,
            questionnaire__startswith=f"{family}-",
            state__in=[State.ACCEPTED, State.REPLACED],
        )
        .exclude(pk=assessment.pk)
        .order_by("-year", "-version")
        .first()
    )
    if last is None:
        return {}
    kept: dict[str, str] = {}
    for answer in last.answers.exclude(value=""):
        try:
            question = assessment.asked.find(answer.question)
            kept[answer.question] = scoring.check(assessment.asked, question, Given(answer.value)).value
        except (NotFound, Invalid):
            continue  # the version of this year asks otherwise
    return kept


def answer(
    user: User, assessment: Assessment, key: str, given: Given, note: str | None = None, *, confirmed: bool = False
) -> Answer:
    """Keep one answer of a draft; ``confirmed``: the proposal is taken. ``note`` None leaves the one that is there.

    Raises :class:`Forbidden`, :class:`Invalid`, :class:`NotFound` for a question it does not have,
    :class:`Conflict` once it is handed in.
    """
    question = assessment.asked.find(key)
    with transaction.atomic():
        fresh = Assessment.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=assessment.pk)
        _require_answer(user, fresh)
        kept = Answer.objects.filter(assessment=fresh, question=key).first() or Answer(assessment=fresh, question=key)
        if confirmed:
            given = Given(kept.proposed)
        kept_given = scoring.check(fresh.asked, question, given)
        kept.value, kept.applies, kept.reason = kept_given.value, kept_given.applies, kept_given.reason
        kept.confirmed = bool(kept.proposed) and kept.applies and kept.value == kept.proposed
        if note is not None:
            kept.note = note.replace("\0", "").strip()[:1000]
        kept.stated, kept.correction = "", ""
        kept.changed_by, kept.changed_at = user, timezone.now()
        kept.save()
        fresh.save(update_fields=["updated_at"])
    return kept


def _require_answer(user: User, assessment: Assessment) -> None:
    if not can_operate.test(user, assessment):
        raise Forbidden(mark("You may not assess {organisation}."), organisation=assessment.organisation.name)
    if not assessment.is_open:
        raise Conflict(
            mark("This assessment is {state}."),
            remedy=mark("Begin a new one to change something."),
            state=assessment.get_state_display(),
        )


def given(assessment: Assessment) -> dict[str, Given]:
    """Question → answer."""
    return {one.question: one.given for one in assessment.answers.all()}


def questionnaire_of(assessment: Assessment) -> Questionnaire:
    """With the weights that count for it: those when it was handed in, else those of today."""
    if assessment.weights:
        return questions.weighted(assessment.asked, {key: Decimal(one) for key, one in assessment.weights.items()})
    return weighted_for(assessment.asked, assessment.office, today())


def weighted_for(asked: Questionnaire, office: Organisation | None, on: dt.date) -> Questionnaire:
    """``asked`` with the weights of ``office`` (or of the only one there is) on that day."""
    if office is None:
        every = offices()
        office = every[0] if len(every) == 1 else None
    if office is None:
        return asked
    found = Weighting.objects.filter(organisation=office, questionnaire=asked.key, since__lte=on).first()
    if found is None:
        return asked
    return questions.weighted(asked, {key: Decimal(one) for key, one in found.weights.items()})


def result(assessment: Assessment) -> Result:
    """Scores, stage and explanation, as the answers are now."""
    return scoring.score(questionnaire_of(assessment), given(assessment))


def hand_in(user: User, assessment: Assessment, office: Organisation) -> Assessment:
    """Give it to ``office`` for review; the score is kept with its weights.

    Raises :class:`Forbidden`, :class:`Conflict`, :class:`Invalid` while answers are missing, naming them.
    """
    if office not in offices():
        raise Invalid(mark("{office} takes no assessments."), office=office.name)
    with transaction.atomic():
        fresh = locked(assessment)
        if not can_edit.test(user, fresh):
            raise Forbidden(
                mark("You may not hand in for {organisation}."),
                remedy=mark("Ask an administrator or engineer of the enterprise."),
                organisation=fresh.organisation.name,
            )
        _require_answer(user, fresh)
        before = audit.state(fresh)
        fresh.office, fresh.weights = office, {}
        asked = weighted_for(fresh.asked, office, today())
        found = scoring.score(asked, given(fresh))
        if not found.complete:
            raise Invalid(
                mark("{count} answers are missing: {missing}."),
                remedy=mark("Answer them, or say why they do not apply."),
                count=len(found.missing),
                missing=", ".join(one.key for one in found.missing[:12]),
            )
        if found.stage is None:
            raise Invalid(mark("No question applies: there is nothing to assess."))
        _keep(fresh, asked, found)
        fresh.state, fresh.submitted_by, fresh.submitted_at = State.SUBMITTED, user, timezone.now()
        fresh.reviewed_by, fresh.reviewed_at, fresh.remark = None, None, ""
        fresh.save()
        audit.record(user, "hand_in", fresh, before=before, after=audit.state(fresh))
    return fresh


def _keep(assessment: Assessment, asked: Questionnaire, found: Result) -> None:
    assessment.weights = {one.key: f"{one.weight:f}" for one in asked.dimension}
    assessment.scores = {key: f"{one.low:f}" for key, one in found.dimensions.items() if one.low is not None}
    assessment.total, assessment.stage = found.total.low, found.stage.key if found.stage else ""


def keep_score(assessment: Assessment) -> None:
    """Reckon anew with the weights it was handed in with; the caller saves."""
    asked = questionnaire_of(assessment)
    _keep(assessment, asked, scoring.score(asked, given(assessment)))


def locked(assessment: Assessment) -> Assessment:
    """Read anew, held until the end of the transaction."""
    held = Assessment.objects.select_for_update(of=("self",)).select_related("organisation", "office")
    return held.get(pk=assessment.pk)


def take_back(user: User, assessment: Assessment) -> Assessment:
    """Make it a draft again while nobody has reviewed it; raises :class:`Forbidden`, :class:`Conflict`."""
    with transaction.atomic():
        fresh = locked(assessment)
        if not can_edit.test(user, fresh):
            raise Forbidden(mark("You may not hand in for {organisation}."), organisation=fresh.organisation.name)
        if fresh.state != State.SUBMITTED:
            raise Conflict(mark("This assessment is {state}."), state=fresh.get_state_display())
        before = audit.state(fresh)
        fresh.state = State.DRAFT
        fresh.weights, fresh.scores, fresh.total, fresh.stage = {}, {}, None, ""
        fresh.save()
        audit.record(user, "take_back", fresh, before=before, after=audit.state(fresh))
    return fresh


def weigh(
    user: User, office: Organisation, key: str, weights: Mapping[str, Decimal], since: dt.date, reason: str
) -> Weighting:
    """Set weights of ``office`` from a day on; what was handed in keeps its own.

    Raises :class:`Forbidden`, :class:`Invalid` for weights that cannot be, a day that is over, or no reason.
    """
    if not keeps_ledger.test(user, office):
        raise Forbidden(mark("You may not set weights for {office}."), office=office.name)
    changed = questions.weighted(questions.by_key(key), weights)
    if since < today():
        raise Invalid(
            mark("{day} is over."), remedy=mark("Weights count from today on at the earliest."), day=since.isoformat()
        )
    if len(reason.strip()) < 2:
        raise Invalid(mark("Say in a sentence why."))
    with transaction.atomic():
        made = Weighting.objects.create(
            organisation=office,
            questionnaire=key,
            weights={one.key: f"{one.weight:f}" for one in changed.dimension},
            since=since,
            reason=reason.strip()[:500],
            created_by=user,
        )
        audit.record(user, "weigh", made, after=audit.state(made), reason=made.reason)
    return made

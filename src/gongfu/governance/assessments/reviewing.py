"""The review by a diagnostician or official: correct with a reason, accept, send back."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from gongfu.governance.assessments import scoring, services
from gongfu.governance.assessments.models import Answer, Assessment
from gongfu.governance.assessments.scoring import Given
from gongfu.governance.support.permissions import keeps_ledger
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid
from gongfu.kernel.i18n import mark

State = Assessment.State


def correct(user: User, assessment: Assessment, key: str, given: Given, reason: str) -> Answer:
    """Change an answer under review; what the enterprise stated is kept beside it, and the score follows.

    Raises :class:`Forbidden`, :class:`Conflict`, :class:`Invalid` without a reason or for an answer that cannot be.
    """
    reason = _said(reason)
    question = assessment.asked.find(key)
    with transaction.atomic():
        fresh = _locked(user, assessment)
        kept = Answer.objects.filter(assessment=fresh, question=key).first() or Answer(assessment=fresh, question=key)
        now = scoring.check(fresh.asked, question, given)
        if now.missing:
            raise Invalid(mark("A correction needs an answer."))
        before = kept.value if kept.applies else "-"
        after = now.value if now.applies else "-"
        if before == after:
            raise Invalid(mark("This is what was answered."))
        kept.stated = kept.stated or before
        kept.value, kept.applies, kept.reason = now.value, now.applies, now.reason
        kept.correction, kept.confirmed = reason, False
        kept.changed_by, kept.changed_at = user, timezone.now()
        kept.save()
        services.keep_score(fresh)
        fresh.save()
        audit.record(
            user,
            "correct",
            fresh,
            before={"question": key, "answer": before},
            after={"question": key, "answer": after, "total": str(fresh.total), "stage": fresh.stage},
            reason=reason,
        )
    return kept


def accept(user: User, assessment: Assessment, remark: str = "") -> Assessment:
    """Let it count; an earlier one of the year is replaced. Raises :class:`Forbidden`, :class:`Conflict`."""
    with transaction.atomic():
        fresh = _locked(user, assessment)
        before = audit.state(fresh)
        earlier = Assessment.objects.select_for_update().filter(
            organisation=fresh.organisation,
            questionnaire=fresh.questionnaire,
            year=fresh.year,
            state=State.ACCEPTED,
        )
        for one in earlier:
            one.state = State.REPLACED
            one.save()
        _decided(fresh, user, State.ACCEPTED, remark.strip()[:2000])
        audit.record(user, "accept", fresh, before=before, after=audit.state(fresh), reason=fresh.remark)
    return fresh


def send_back(user: User, assessment: Assessment, reason: str) -> Assessment:
    """Ask the enterprise to mend it; raises as :func:`accept`, and :class:`Invalid` without a reason."""
    reason = _said(reason)
    with transaction.atomic():
        fresh = _locked(user, assessment)
        before = audit.state(fresh)
        _decided(fresh, user, State.RETURNED, reason)
        audit.record(user, "send_back", fresh, before=before, after=audit.state(fresh), reason=reason)
    return fresh


def entrust(user: User, assessment: Assessment, username: str) -> Assessment:
    """Name who reviews it for the office; an empty name takes it back.

    Raises :class:`Forbidden` for who is no official of the office, :class:`Invalid` for somebody who cannot sign in or
    works for the enterprise, :class:`Conflict` once it is decided.
    """
    with transaction.atomic():
        fresh = _locked(user, assessment)
        if not keeps_ledger.test(user, fresh.office):
            raise Forbidden(mark("Only officials of the office name a diagnostician."))
        chosen = User.objects.filter(username=username.strip().lower(), is_active=True).first() if username else None
        if username and chosen is None:
            raise Invalid(mark("Nobody can sign in as {name}."), name=repr(username[:64]))
        if chosen is not None and (services.works_for(chosen, fresh.organisation) or fresh.submitted_by == chosen):
            raise Invalid(mark("{name} works for the enterprise."), name=str(chosen))
        before = audit.state(fresh)
        fresh.diagnostician = chosen
        fresh.save()
        audit.record(user, "entrust", fresh, before=before, after=audit.state(fresh))
    return fresh


def _decided(fresh: Assessment, user: User, state: Assessment.State, remark: str) -> None:
    fresh.state, fresh.remark = state, remark
    fresh.reviewed_by, fresh.reviewed_at = user, timezone.now()
    fresh.save()


def _locked(user: User, assessment: Assessment) -> Assessment:
    fresh = services.locked(assessment)
    if not services.reviews(user, fresh):
        raise Forbidden(mark("You may not review for this office."))
    if services.works_for(user, fresh.organisation) or fresh.submitted_by_id == user.pk:
        raise Forbidden(
            mark("Nobody reviews an assessment of the own enterprise."), remedy=mark("Ask a colleague to review it.")
        )
    if fresh.state != State.SUBMITTED:
        raise Conflict(
            mark("This assessment is {state}."),
            remedy=mark("Load the page again."),
            state=fresh.get_state_display(),
        )
    return fresh


def _said(text: str) -> str:
    plain = text.replace("\0", "").strip()[:500]
    if len(plain) < 2:
        raise Invalid(mark("Say in a sentence why."))
    return plain

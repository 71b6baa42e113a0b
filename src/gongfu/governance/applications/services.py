"""The door of applications: notices, drafts, handing in, and what officials and departments do with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from gongfu.governance.applications import forms, known, requirements, steps, sums
from gongfu.governance.applications.clock import today
from gongfu.governance.applications.models import Application, Notice, Opinion
from gongfu.governance.applications.permissions import (
    acts_for_applicant,
    acts_for_office,
    may_apply_for,
    require_applicant,
    require_official,
)
from gongfu.governance.applications.procedure import OPTIONAL, State
from gongfu.governance.support import services as support
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark


@dataclass(frozen=True)
class NoticeDraft:
    """A notice before it is kept; days and times are China's."""

    number: str
    title: str
    text: str
    family: str
    clauses: Sequence[str]
    opens_on: dt.date
    closes_on: dt.date
    papers: Sequence[tuple[str, str]] = ()
    """Key and title."""
    audience: str = ""
    left_out: Sequence[str] = ()
    days: Mapping[str, int] | None = None
    inspected: bool = False
    lapses: bool = True
    """Whether what is not completed in time counts as withdrawn by itself."""
    departments: Sequence[Organisation] = ()
    deliberates: str = ""
    contact: str = ""


def keep_notice(user: User, office: Organisation, draft: NoticeDraft, notice: Notice | None = None) -> Notice:
    """Keep a new notice, or change one that is not published. Raises :class:`Forbidden`, :class:`Invalid`,
    :class:`Conflict` when it is published, :class:`NotFound` for a document or clause that was not in force.
    """
    support.require_official(user, office)
    if notice is not None and notice.state != Notice.Standing.DRAFT:
        raise Conflict(mark("A published notice is not changed."), remedy=mark("Cancel it and publish another one."))
    made = notice or Notice(organisation=office, created_by=user)
    for name in ("number", "title", "text", "audience", "deliberates", "contact"):
        value = forms.check_text(getattr(draft, name).strip(), 20_000 if name == "text" else 300, lines=name == "text")
        setattr(made, name, value)
    if not made.title or not made.number:
        raise Invalid(mark("A notice needs its number and its title."))
    if not draft.clauses:
        raise Invalid(mark("Choose what can be applied for."))
    if draft.closes_on < draft.opens_on:
        raise Invalid(mark("It closes before it opens."))
    wrong = [one for one in draft.left_out if one not in OPTIONAL]
    days = dict(draft.days or {})
    if wrong or any(not 0 < number <= 250 for number in days.values()):
        raise Invalid(mark("A stage takes 1 to 250 working days."))
    made.family, made.clauses = draft.family, list(draft.clauses)
    made.opens_on, made.closes_on = draft.opens_on, draft.closes_on
    made.papers = [list(one) for one in draft.papers]
    made.left_out, made.days, made.inspected = list(draft.left_out), days, draft.inspected
    made.lapses = draft.lapses
    scheme = sums.scheme_of(made)
    for key in draft.clauses:
        scheme.find(key)
    with transaction.atomic():
        before = audit.state(made) if made.pk else None
        made.save()
        made.departments.set(draft.departments)
        audit.record(user, "change" if notice else "create", made, before=before, after=audit.state(made))
    return made


def publish_notice(user: User, notice: Notice) -> Notice:
    """Show it to everybody. Raises :class:`Conflict` when it is published already or has closed."""
    require_official(user, notice)
    with transaction.atomic():
        fresh = Notice.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=notice.pk)
        if fresh.state != Notice.Standing.DRAFT:
            raise Conflict(mark("The notice is {state} already."), state=fresh.get_state_display())
        if fresh.closes_on < today():
            raise Conflict(mark("The notice closed on {day} already."), day=fresh.closes_on.isoformat())
        before = audit.state(fresh)
        fresh.state, fresh.published_at, fresh.published_by = Notice.Standing.PUBLISHED, timezone.now(), user
        fresh.save()
        audit.record(user, "publish", fresh, before=before, after=audit.state(fresh))
    return fresh


def notice_for(user: User | None, pk: int) -> Notice:
    """The notice; for nobody signed in only what is public. Raises :class:`NotFound`."""
    found = Notice.objects.visible_to(user) if user else Notice.objects.public()
    notice = found.select_related("organisation").filter(pk=pk).first()
    if notice is None:
        raise NotFound(mark("There is no such notice."), remedy=mark("Look at the list of notices."))
    return notice


def application_for(user: User, pk: int) -> Application:
    """The application; what belongs to another organisation is not found."""
    found = (
        Application.objects.visible_to(user)
        .select_related("notice__organisation", "organisation", "assignee", "publication", "beneficiary")
        .filter(pk=pk)
        .first()
    )
    if found is None:
        raise NotFound(mark("There is no such application."))
    return found


def form_for(user: User, pk: int) -> Application:
    """The application as those see it who may fill in its form. Raises :class:`NotFound`, :class:`Forbidden`."""
    own = [one.organisation_id for one in user.memberships_cached]
    mine = Application.objects.filter(pk=pk, organisation__in=own).order_by("pk")
    found = mine.select_related("notice__organisation", "organisation").first() or application_for(user, pk)
    require_applicant(user, found)
    return found


def begin(user: User, notice: Notice, clause: str, organisation: Organisation) -> Application:
    """A draft, filled in with what the platform knows. Raises :class:`Forbidden`, :class:`Conflict` when the notice
    is closed, :class:`NotFound` for a clause it does not offer.
    """
    if organisation not in may_apply_for(user) or not can_edit.test(user, organisation):
        raise Forbidden(mark("You may not apply for {organisation}."), organisation=organisation)
    if not notice.is_open:
        raise Conflict(
            mark("The notice takes applications from {first} to {last} 24:00 only."),
            first=notice.opens_on.isoformat(),
            last=notice.closes_on.isoformat(),
        )
    if clause not in notice.clauses:
        raise NotFound(mark("The notice does not offer the clause {clause}."), clause=clause[:20])
    made = Application(
        organisation=organisation,
        notice=notice,
        clause=clause,
        answers=known.prefilled(organisation, user, notice),
        facts=known.declared(organisation),
        name=organisation.name,
        created_by=user,
    )
    with transaction.atomic():
        made.save()
        steps.note(user, made, "begun", mark("Began the application"))
        audit.record(user, "create", made, after=audit.state(made))
    return made


def save_draft(
    user: User,
    application: Application,
    answers: Mapping[str, str],
    facts: Sequence[str],
    version: int | None,
    window: str = "",
) -> Application:
    """Keep what was typed so far; see :func:`keep_form`."""
    return keep_form(user, application.pk, answers, facts, version, window)


def keep_form(
    user: User, pk: int, answers: Mapping[str, str], facts: Sequence[str], version: int | None, window: str = ""
) -> Application:
    """Keep what was typed so far, whether it can be read or not: this is asked every few seconds by everybody who
    fills in a form.

    Raises :class:`NotFound`, :class:`Forbidden`, :class:`Conflict` when it was handed in, or when somebody else, or
    another window than ``window``, has changed it since ``version``.
    """
    with transaction.atomic():
        fresh = steps.locked_form(pk)
        if not acts_for_applicant.test(user, fresh):
            application_for(user, pk)  # for strangers there is none
            require_applicant(user, fresh)
        if not window or fresh.saved_from != window:
            steps.require_version(fresh, version)
        if not fresh.editable:
            raise Conflict(
                mark("The application was handed in: it cannot be changed any more."),
                remedy=mark("Withdraw it and begin another one, or wait until the office asks for something."),
            )
        scheme = sums.scheme_of(fresh.notice, fresh)
        clause = scheme.find(fresh.clause)
        names = {one.name: one.most for one in forms.fields(clause)}
        texts = {name: _storable(answers[name])[: 2 * most] for name, most in names.items() if name in answers}
        asked = {one.key for one in forms.conditions(scheme, clause, fresh.kind)}
        before = (fresh.answers, fresh.facts)
        fresh.answers = {**fresh.answers, **texts}
        fresh.facts = sorted(asked & set(facts))
        if before != (fresh.answers, fresh.facts):
            fresh.saved_from = window[:32]
            steps.save(fresh, only=("answers", "facts", "saved_from"))
    return fresh


def _storable(text: str) -> str:
    """What no database keeps is shown as a replacement, so that a draft is never lost for it."""
    return text.encode("utf-8", "replace").decode().replace("\0", "�")


def hand_in(user: User, application: Application, version: int | None = None) -> Application:
    """Hand it in, first or completed; the form is read once more and what it says is kept as data.

    Raises :class:`Invalid` whose value ``fields`` says for every field what is wrong, :class:`Conflict` outside the
    window.
    """
    name = "submit" if application.state == State.DRAFT else "complete"

    def filled(fresh: Application) -> None:
        clause = sums.clause_of(fresh)
        form = forms.read(clause, fresh.answers).filled
        for one in ("name", "credit_code", "matter", "year", "basis", "account_holder", "bank", "account"):
            setattr(fresh, one, getattr(form, one))
        fresh.known = known.snapshot(fresh.organisation)
        if fresh.submitted_at is None:
            _require_new(fresh)
            fresh.submitted_at = timezone.now()
            fresh.number = _receipt(fresh)

    return steps.take(user, application, name, version=version, change=filled)


def _require_new(application: Application) -> None:
    twin = Application.objects.filter(
        notice=application.notice,
        organisation=application.organisation,
        clause=application.clause,
        matter=application.matter,
        year=application.year,
        submitted_at__isnull=False,
    ).exclude(state__in=(State.WITHDRAWN, State.REFUSED))
    if twin.exclude(pk=application.pk).exists():
        raise Conflict(
            mark("You have handed in an application for this matter already: {number}."),
            remedy=mark("Look at it in the list of your applications."),
            number=twin[0].number,
        )


def _receipt(application: Application) -> str:
    """A number of its own: day, notice, place in the notice. The notice is locked, so that no number comes twice."""
    Notice.objects.select_for_update(of=("self",)).get(pk=application.notice_id)
    before = Application.objects.filter(notice=application.notice).exclude(number="").count()
    return f"{application.applied_on:%Y%m%d}-{application.notice_id:04d}-{before + 1:04d}"


def check_in(user: User, application: Application, version: int | None = None, reason: str = "") -> Application:
    """The first check is passed: the enterprise enters the ledger, so that all it has had is looked at."""

    def listed(fresh: Application) -> None:
        fresh.beneficiary = support.enterprise_called(user, fresh.office, fresh.name, fresh.credit_code)

    return steps.take(user, application, "forward", version=version, reason=reason, change=listed)


def take(
    user: User, application: Application, name: str, *, version: int | None = None, reason: str = "", document: str = ""
) -> Application:
    """Any step that needs no form of its own; see :func:`gongfu.governance.applications.steps.take`."""
    if name == "forward":
        return check_in(user, application, version, reason)
    if name == "passed":
        return steps.take(user, application, name, version=version, reason=reason, document=document, change=_inspected)
    if name in ("submit", "complete"):
        return hand_in(user, application, version)
    return steps.take(user, application, name, version=version, reason=reason, document=document)


def _inspected(application: Application) -> None:
    application.inspected_on = today()


def delegate(user: User, application: Application, colleague: User, version: int | None = None) -> Application:
    """Put it into the hands of a colleague of the office; raises :class:`Invalid` for somebody else."""
    require_official(user, application)
    with transaction.atomic():
        fresh = steps.locked(application, version)
        if not acts_for_office.test(colleague, fresh):
            raise Invalid(
                mark("{person} cannot act for the office in this case."),
                remedy=mark("Choose a colleague who does not belong to the applicant."),
                person=colleague,
            )
        fresh.assignee = colleague
        steps.save(fresh)
        steps.note(user, fresh, "delegated", mark("Put into the hands of a colleague"), reason=str(colleague))
        audit.record(user, "delegate", fresh, after=audit.state(fresh))
    return fresh


def ask_department(user: User, application: Application, department: Organisation) -> Opinion:
    """Ask one more department, at the joint check or in the consultation."""
    require_official(user, application)
    with transaction.atomic():
        fresh = steps.locked(application)
        if fresh.stage not in (State.JOINT, State.CONSULT):
            raise Conflict(mark("Departments are asked at the joint check and in the consultation."))
        made = steps.ask(fresh, department)
        steps.note(user, fresh, "asked", mark("Asked a department"), reason=str(department), internal=True)
        steps.save(fresh)
        audit.record(user, "create", made, after=audit.state(made))
    return made


def opinion_for(user: User, pk: int) -> Opinion:
    """An opinion that ``user`` may give; raises :class:`NotFound`."""
    found = Opinion.objects.select_related("application__notice", "organisation").filter(pk=pk).first()
    if found is None or not can_edit.test(user, found):
        raise NotFound(mark("There is no such question."))
    return found


def give_opinion(user: User, opinion: Opinion, verdict: str, text: str) -> Opinion:
    """What the department says; once. Raises :class:`Conflict` when it has answered or the stage is over,
    :class:`Invalid` when a refusal gives no reason, :class:`Forbidden` for the applicant's own people.
    """
    text = forms.check_text(text.strip(), 4000, lines=True)
    if verdict not in Opinion.Verdict.values:
        raise Invalid(mark("Choose what the department says."))
    if verdict != Opinion.Verdict.AGREES and not text:
        raise Invalid(mark("Say why in a sentence."))
    with transaction.atomic():
        application = steps.locked(opinion.application)
        fresh = Opinion.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=opinion.pk)
        if not can_edit.test(user, fresh):
            raise NotFound(mark("There is no such question."))
        requirements.require_stranger(user, application)
        if fresh.verdict or application.state != fresh.stage:
            raise Conflict(mark("This question is answered, or its stage is over."))
        fresh.verdict, fresh.text, fresh.given_at, fresh.given_by = verdict, text, timezone.now(), user
        fresh.save()
        label = mark("A department gave its opinion")
        said = f"{fresh.organisation}: {fresh.get_verdict_display()} {text}".strip()
        steps.note(user, application, "opinion", label, reason=said, internal=True, deadline=fresh.deadline)
        steps.save(application)
        audit.record(user, "change", fresh, after=audit.state(fresh), reason=text)
    return fresh


def notices(user: User | None) -> QuerySet[Notice]:
    """Notices somebody may read, the open ones first."""
    found = Notice.objects.visible_to(user) if user else Notice.objects.public()
    return found.select_related("organisation").order_by("-closes_on", "-pk")


def handed_in(office: Organisation) -> QuerySet[Application]:
    """What came in at ``office``."""
    return Application.objects.filter(~Q(state=State.DRAFT), notice__organisation=office, submitted_at__isnull=False)

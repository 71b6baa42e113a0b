"""Taking a step: the application is locked, everything looked at, the step written down, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from django.db import transaction

from gongfu.governance.applications import clock, panels, procedure, requirements
from gongfu.governance.applications.models import Application, Opinion, Step
from gongfu.governance.applications.permissions import (
    acts_for_applicant,
    acts_for_office,
    require_applicant,
    require_official,
)
from gongfu.governance.applications.procedure import Marked, Move, State, Who
from gongfu.governance.applications.records import StepQuerySet
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark

Change = Callable[[Application], None]


def locked(application: Application, version: int | None = None) -> Application:
    """The application as it is now, which nobody else changes until the transaction ends.

    Raises :class:`NotFound`, and :class:`Conflict` when somebody has changed it since ``version`` was looked at.
    """
    found = _held(application.pk, "publication", "beneficiary__organisation")
    require_version(found, version)
    return found


def locked_form(pk: int) -> Application:
    """The application with what its form needs, which nobody else changes until the transaction ends.

    Raises :class:`NotFound`; whether somebody may know of it is not looked at.
    """
    return _held(pk)


def _held(pk: int, *beside: str) -> Application:
    found = Application.objects.select_for_update(of=("self",)).select_related(
        "notice__organisation", "organisation", *beside
    )
    held = found.filter(pk=pk).order_by().first()
    if held is None:
        raise NotFound(mark("There is no such application."))
    return held


def require_version(found: Application, version: int | None) -> None:
    """Raise :class:`Conflict` when somebody has changed it since ``version`` was looked at."""
    if version is not None and found.version != version:
        last = Step.objects.filter(application=found).order_by("-pk").first()
        raise Conflict(
            mark("Somebody else has changed this application meanwhile: {who}, {what}."),
            remedy=mark("Load the page again and look at what was done."),
            who=last.who if last else "-",
            what=Marked(last.label) if last else "-",
        )


def save(application: Application, only: Sequence[str] | None = None) -> None:
    """Keep a change and count it; of ``only`` these fields when they are named."""
    application.version += 1
    application.save(update_fields=None if only is None else [*only, "version", "updated_at"])


def note(
    actor: User | str,
    application: Application,
    name: str,
    label: str,
    *,
    source: str = "",
    reason: str = "",
    document: str = "",
    internal: bool = False,
    deadline: dt.datetime | None = None,
) -> Step:
    """Write a step into the story."""
    return Step.objects.create(
        application=application,
        actor=actor if isinstance(actor, User) else None,
        actor_name=str(actor)[:80],
        actor_for=_acting_for(actor, application),
        name=name,
        label=label,
        source=source,
        target=application.state if source else "",
        deadline=deadline,
        reason=reason,
        document=document,
        internal=internal,
    )


def _acting_for(actor: User | str, application: Application) -> str:
    if not isinstance(actor, User):
        return ""
    if acts_for_office.test(actor, application):
        return str(application.office)
    if any(one.organisation == application.organisation for one in actor.memberships_cached):
        return str(application.organisation)
    own: list[Organisation] = [one.organisation for one in actor.memberships_cached]
    return str(own[0]) if own else ""


def may(user: User, application: Application, chosen: Move) -> bool:
    """Whether ``user`` is one who takes this step; what it needs is not looked at."""
    if chosen.who is Who.APPLICANT:
        return acts_for_applicant.test(user, application)
    if chosen.who is Who.CLOCK or not acts_for_office.test(user, application):
        return False
    return chosen.who is not Who.OTHER_OFFICIAL or not _led_here(user, application)


def _led_here(user: User, application: Application) -> bool:
    """Whether ``user`` made the decision that another official has to look at."""
    names = ("refuse", "revoke", "uphold") if application.state == State.APPEALED else ("forward",)
    last = Step.objects.filter(application=application, name__in=names).order_by("-pk").first()
    return last is not None and last.actor_id == user.pk


def course(application: Application) -> list[tuple[State, str]]:
    """The stages of its notice, each with where it stands: ``done``, ``now`` or ``ahead``."""
    stages = [one for one in procedure.COURSE if one not in application.notice.stages_left_out]
    if not application.notice.inspected:
        stages.remove(State.INSPECTION)
    here = State.SUBMITTED if application.stage is State.RETURNED else application.stage
    place = stages.index(here) if here in stages else -1
    return [
        (stage, "done" if number < place else "now" if number == place else "ahead")
        for number, stage in enumerate(stages)
    ]


def told(application: Application, *, internal: bool) -> StepQuerySet:
    """Its story; ``internal`` with what only the office may read."""
    found: StepQuerySet = application.steps.all() if internal else application.steps.filter(internal=False)
    return found


def available(user: User, application: Application) -> list[Move]:
    """Buttons for ``user``."""
    moves = procedure.moves_from(application.stage)
    return [one for one in moves if not one.own_page and may(user, application, one)]


def missing(application: Application, chosen: Move) -> GongfuError | None:
    """What stands in the way of ``chosen``; None when nothing does."""
    try:
        for need in chosen.needs:
            requirements.require(need, application)
    except GongfuError as error:
        return error
    return None


def take(
    user: User,
    application: Application,
    name: str,
    *,
    version: int | None = None,
    reason: str = "",
    document: str = "",
    change: Change | None = None,
) -> Application:
    """Take a step; of two people at once the second is told what the first did.

    Raises :class:`NotFound`, :class:`Forbidden`, :class:`Conflict` when it is not possible now, :class:`Invalid` when
    a reason or document is missing.
    """
    chosen = procedure.move(name)
    reason, document = reason.strip(), document.strip()
    with transaction.atomic():
        panels.hold(application)
        fresh = locked(application, version)
        _require_actor(user, fresh, chosen)
        target = procedure.target(chosen, fresh.stage, fresh.notice.stages_left_out)
        if chosen.reason and not reason:
            raise Invalid(
                mark("{step} needs a reason."), remedy=mark("Say why in a sentence."), step=Marked(chosen.label)
            )
        if chosen.document and not document:
            raise Invalid(
                mark("{step} needs the number of a document."),
                remedy=mark("Name the minutes, decision or report it rests on."),
                step=Marked(chosen.label),
            )
        if len(reason) > 4000 or len(document) > 120:
            raise Invalid(mark("At most {most} characters."), most=4000 if len(reason) > 4000 else 120)
        for need in chosen.needs:
            requirements.require(need, fresh)
        before = audit.state(fresh)
        source, held = fresh.state, fresh.deadline
        if change is not None:
            change(fresh)
        enter(fresh, target)
        save(fresh)
        note(user, fresh, name, chosen.label, source=source, reason=reason, document=document, deadline=held)
        if source == State.REVIEW and panels.end(user, fresh, reason):
            note(user, fresh, "panel_ended", mark("The panel of experts was cancelled"), reason=reason, internal=True)
        audit.record(user, name, fresh, before=before, after=audit.state(fresh), reason=reason)
    return fresh


def _require_actor(user: User, application: Application, chosen: Move) -> None:
    if chosen.who is Who.APPLICANT:
        require_applicant(user, application)
        return
    require_official(user, application)
    if not may(user, application, chosen):
        raise Forbidden(
            mark("“{step}” needs a second official: you took the step that led here."),
            remedy=mark("Let a colleague decide."),
            step=Marked(chosen.label),
        )


def enter(application: Application, target: State) -> None:
    """Put it into ``target``: its deadline begins, and the departments of the stage are asked."""
    application.state = target
    days = application.notice.stage_days.get(target)
    application.deadline = clock.due(application.office, days) if days else None
    application.assignee = None
    if target is State.PUBLIC:
        application.publication = None
    if target is State.JOINT and application.deadline is not None:
        for department in application.notice.departments.all():
            ask(application, department)


def ask(application: Application, department: Organisation) -> Opinion:
    """Ask ``department`` in the stage it is in; what it said earlier in that stage does not count any more."""
    deadline = application.deadline or clock.due(application.office, procedure.DAYS[State.CONSULT])
    Opinion.objects.filter(
        application=application, stage=application.state, organisation=department, verdict=""
    ).delete()
    return Opinion.objects.create(
        application=application, stage=application.state, organisation=department, deadline=deadline
    )

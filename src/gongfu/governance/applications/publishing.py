"""Public notices 公示: what is to be supported, for everybody to read and object to; objections are all answered."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from gongfu.governance.applications import clock, forms, steps, sums
from gongfu.governance.applications.models import Application, Notice, Objection, Publication
from gongfu.governance.applications.permissions import require_official
from gongfu.governance.applications.procedure import State
from gongfu.governance.applications.records import PUBLIC
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Invalid, NotFound
from gongfu.kernel.i18n import mark

MOST_OBJECTIONS = 200
"""Of one public notice that are not answered: beyond, somebody floods it."""


def waiting(notice: Notice) -> QuerySet[Application]:
    """Applications whose turn it is to be published."""
    return Application.objects.filter(notice=notice, state=State.PUBLIC, publication__isnull=True).select_related(
        "notice__organisation", "organisation", "beneficiary__organisation"
    )


def publish(user: User, notice: Notice, title: str, text: str, chosen: Sequence[int]) -> Publication:
    """Publish those of ``chosen`` from today, for the working days of the notice; with the sums the rules give.

    Raises :class:`Forbidden`, :class:`Invalid` without any, :class:`Conflict` when one is not to be published now.
    """
    require_official(user, notice)
    title = forms.check_text(title.strip() or str(notice), 120)
    text = forms.check_text(text.strip(), 4000, lines=True)
    if not chosen:
        raise Invalid(mark("Choose what is to be published."))
    begins = clock.today()
    days = notice.stage_days[State.PUBLIC]
    ends = clock.day_after(notice.organisation, begins, days)
    with transaction.atomic():
        made = Publication.objects.create(
            organisation=notice.organisation,
            notice=notice,
            title=title,
            text=text,
            begins_on=begins,
            ends_on=ends,
            created_by=user,
        )
        audit.record(user, "create", made, after=audit.state(made))
        for pk in sorted(set(chosen)):
            _list(user, made, waiting(notice).filter(pk=pk).first())
    return made


def _list(user: User, publication: Publication, application: Application | None) -> None:
    if application is None:
        raise Conflict(
            mark("One of them is not to be published now."), remedy=mark("Load the page again and choose anew.")
        )
    fresh = steps.locked(application)
    require_official(user, fresh)
    if fresh.state != State.PUBLIC or fresh.publication_id is not None:
        raise Conflict(mark("One of them is not to be published now."))
    fresh.publication, fresh.proposed = publication, sums.result(fresh).due
    fresh.deadline = clock.end_of(publication.ends_on)
    steps.save(fresh)
    span = f"{publication.title} · {publication.begins_on:%Y-%m-%d} – {publication.ends_on:%Y-%m-%d}"
    steps.note(user, fresh, "published", mark("Put on public notice"), reason=span)


def publications() -> QuerySet[Publication]:
    """All of them: they are public."""
    return Publication.objects.select_related("notice", "organisation")


def publication_for(pk: int) -> Publication:
    """One; raises :class:`NotFound`."""
    found = publications().filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no such public notice."))
    return found


def object_to(publication: Publication, name: str, contact: str, text: str, application: int | None) -> Objection:
    """What somebody, signed in or not, holds against it. Raises :class:`Invalid`, :class:`Conflict` after its end."""
    name = forms.check_text(name.strip(), 60)
    contact = forms.check_text(contact.strip(), 120)
    text = forms.check_text(text.strip(), 4000, lines=True)
    if not name or not contact or len(text) < 10:
        raise Invalid(
            mark("An objection needs your name, how you can be reached, and what is wrong, in ten characters or more."),
            remedy=mark("Only the office sees who you are."),
        )
    with transaction.atomic():
        fresh = Publication.objects.select_for_update(of=("self",)).get(pk=publication.pk)
        if fresh.over:
            raise Conflict(
                mark("The time for objections ended on {day} 24:00."),
                remedy=mark("Write to the office."),
                day=fresh.ends_on.isoformat(),
            )
        if fresh.objections.filter(answered_at__isnull=True).count() >= MOST_OBJECTIONS:
            raise Conflict(mark("Too many objections wait for an answer."), remedy=mark("Write to the office."))
        chosen = fresh.listed.filter(pk=application).first() if application else None
        if application and chosen is None:
            raise Invalid(mark("This application does not stand on the notice."))
        made = Objection.objects.create(
            publication=fresh,
            application=chosen,
            number=f"YY{clock.today():%Y%m%d}-{secrets.token_hex(4).upper()}",
            name=name,
            contact=contact,
            text=text,
        )
        audit.record(PUBLIC, "create", made, after={"number": made.number})
        if chosen is not None:
            steps.note(PUBLIC, chosen, "objected", mark("An objection came in"), reason=made.number)
    return made


def answer(user: User, pk: int, text: str, *, upheld: bool) -> Objection:
    """Answer an objection; raises :class:`NotFound` for other offices, :class:`Conflict` when it is answered."""
    text = forms.check_text(text.strip(), 4000, lines=True)
    with transaction.atomic():
        found = Objection.objects.select_for_update(of=("self",)).select_related("publication__organisation")
        fresh = found.filter(pk=pk).first()
        if fresh is None:
            raise NotFound(mark("There is no such objection."))
        require_official(user, fresh.publication)
        if fresh.application is not None:
            require_official(user, fresh.application)
        if fresh.answered_at is not None:
            raise Conflict(mark("The objection {number} is answered already."), number=fresh.number)
        if not text:
            raise Invalid(mark("An answer says what was looked at and what came of it."))
        fresh.answer, fresh.upheld, fresh.answered_at, fresh.answered_by = text, upheld, timezone.now(), user
        fresh.save()
        audit.record(user, "answer", fresh, after=audit.state(fresh), reason=text)
        if fresh.application is not None:
            label = mark("An objection was found right") if upheld else mark("An objection was answered")
            steps.note(user, fresh.application, "answered", label, reason=f"{fresh.number}: {text}")
    return fresh

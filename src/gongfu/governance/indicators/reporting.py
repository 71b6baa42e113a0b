"""Reporting a figure with its evidence, signing it by a second person, sending it back, correcting it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from gongfu.governance.indicators import figures, rules, services
from gongfu.governance.indicators.models import Assignment, Record, Report
from gongfu.governance.indicators.table import Row
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit, can_operate
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark

JUMP: Final = 5
"""A figure that many times the last one, or below it, needs a remark that says why."""


def assignments(user: User) -> QuerySet[Assignment]:
    """What ``user`` may see of who reports: one's own organisations' and those of one's plans."""
    visible = Organisation.objects.visible_to(user).values("pk")
    return Assignment.objects.filter(
        Q(organisation__in=visible) | Q(indicator__organisation__in=visible)
    ).select_related("organisation", "indicator__plan__organisation", "indicator__organisation")


def assignment_for(user: User, pk: int) -> Assignment:
    """The assignment ``pk``; raises :class:`NotFound` when ``user`` may not see it."""
    found = assignments(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no assignment {pk}."), pk=pk)
    return found


def reports(user: User) -> QuerySet[Report]:
    """The reports ``user`` may see: one's own organisations' and those for one's plans."""
    visible = Organisation.objects.visible_to(user).values("pk")
    return Report.objects.filter(
        Q(organisation__in=visible) | Q(assignment__indicator__organisation__in=visible)
    ).select_related("organisation", "created_by", "signed_by", "assignment__indicator__plan__organisation")


def report_for(user: User, pk: int) -> Report:
    """The report ``pk``; raises :class:`NotFound` when ``user`` may not see it."""
    found = reports(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no report {pk}."), pk=pk)
    return found


def report(
    user: User,
    assignment: Assignment,
    as_of: dt.date,
    value: Decimal,
    evidence: str,
    note: str = "",
    rows: Sequence[Row] = (),
) -> Report:
    """State a figure. With ``rows`` they are the things it counts, and their sum has to be the figure.

    Raises :class:`Forbidden`, :class:`Invalid` for a day or figure that cannot be, :class:`Conflict` when another
    report of that day waits for its signature.
    """
    _may_report(user, assignment)
    evidence, note = _text(evidence, 4000), _text(note, 2000)
    _check_day(assignment, as_of)
    rules.number(str(value), assignment.indicator.words.unit)
    if rows and (total := sum((row.amount for row in rows), Decimal(0))) != value:
        raise Invalid(
            mark("The figure is {value}, but the things listed are {total}."),
            remedy=mark("List every one, or correct the figure."),
            value=f"{value:f}",
            total=f"{total:f}",
        )
    _check_jump(assignment, as_of, value, note)
    return _save(user, assignment, as_of, value, evidence, note, rows, table=False)


def import_table(user: User, assignment: Assignment, rows: Sequence[Row], evidence: str, note: str = "") -> Report:
    """State records that add to those signed before; a record known by its code counts once.

    Raises :class:`Forbidden`, :class:`Invalid`, :class:`Conflict`.
    """
    _may_report(user, assignment)
    if not rows:
        raise Invalid(mark("The table has no rows."))
    evidence, note = _text(evidence, 4000), _text(note, 2000)
    as_of = max(row.day for row in rows)
    for day in (min(row.day for row in rows), as_of):
        _check_day(assignment, day)
    codes = [row.code for row in rows if row.code]
    known = Record.objects.filter(indicator=assignment.indicator, counts=True)
    for first in range(0, len(codes), 500):
        again = known.filter(code__in=codes[first : first + 500]).values_list("code", flat=True).first()
        if again is not None:
            raise Conflict(
                mark("{code} has been counted already."), remedy=mark("Leave it out of the table."), code=again
            )
    total = sum((row.amount for row in rows), Decimal(0))
    if total > rules.MOST:
        raise Invalid(mark("{value} cannot be right."), value=f"{total:f}")
    return _save(user, assignment, as_of, total, evidence, note, rows, table=True)


def _save(
    user: User,
    assignment: Assignment,
    as_of: dt.date,
    value: Decimal,
    evidence: str,
    note: str,
    rows: Sequence[Row],
    *,
    table: bool,
) -> Report:
    if not evidence:
        raise Invalid(
            mark("A figure needs evidence."), remedy=mark("Name the list, the notice or the certificate it rests on.")
        )
    corrected = None
    if not table:
        corrected = Report.objects.filter(
            assignment=assignment, as_of=as_of, state=Report.State.SIGNED, table=False
        ).first()
        if corrected is not None and not note:
            raise Invalid(
                mark("A figure of {day} has been signed; a correction needs a remark that says why."),
                day=as_of.isoformat(),
            )
    try:
        with transaction.atomic():
            made = Report.objects.create(
                organisation=assignment.organisation,
                assignment=assignment,
                as_of=as_of,
                value=value,
                table=table,
                evidence=evidence,
                note=note,
                corrects=corrected,
                created_by=user,
            )
            Record.objects.bulk_create(
                [
                    Record(
                        report=made,
                        indicator=assignment.indicator,
                        day=row.day,
                        name=row.name,
                        code=row.code,
                        amount=row.amount,
                        paper=row.paper,
                    )
                    for row in rows
                ],
                batch_size=2000,
            )
            audit.record(user, "report", made, after=audit.state(made))
    except IntegrityError as error:
        raise Conflict(
            mark("A figure of {day} waits for its signature already."),
            remedy=mark("Have it signed or sent back first."),
            day=as_of.isoformat(),
        ) from error
    return made


def may_sign(user: User, made: Report) -> bool:
    """Whether ``user`` may sign or send back ``made`` as it is now: a second person, of the plan's organisation."""
    return (
        made.state == Report.State.REPORTED
        and made.created_by_id != user.pk
        and can_edit.test(user, made.assignment.indicator)
    )


def sign(user: User, made: Report) -> Report:
    """Let a report count; what it corrects is kept, and counts no more.

    Raises :class:`Forbidden` for the one who reported and for who may not, :class:`Conflict` when somebody was first.
    """
    with transaction.atomic():
        fresh = _locked(user, made)
        before = audit.state(fresh)
        earlier = Report.objects.select_for_update().filter(
            assignment=fresh.assignment, as_of=fresh.as_of, state=Report.State.SIGNED, table=False
        )
        if not fresh.table:
            for one in earlier:
                one.state = Report.State.SUPERSEDED
                one.save()
                one.records.update(counts=False)
                fresh.corrects = one
        fresh.state, fresh.signed_by, fresh.signed_at = Report.State.SIGNED, user, timezone.now()
        fresh.save()
        if fresh.table:
            _check_again(fresh)
            figures.count(fresh)
        audit.record(user, "sign", fresh, before=before, after=audit.state(fresh))
        figures.refresh(fresh.assignment.indicator)
    return fresh


def send_back(user: User, made: Report, reason: str) -> Report:
    """Refuse a report; raises as :func:`sign`, and :class:`Invalid` without a reason."""
    reason = _text(reason, 500)
    if not reason:
        raise Invalid(mark("Say in a sentence what has to be mended."))
    with transaction.atomic():
        fresh = _locked(user, made)
        before = audit.state(fresh)
        fresh.state, fresh.reason = Report.State.RETURNED, reason
        fresh.signed_by, fresh.signed_at = user, timezone.now()
        fresh.save()
        audit.record(user, "send_back", fresh, before=before, after=audit.state(fresh), reason=reason)
    return fresh


def withdraw_table(user: User, made: Report, reason: str) -> Report:
    """Take a signed table out of the count; it stays in the history. Raises as :func:`send_back`."""
    reason = _text(reason, 500)
    if not reason:
        raise Invalid(mark("Say in a sentence what has to be mended."))
    with transaction.atomic():
        fresh = _fresh(made)
        if not can_edit.test(user, fresh.assignment.indicator):
            raise Forbidden(mark("You may not sign for {organisation}."), organisation=fresh.organisation.name)
        if fresh.state != Report.State.SIGNED or not fresh.table:
            raise Conflict(mark("This report is no signed table."))
        before = audit.state(fresh)
        fresh.state, fresh.reason = Report.State.SUPERSEDED, reason
        fresh.save()
        figures.uncount(fresh)
        audit.record(user, "withdraw", fresh, before=before, after=audit.state(fresh), reason=reason)
        figures.refresh(fresh.assignment.indicator)
    return fresh


def _fresh(made: Report) -> Report:
    return (
        Report.objects.select_for_update(of=("self",))
        .select_related(
            "organisation",
            "assignment__indicator__plan__scope",
            "assignment__indicator__plan__organisation",
            "assignment__indicator__organisation",
        )
        .get(pk=made.pk)
    )


def _locked(user: User, made: Report) -> Report:
    fresh = _fresh(made)
    if not can_edit.test(user, fresh.assignment.indicator):
        raise Forbidden(
            mark("You may not sign for {organisation}."), organisation=fresh.assignment.indicator.organisation.name
        )
    if fresh.created_by_id == user.pk:
        raise Forbidden(
            mark("Who reported a figure cannot sign it."), remedy=mark("Ask a colleague to look at it and sign.")
        )
    if fresh.state != Report.State.REPORTED:
        raise Conflict(
            mark("This report is {state} already."),
            remedy=mark("Load the page again."),
            state=fresh.get_state_display(),
        )
    return fresh


def _check_again(made: Report) -> None:
    """Codes that were counted between the report and its signature."""
    counted = Record.objects.filter(indicator=made.assignment.indicator, counts=True).exclude(code="")
    again = made.records.exclude(code="").filter(code__in=counted.values("code")).values_list("code", flat=True).first()
    if again is not None:
        raise Conflict(mark("{code} has been counted already."), code=again)


def _may_report(user: User, assignment: Assignment) -> None:
    if not can_operate.test(user, assignment) and not can_edit.test(user, assignment.indicator):
        raise Forbidden(mark("You may not report for {organisation}."), organisation=assignment.organisation.name)


def _check_day(assignment: Assignment, day: dt.date) -> None:
    if day > services.today():
        raise Invalid(mark("{day} has not come yet."), day=day.isoformat())
    begins = assignment.indicator.plan.begins
    if day < begins:
        raise Invalid(
            mark("{day} lies before the plan begins on {begins}."), day=day.isoformat(), begins=begins.isoformat()
        )


def _check_jump(assignment: Assignment, as_of: dt.date, value: Decimal, note: str) -> None:
    if note:
        return
    last = (
        Report.objects.filter(assignment=assignment, state=Report.State.SIGNED, table=False, as_of__lt=as_of)
        .order_by("-as_of")
        .first()
    )
    if last is None or last.value == 0:
        return
    if value < last.value or value > JUMP * last.value:
        raise Invalid(
            mark("The figure goes from {before} to {now}."),
            remedy=mark("If that is right, say why in the remark."),
            before=f"{last.value.normalize():f}",
            now=f"{value.normalize():f}",
        )


def _text(text: str, most: int) -> str:
    plain = text.replace("\0", "").replace("\r\n", "\n").strip()
    if len(plain) > most:
        raise Invalid(mark("At most {most} characters."), most=most)
    return plain

"""From the approval to the last yuan: instalments, the ledger, other bank accounts, claw-back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from gongfu.governance.applications import clock, forms, requirements, steps, sums
from gongfu.governance.applications.models import AccountChange, Application, Instalment
from gongfu.governance.applications.permissions import acts_for_applicant, require_official
from gongfu.governance.applications.procedure import State
from gongfu.governance.indicators import services as indicators
from gongfu.governance.support import services as support
from gongfu.governance.support.services import Draft
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark

ZERO = Decimal(0)
_PAYABLE = (State.APPROVED, State.INSPECTION)


@dataclass(frozen=True)
class Part:
    """An instalment before it is kept. Yuan."""

    amount: Decimal
    due_on: dt.date
    after: str = ""
    after_inspection: bool = False


def approve(
    user: User,
    application: Application,
    amount: Decimal,
    parts: Sequence[Part],
    *,
    document: str,
    version: int | None = None,
    reason: str = "",
) -> Application:
    """Decide: ``amount`` is paid in ``parts``, which add up to it. Never more than the rules give on its day.

    Raises what a step raises, :class:`Invalid` for a plan that does not add up.
    """
    if not amount.is_finite() or amount <= 0:
        raise Invalid(mark("{sum} yuan cannot be approved."), sum=amount)
    if sum((one.amount for one in parts), ZERO) != amount or any(one.amount <= 0 for one in parts):
        raise Invalid(
            mark("The instalments do not add up to {amount} yuan."), remedy=mark("Change them."), amount=amount
        )

    def decided(fresh: Application) -> None:
        due = sums.result(fresh, decided=amount).due
        if amount > due:
            raise Conflict(
                mark("{amount} yuan cannot be approved: by the rules of {day} {due} yuan are due."),
                remedy=mark("Look at the explanation of the sum."),
                amount=amount,
                due=due,
                day=fresh.applied_on.isoformat(),
            )
        if fresh.notice.inspected and not any(one.after_inspection for one in parts):
            raise Invalid(mark("The last instalment waits for the final inspection: mark it so."))
        fresh.approved = amount
        fresh.instalments.all().delete()
        Instalment.objects.bulk_create(
            Instalment(
                application=fresh,
                position=position,
                amount=one.amount,
                due_on=one.due_on,
                after=forms.check_text(one.after.strip(), 120),
                after_inspection=one.after_inspection,
            )
            for position, one in enumerate(parts, 1)
        )

    return steps.take(user, application, "approve", version=version, reason=reason, document=document, change=decided)


def reach(user: User, application: Application, pk: int, evidence: str) -> Instalment:
    """Note that the milestone an instalment waits for is reached; raises :class:`Conflict` when it was before."""
    require_official(user, application)
    with transaction.atomic():
        fresh = steps.locked(application)
        part = _part(fresh, pk)
        if part.reached_on is not None or part.paid_on is not None:
            raise Conflict(mark("The milestone was reached before."))
        if not evidence.strip():
            raise Invalid(mark("Say what shows it."))
        part.reached_on = clock.today()
        part.save()
        steps.save(fresh)
        steps.note(
            user, fresh, "milestone", mark("A milestone was reached"), reason=f"{part.after}: {evidence.strip()}"
        )
        audit.record(user, "change", part, after=audit.state(part), reason=evidence)
    return part


def _part(application: Application, pk: int) -> Instalment:
    part = Instalment.objects.filter(application=application, pk=pk).first()
    if part is None:
        raise NotFound(mark("There is no such instalment."))
    return part


def hindrance(application: Application, part: Instalment) -> Conflict | None:
    """Why an instalment cannot be paid now; None when it can."""
    if part.paid_on is not None:
        return Conflict(mark("This instalment was paid on {day}."), day=part.paid_on.isoformat())
    if application.stage not in _PAYABLE:
        return Conflict(mark("Nothing is paid in the stage “{state}”."), state=application.stage_name)
    if part.after and part.reached_on is None:
        return Conflict(mark("It waits for: {milestone}."), milestone=part.after)
    if part.after_inspection and application.inspected_on is None:
        return Conflict(mark("It waits for the final inspection."))
    if waiting_change(application) is not None:
        return Conflict(
            mark("Another bank account waits to be confirmed: nothing is paid before."),
            remedy=mark("Two officials confirm it, or one refuses it."),
        )
    return None


def payable(office: Organisation) -> list[Instalment]:
    """Instalments of ``office`` that fall due by today and that nothing hinders, the oldest first."""
    found = Instalment.objects.filter(
        application__notice__organisation=office,
        application__state__in=_PAYABLE,
        paid_on__isnull=True,
        due_on__lte=clock.today(),
    ).select_related("application__notice__organisation", "application__organisation")
    return [one for one in found.order_by("due_on", "pk") if hindrance(one.application, one) is None]


def pay(
    user: User, application: Application, pk: int, *, paid_on: dt.date, document: str, version: int | None = None
) -> Instalment:
    """Enter that an instalment was paid, into the story and into the ledger.

    Raises :class:`Conflict` when it cannot be paid now or less is due by now, :class:`Forbidden` for who decided.
    """
    require_official(user, application)
    document = forms.check_text(document.strip(), 120)
    if not document:
        raise Invalid(mark("A payment needs the number of its document."))
    with transaction.atomic():
        fresh = steps.locked(application, version)
        part = _part(fresh, pk)
        hindered = hindrance(fresh, part)
        if hindered is not None:
            raise hindered
        if fresh.beneficiary is None:
            raise Conflict(mark("The enterprise does not stand in the ledger."))
        claim = sums.asked(fresh, decided=fresh.approved)
        part.entry = support.record_payment(
            user, fresh.beneficiary, claim, part.amount, fresh.applied_on, paid_on=paid_on, document=document
        )
        part.paid_on, part.document = paid_on, document
        part.payee = f"{fresh.account_holder} · {fresh.bank} · {fresh.account}"
        part.save()
        steps.save(fresh)
        steps.note(
            user,
            fresh,
            "paid",
            mark("Paid an instalment"),
            reason=f"{part.position}: ¥{part.amount:,.2f}",
            document=document,
            deadline=fresh.deadline,
        )
        audit.record(user, "pay", part, after=audit.state(part))
        transaction.on_commit(_counted)
    return part


def _counted() -> None:
    indicators.changed("projects_supported")


# --- other bank accounts ---


def waiting_change(application: Application) -> AccountChange | None:
    """A change that nobody has decided."""
    return AccountChange.objects.filter(application=application, decided_at__isnull=True).first()


def change_account(
    user: User, application: Application, holder: str, bank: str, account: str, reason: str
) -> AccountChange:
    """Ask for another account after the form was handed in; it takes two officials. Raises :class:`Invalid`,
    :class:`Conflict` while another change waits, :class:`Forbidden` for who acts for neither side.
    """
    holder, bank = forms.check_text(holder.strip(), 120), forms.check_text(bank.strip(), 120)
    number, reason = forms.account(account), forms.check_text(reason.strip(), 2000, lines=True)
    if not holder or not bank or not reason:
        raise Invalid(mark("Another account needs its holder, its bank, and the reason."))
    with transaction.atomic():
        fresh = steps.locked(application)
        if not acts_for_applicant.test(user, fresh):
            require_official(user, fresh)
        if fresh.stage in (State.DRAFT, State.RETURNED) or fresh.ended:
            raise Conflict(mark("The account is changed here only between handing in and the end of the case."))
        if waiting_change(fresh) is not None:
            raise Conflict(mark("Another bank account waits to be confirmed already."))
        if holder != fresh.name:
            raise Invalid(
                mark("{holder} is not {name}: support is paid to the applicant only."), holder=holder, name=fresh.name
            )
        made = AccountChange.objects.create(
            application=fresh, account_holder=holder, bank=bank, account=number, reason=reason, asked_by=user
        )
        steps.save(fresh)
        steps.note(user, fresh, "account", mark("Asked for another bank account"), reason=f"{made}: {reason}")
        audit.record(user, "create", made, after=audit.state(made), reason=reason)
    return made


def decide_account(user: User, application: Application, pk: int, *, accept: bool, reason: str = "") -> AccountChange:
    """The first official checks, another one confirms, and only then it holds; either may refuse.

    Raises :class:`Forbidden` for who asked for it or checked it before, :class:`Conflict` when it is decided.
    """
    with transaction.atomic():
        fresh = steps.locked(application)
        require_official(user, fresh)
        change = AccountChange.objects.select_for_update().filter(application=fresh, pk=pk).first()
        if change is None:
            raise NotFound(mark("There is no such change."))
        if change.decided_at is not None:
            raise Conflict(mark("This change is decided already."))
        if not accept:
            if not reason.strip():
                raise Invalid(mark("Say why in a sentence."))
            change.decided_by, change.decided_at = user, timezone.now()
            label = mark("Refused another bank account")
        elif user.pk in (change.asked_by_id, change.checked_by_id):
            raise Forbidden(
                mark("It takes a second person: you asked for this account or checked it."),
                remedy=mark("Let a colleague confirm it."),
            )
        elif change.checked_by_id is None:
            change.checked_by, change.checked_at = user, timezone.now()
            label = mark("Checked another bank account")
        else:
            change.decided_by, change.decided_at, change.accepted = user, timezone.now(), True
            fresh.account_holder, fresh.bank, fresh.account = change.account_holder, change.bank, change.account
            label = mark("Confirmed another bank account")
        change.save()
        steps.save(fresh)
        steps.note(user, fresh, "account", label, reason=f"{change} {reason.strip()}".strip())
        audit.record(user, "change", change, after=audit.state(change), reason=reason)
    return change


# --- claw-back ---


def recover(
    user: User, application: Application, amount: Decimal, *, reason: str, document: str, version: int | None = None
) -> Application:
    """Claim ``amount`` yuan of what was paid back; raises :class:`Invalid` for more than that."""

    def claimed(fresh: Application) -> None:
        paid = requirements.paid(fresh)
        if not amount.is_finite() or not ZERO < amount <= paid:
            raise Invalid(mark("{sum} yuan cannot be claimed back: {paid} yuan were paid."), sum=amount, paid=paid)
        fresh.recovering = amount

    return steps.take(user, application, "recover", version=version, reason=reason, document=document, change=claimed)


def came_back(
    user: User,
    application: Application,
    amount: Decimal,
    *,
    paid_on: dt.date,
    document: str,
    version: int | None = None,
) -> Application:
    """Enter that money has come back, into the ledger too; the case is closed when all of it has."""
    require_official(user, application)
    document = forms.check_text(document.strip(), 120)
    with transaction.atomic():
        fresh = steps.locked(application, version)
        if fresh.state != State.RECOVERING or fresh.beneficiary is None:
            raise Conflict(mark("No money is claimed back."))
        if not amount.is_finite() or not ZERO < amount <= fresh.recovering or not document:
            raise Invalid(
                mark("Between 0 and {most} yuan come back, by a document with a number."), most=fresh.recovering
            )
        clause = sums.clause_of(fresh)
        year = fresh.year if clause.yearly else 0
        draft = Draft(
            fresh.matter, amount, paid_on, scheme=fresh.notice.family, clause=fresh.clause, year=year, document=document
        )
        support.claw_back(user, fresh.beneficiary, draft)
        transaction.on_commit(_counted)
        fresh.recovering -= amount
        steps.save(fresh)
        said = f"¥{amount:,.2f}"
        steps.note(user, fresh, "came_back", mark("Money has come back"), reason=said, document=document)
        audit.record(user, "change", fresh, after=audit.state(fresh), reason=said)
        if fresh.recovering == ZERO:
            fresh = steps.take(user, fresh, "recovered", reason=said, document=document)
    return fresh

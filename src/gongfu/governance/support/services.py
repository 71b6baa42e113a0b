"""The door of support rules: what an enterprise is due, and the ledger of what it has had."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from gongfu.governance.support import versions
from gongfu.governance.support.models import Beneficiary, LedgerEntry, entries
from gongfu.governance.support.permissions import keeps_ledger
from gongfu.governance.support.rules import Claim, Entry, Result, matter_key, settle
from gongfu.governance.support.schemes import MOST, Scheme, in_force
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import is_credit_code
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark

ZERO = Decimal(0)
Kind = LedgerEntry.Kind


@dataclass(frozen=True)
class Asked:
    """One thing an enterprise applies for. Money in yuan."""

    family: str
    """Of the document, such as ``qingpu``."""
    clause: str
    matter: str
    basis: Decimal = ZERO
    year: int = 0
    facts: frozenset[str] = frozenset()
    """Keys of the conditions that hold."""
    decided: Decimal | None = None
    """Where the document says “at most”: what was decided."""


@dataclass(frozen=True)
class Draft:
    """An entry before it is in the ledger; ``amount`` is positive whatever ``kind`` says."""

    matter: str
    amount: Decimal
    paid_on: dt.date
    kind: Kind = Kind.PAID
    scheme: str = ""
    clause: str = ""
    year: int = 0
    basis: Decimal | None = None
    document: str = ""
    remark: str = ""


def require_official(user: User, office: Organisation) -> None:
    """Raise :class:`Forbidden` for who may not keep the ledger of ``office``."""
    if not keeps_ledger.test(user, office):
        raise Forbidden(
            mark("You may not keep the ledger of {office}."),
            remedy=mark("Ask an administrator of the authority for the role of an engineer."),
            office=office,
        )


def enterprise_called(actor: User, office: Organisation, name: str, credit_code: str) -> Beneficiary:
    """The enterprise with that code in the ledger of ``office``; a new one is entered, and linked to the organisation
    of this node that bears the code. Raises :class:`Invalid` for a wrong code, :class:`Conflict` for another name.
    """
    require_official(actor, office)
    name, credit_code = name.strip(), credit_code.strip().upper()
    if not is_credit_code(credit_code):
        raise Invalid(
            mark("{code} is no unified social credit code: 18 characters, and the last one checks the others."),
            remedy=mark("Compare it with the business licence."),
            code=credit_code[:40] or "-",
        )
    with transaction.atomic():
        found = Beneficiary.objects.filter(organisation=office, credit_code=credit_code).first()
        if found is not None:
            if name and name != found.name:
                raise Conflict(
                    mark("{code} is {known} in the ledger, not {name}."),
                    remedy=mark("Correct the name, or change it on the page of the enterprise."),
                    code=credit_code,
                    known=found.name,
                    name=name[:120],
                )
            return found
        if not name or len(name) > 120 or not name.isprintable():
            raise Invalid(mark("An enterprise needs a name of at most 120 characters."), name=name[:40])
        member = Organisation.objects.filter(credit_code=credit_code).first()
        made = Beneficiary.objects.create(
            organisation=office, name=name, credit_code=credit_code, member=member, created_by=actor
        )
        audit.record(actor, "create", made, after=audit.state(made))
    return made


def ledger_of(enterprise: Beneficiary, *, without: Sequence[int] = ()) -> list[Entry]:
    """Everything it has had, as the rules know it; ``without`` names entries to leave out."""
    return entries(LedgerEntry.objects.filter(enterprise=enterprise).exclude(pk__in=without))


def schemes_on(office: Organisation | None, asked: Sequence[Asked], on: dt.date) -> dict[str, Scheme]:
    """Family → the version in force on that day. Raises :class:`NotFound`."""
    known = versions.schemes_of(office)
    return {family: in_force(known, family, on) for family in {one.family for one in asked}}


def claims_of(enterprise: Beneficiary, asked: Sequence[Asked], on: dt.date) -> list[tuple[str, Claim]]:
    """As the rules want them, each with its family. Raises :class:`Invalid` for absurd sums."""
    return [
        (
            one.family,
            Claim(
                enterprise=str(enterprise.pk),
                matter=one.matter,
                clause=one.clause,
                on=on,
                basis=one.basis,
                facts=one.facts,
                year=one.year,
                applicant=enterprise.kind,
                decided=one.decided,
            ),
        )
        for one in asked
    ]


def settle_for(enterprise: Beneficiary, claims: Sequence[Asked], on: dt.date) -> list[Result]:
    """What ``claims``, applied for on that day, give together after all the enterprise has had; saves nothing.

    Raises :class:`NotFound` for a document not in force or a clause it does not have, :class:`Invalid` for absurd sums.
    """
    schemes = schemes_on(enterprise.organisation, claims, on)
    return settle(schemes, claims_of(enterprise, claims, on), ledger_of(enterprise))


def record_payment(
    actor: User, enterprise: Beneficiary, claim: Asked, amount: Decimal, on: dt.date, *, paid_on: dt.date, document: str
) -> LedgerEntry:
    """Enter the payment of an approved claim that was applied for ``on`` a day; several instalments may follow.

    The claim is settled once more while nobody else can pay the enterprise: raises :class:`Conflict` when less than
    ``amount`` is due by now, as when two people pay the same claim.
    """
    with transaction.atomic():
        enterprise = _locked(actor, enterprise)
        (scheme,) = schemes_on(enterprise.organisation, [claim], on).values()
        (result,) = settle_for(enterprise, [claim], on)
        if not ZERO < amount <= result.due:
            raise Conflict(
                mark("{amount} yuan cannot be paid: {due} yuan are due for this claim by now."),
                remedy=mark("Look at the ledger: somebody may have paid it in the meantime."),
                amount=amount,
                due=result.due,
            )
        year = claim.year if result.clause.yearly else 0
        draft = Draft(claim.matter, amount, paid_on, Kind.PAID, claim.family, claim.clause, year, claim.basis, document)
        return _append(actor, enterprise, draft, version=scheme.version)


def enter(actor: User, enterprise: Beneficiary, draft: Draft) -> LedgerEntry:
    """Enter what was paid outside this node, by an earlier decision or another level.

    Raises :class:`Invalid` for absurd sums, days to come and clauses that do not exist.
    """
    if draft.kind == Kind.CLAW_BACK:
        return claw_back(actor, enterprise, draft)
    if draft.kind == Kind.REVERSAL:
        raise Invalid(mark("A correction names the entry it corrects."), remedy=mark("Open that entry and correct it."))
    with transaction.atomic():
        return _append(actor, _locked(actor, enterprise), draft)


def claw_back(actor: User, enterprise: Beneficiary, draft: Draft) -> LedgerEntry:
    """Enter that money was paid back: never more than the matter has brought under the clause.

    Raises :class:`Conflict` when it is more, as when two people claw back the same payment.
    """
    with transaction.atomic():
        enterprise = _locked(actor, enterprise)
        matter = matter_key(draft.matter, draft.year)
        had = sum(
            (
                one.amount
                for one in ledger_of(enterprise)
                if (one.matter, one.scheme, one.clause) == (matter, draft.scheme, draft.clause)
            ),
            ZERO,
        )
        if draft.amount > had:
            raise Conflict(
                mark("{amount} yuan cannot be paid back: the matter has brought {had} yuan under this clause."),
                remedy=mark("Check matter, clause and year."),
                amount=draft.amount,
                had=had,
            )
        return _append(actor, enterprise, draft, sign=-1, kind=Kind.CLAW_BACK)


def correct(actor: User, entry: LedgerEntry, reason: str, instead: Draft | None = None) -> list[LedgerEntry]:
    """Take ``entry`` back by an entry that says why, and enter ``instead``; returns what was appended.

    Raises :class:`Conflict` when it was corrected already, :class:`Invalid` without a reason.
    """
    if not reason.strip():
        raise Invalid(mark("Say why the entry is corrected."))
    with transaction.atomic():
        enterprise = _locked(actor, entry.enterprise)
        if entry.kind == Kind.REVERSAL or LedgerEntry.objects.filter(corrects=entry).exists():
            raise _corrected(entry)
        taken = LedgerEntry(
            organisation=entry.organisation,
            enterprise=enterprise,
            matter=entry.matter,
            scheme=entry.scheme,
            version=entry.version,
            clause=entry.clause,
            year=entry.year,
            kind=Kind.REVERSAL,
            amount=-entry.amount,
            paid_on=timezone.localdate(),
            document=entry.document,
            remark=reason.strip()[:300],
            corrects=entry,
            created_by=actor,
        )
        try:
            with transaction.atomic():
                taken.save()
        except IntegrityError as error:
            raise _corrected(entry) from error
        audit.record(actor, "create", taken, after=audit.state(taken), reason=reason)
        return [taken, *([_append(actor, enterprise, instead)] if instead else [])]


def _corrected(entry: LedgerEntry) -> Conflict:
    return Conflict(
        mark("{entry} was corrected already."), remedy=mark("Look at the newest entry of the matter."), entry=entry
    )


def _locked(actor: User, enterprise: Beneficiary) -> Beneficiary:
    """The enterprise, which nobody else pays until the transaction ends."""
    found = Beneficiary.objects.select_for_update(of=("self",)).select_related("organisation").filter(pk=enterprise.pk)
    locked = found.first()
    if locked is None:
        raise NotFound(mark("There is no such enterprise in the ledger."))
    require_official(actor, locked.organisation)
    return locked


def _append(
    actor: User, enterprise: Beneficiary, draft: Draft, *, sign: int = 1, kind: Kind | None = None, version: str = ""
) -> LedgerEntry:
    amount = draft.amount
    if not amount.is_finite() or not ZERO < amount <= MOST or amount != round(amount, 2):
        raise Invalid(
            mark("{amount} yuan cannot be an amount of the ledger."),
            remedy=mark("Enter a positive sum of yuan and fen."),
            amount=amount,
        )
    if draft.paid_on > timezone.localdate() or draft.paid_on.year < 2000:
        raise Invalid(mark("{day} cannot be the day of a payment."), day=draft.paid_on.isoformat())
    if not version and draft.scheme in versions.families(enterprise.organisation):
        scheme = versions.current(enterprise.organisation, draft.scheme, draft.paid_on)
        scheme.find(draft.clause)
        version = scheme.version
    entry = LedgerEntry(
        organisation=enterprise.organisation,
        enterprise=enterprise,
        matter=draft.matter.strip(),
        scheme=draft.scheme,
        version=version,
        clause=draft.clause,
        year=draft.year,
        kind=kind or draft.kind,
        amount=sign * amount,
        basis=draft.basis,
        paid_on=draft.paid_on,
        document=draft.document.strip(),
        remark=draft.remark.strip(),
        created_by=actor,
    )
    try:
        entry.full_clean(exclude=["organisation", "enterprise", "corrects", "created_by"], validate_constraints=False)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid(mark("{field} cannot be used: {reason}"), field=field, reason=" ".join(messages)) from error
    entry.save()
    audit.record(actor, "create", entry, after=audit.state(entry))
    return entry

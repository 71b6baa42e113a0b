"""What officials should look at twice: signals of fraud among everything handed in at an office."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from gongfu.governance.applications import forms, services, sums
from gongfu.governance.applications.models import Application
from gongfu.governance.applications.procedure import State
from gongfu.governance.signals import rules as noticing
from gongfu.governance.signals.rules import Filing, Invoice, Limits, Person, Signal
from gongfu.governance.support.schemes import Clause, Scheme
from gongfu.identity.authentication import services as authentication
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import GongfuError

MOST = 5000
"""How many of the newest applications of an office are compared."""
_PROOFS = ("发票", "凭证", "invoice", "proof")
"""A paper called so proves an expense: the same file elsewhere is a signal, which a licence would not be."""


def concerning(application: Application) -> list[tuple[Signal, list[Application]]]:
    """Signals that rest on ``application``, each with the other applications it names."""
    every = list(
        services.handed_in(application.office)
        .exclude(state=State.WITHDRAWN)
        .select_related("notice__organisation", "organisation")
        .prefetch_related("attachments")
        .order_by("-submitted_at")[:MOST]
    )
    by_key = {str(one.pk): one for one in every}
    found = noticing.signals(filings(every), limits(every))
    mine = noticing.concerning(found, str(application.pk))
    return [(one, [by_key[key] for key in one.filings if key != str(application.pk)]) for one in mine]


def filings(every: Iterable[Application]) -> list[Filing]:
    """As the signals know applications."""
    people: dict[int, Person | None] = {}
    return [_filing(one, people) for one in every]


def _filing(one: Application, people: dict[int, Person | None]) -> Filing:
    if one.organisation_id not in people:
        people[one.organisation_id] = _representative(one.organisation)
    titles = dict(one.notice.papers)
    proofs = [
        Invoice(digest=file.sha256)
        for file in one.attachments.all()
        if any(word in titles.get(file.paper, "").lower() for word in _PROOFS)
    ]
    typed = [
        Invoice(number=each.number, seller=each.seller, amount=each.amount, day=each.day)
        for each in forms.invoices(one.answers.get("invoices", ""), lenient=True)
    ]
    return Filing(
        key=str(one.pk),
        organisation=str(one.organisation_id),
        name=one.name,
        legal=people[one.organisation_id],
        phones=(one.answers.get("contact_phone", ""),),
        accounts=(one.account,) if one.account else (),
        project=one.matter,
        clause=one.clause,
        window=str(one.notice_id),
        amount=one.basis,
        invoices=(*typed, *proofs),
    )


def _representative(organisation: Organisation) -> Person | None:
    verified = authentication.verified(organisation)
    return Person(verified.representative) if verified and verified.representative else None


def limits(every: Iterable[Application]) -> Limits:
    """From where on pieces of one project are a signal: the basis at which a clause's cap is reached."""
    pieces: dict[str, Decimal] = {}
    schemes: dict[int, Scheme | None] = {}
    for one in every:
        if one.notice_id not in schemes:
            try:
                schemes[one.notice_id] = sums.scheme_of(one.notice)
            except GongfuError:
                schemes[one.notice_id] = None
        scheme = schemes[one.notice_id]
        if scheme is not None and one.clause not in pieces:
            reached = full_basis(scheme.find(one.clause))
            if reached is not None:
                pieces[one.clause] = reached
    return Limits(pieces=pieces)


def full_basis(clause: Clause) -> Decimal | None:
    """The basis from which on ``clause`` gives no more; None where there is no cap on the whole sum.

    Expenses beyond it bring nothing, unless they are applied for in pieces.
    """
    if clause.cap is None or not clause.bands or clause.cap_reading != "whole":
        return None
    given = Decimal(0)
    for band, following in zip(clause.bands, (*clause.bands[1:], None), strict=True):
        upper = following.over if following else None
        if band.rate > 0 and (upper is None or given + (upper - band.over) * band.rate >= clause.cap):
            return (band.over + (clause.cap - given) / band.rate).quantize(Decimal("0.01"))
        given += (upper - band.over) * band.rate if upper is not None else Decimal(0)
    return None

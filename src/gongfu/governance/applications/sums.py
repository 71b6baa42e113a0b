"""What the rules give for an application, on its date, after all the enterprise has had."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from gongfu.governance.applications import forms
from gongfu.governance.applications.models import Application, Notice
from gongfu.governance.support import services as support
from gongfu.governance.support import versions
from gongfu.governance.support.models import Beneficiary
from gongfu.governance.support.rules import Result, settle
from gongfu.governance.support.schemes import Clause, Scheme, in_force
from gongfu.governance.support.services import Asked


def scheme_of(notice: Notice, application: Application | None = None) -> Scheme:
    """The version of the notice's document that judges: the one of the application's day, or of the opening.

    Of an application it is asked once for the life of the object, that is of a request. Raises :class:`NotFound` when
    none was in force.
    """
    if application is None:
        return in_force(versions.schemes_of(notice.organisation), notice.family, notice.opens_on)
    on = application.applied_on
    known: tuple[dt.date, Scheme] | None = application.__dict__.get("_scheme")
    if known is None or known[0] != on:
        known = on, in_force(versions.schemes_of(notice.organisation), notice.family, on)
        application.__dict__["_scheme"] = known
    return known[1]


def clause_of(application: Application) -> Clause:
    """The clause applied under."""
    return scheme_of(application.notice, application).find(application.clause)


def asked(application: Application, *, decided: Decimal | None = None) -> Asked:
    """As the rules want it; what the procedure fulfils is taken as fulfilled."""
    clause = clause_of(application)
    if application.editable and not application.submitted_at:
        filled = forms.read(clause, application.answers).filled
        matter, year, basis = filled.matter, filled.year, filled.basis
    else:
        matter, year, basis = application.matter, application.year, application.basis
    facts = frozenset(application.facts) | frozenset(forms.assumed(clause))
    return Asked(application.notice.family, clause.key, matter or "-", basis, year, facts, decided)


def enterprise_of(application: Application) -> Beneficiary:
    """The applicant in the ledger of the office; not saved when it is not there yet."""
    if application.beneficiary is not None:
        return application.beneficiary
    code = application.credit_code or application.answers.get("credit_code", "").strip().upper()
    known = Beneficiary.objects.filter(organisation=application.office, credit_code=code).order_by("pk")
    return (known.first() if code else None) or Beneficiary(
        organisation=application.office, name=application.name, kind=application.kind
    )


def result(application: Application, *, decided: Decimal | None = None) -> Result:
    """What it comes to, explained line by line, before anything of it was paid. Raises :class:`NotFound`,
    :class:`Invalid`.
    """
    enterprise, on = enterprise_of(application), application.applied_on
    claim = asked(application, decided=decided)
    schemes = {claim.family: scheme_of(application.notice, application)}
    had = support.ledger_of(enterprise, without=_own(application)) if enterprise.pk is not None else []
    return settle(schemes, support.claims_of(enterprise, [claim], on), had)[0]


def _own(application: Application) -> list[int]:
    """Entries of the ledger by which this very application was paid."""
    paid = application.instalments.filter(entry__isnull=False) if application.pk else None
    return list(paid.values_list("entry", flat=True)) if paid is not None else []

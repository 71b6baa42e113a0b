"""Documents and the calculator for programs; the ledger is at ``/api/v1/governance/ledger``."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from ninja import Field, Router, Schema

from gongfu.governance.support import services, versions
from gongfu.governance.support.models import Beneficiary
from gongfu.governance.support.rules import Claim, Result, settle
from gongfu.governance.support.services import Asked
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark

router = Router()


class SchemeOut(Schema):
    """A version of a document."""

    key: str
    family: str
    version: str
    title: str
    title_en: str
    in_force: dt.date
    until: dt.date
    clauses: list[str]


class AskedIn(Schema):
    """One claim; money in yuan. ``document`` is a family such as ``qingpu``."""

    document: str
    clause: str
    matter: str = Field("1", max_length=120)
    basis: Decimal = Decimal(0)
    year: int = 0
    facts: list[str] = Field(default_factory=list)
    decided: Decimal | None = None


class TryIn(Schema):
    """Claims of one enterprise: of the ledger by its key, or anybody without anything had."""

    claims: list[AskedIn] = Field(..., min_length=1, max_length=100)
    on: dt.date | None = None
    applicant: str = "enterprise"
    enterprise: int | None = None


class LineOut(Schema):
    """One step of an explanation."""

    why: str
    cite: str
    text: str
    amount: Decimal | None


class ResultOut(Schema):
    """What one claim comes to."""

    clause: str
    entitled: Decimal
    due: Decimal
    refused: bool
    lines: list[LineOut]


class TryOut(Schema):
    """What the claims come to together."""

    due: Decimal
    results: list[ResultOut]


@router.get("/support/documents", summary="Documents with sums, every version", response=list[SchemeOut])
def documents(request: HttpRequest) -> list[dict[str, object]]:
    """Those in force one day or another."""
    del request
    return [
        {
            "key": one.key,
            "family": one.family,
            "version": one.version,
            "title": one.title,
            "title_en": one.title_en,
            "in_force": one.in_force,
            "until": one.until,
            "clauses": [clause.key for clause in one.clause],
        }
        for one in versions.schemes_of(None)
    ]


@router.post("/support/try", summary="What claims would give together; saves nothing", response=TryOut)
def work_out(request: HttpRequest, given: TryIn) -> dict[str, object]:
    """Judged by the versions in force on the day, explained line by line."""
    user, on = accounts.user_of(request), given.on or timezone.localdate()
    asked = [
        Asked(one.document, one.clause, one.matter, one.basis, one.year, frozenset(one.facts), one.decided)
        for one in given.claims
    ]
    if given.enterprise is not None:
        found = Beneficiary.objects.visible_to(user).select_related("organisation").filter(pk=given.enterprise).first()
        if found is None:
            raise NotFound(mark("There is no such enterprise in the ledger."))
        results = services.settle_for(found, asked, on)
    else:
        claims = [
            (
                one.family,
                Claim("me", one.matter, one.clause, on, one.basis, one.facts, one.year, given.applicant, one.decided),
            )
            for one in asked
        ]
        results = settle(services.schemes_on(None, asked, on), claims, [])
    return {"due": sum((one.due for one in results), Decimal(0)), "results": [_shown(one) for one in results]}


def _shown(result: Result) -> dict[str, object]:
    return {
        "clause": result.clause.key,
        "entitled": result.entitled,
        "due": result.due,
        "refused": result.refused,
        "lines": [
            {"why": line.why.value, "cite": line.cite, "text": line.text(get_language()), "amount": line.amount}
            for line in result.lines
        ],
    }

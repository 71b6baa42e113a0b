"""The calculator's form: what somebody ticked and typed, as claims and back. It saves nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from django.http import QueryDict

from gongfu.governance.support import services
from gongfu.governance.support.models import Beneficiary
from gongfu.governance.support.rules import Claim, Entry, Result, matter_of, settle
from gongfu.governance.support.schemes import Clause, Scheme
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark

ZERO = Decimal(0)


@dataclass
class Row:
    """One clause of the form, with what was typed and the mistakes in it."""

    clause: Clause
    chosen: bool
    given: dict[str, str]
    facts: frozenset[str]
    problem: GongfuError | None = None
    result: Result | None = None


@dataclass
class Trial:
    """A filled form and, when it can be read, what it comes to."""

    scheme: Scheme
    on: dt.date
    applicant: str
    general: frozenset[str]
    rows: list[Row]
    enterprise: Beneficiary | None = None
    results: list[Result] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        """What is due altogether, yuan."""
        return sum((one.due for one in self.results), ZERO)

    @property
    def chosen(self) -> list[Row]:
        """Clauses that are claimed."""
        return [row for row in self.rows if row.chosen]


def read(given: QueryDict, scheme: Scheme, on: dt.date, enterprise: Beneficiary | None) -> Trial:
    """The form; without any clause chosen all general conditions are taken to hold."""
    fresh = "clause" not in given
    facts = frozenset(given.getlist("fact"))
    general = frozenset(one.key for one in scheme.condition) if fresh else facts
    applicant = enterprise.kind if enterprise else given.get("applicant", "enterprise")
    rows = []
    for clause in scheme.clause:
        names = ("matter", "year", "basis", "decided", "had")
        typed = {name: given.get(f"{name}-{clause.key}", "").strip()[:120] for name in names}
        held = frozenset(given.getlist(f"fact-{clause.key}"))
        rows.append(Row(clause, clause.key in given.getlist("clause"), typed, held))
    trial = Trial(scheme, on, applicant, general, rows, enterprise)
    _settle(trial)
    return trial


def _settle(trial: Trial) -> None:
    claims: list[tuple[str, Claim]] = []
    ledger: list[Entry] = services.ledger_of(trial.enterprise) if trial.enterprise else []
    who = str(trial.enterprise.pk) if trial.enterprise else "me"
    for row in trial.chosen:
        try:
            claim = Claim(
                enterprise=who,
                matter=row.given["matter"] or "1",
                clause=row.clause.key,
                on=trial.on,
                basis=number(row.given["basis"]) or ZERO,
                facts=trial.general | row.facts,
                year=_year(row.given["year"], trial.on) if row.clause.yearly else 0,
                applicant=trial.applicant,
                decided=number(row.given["decided"]),
            )
            had = number(row.given["had"]) or ZERO
            if not had >= ZERO:
                raise Invalid(mark("{sum} yuan cannot be a sum of money here."), sum=had)
        except GongfuError as error:
            row.problem = error
            continue
        claims.append((trial.scheme.family, claim))
        if had:
            family = trial.scheme.family if row.clause.matches else ""
            ledger.append(Entry(who, matter_of(row.clause, claim), family, "", claim.year, had, trial.on))
    if not any(row.problem for row in trial.rows):
        trial.results = settle({trial.scheme.family: trial.scheme}, claims, ledger)
        for row, result in zip(trial.chosen, trial.results, strict=True):
            row.result = result


def number(text: str) -> Decimal | None:
    """A typed number; None for an empty field. Raises :class:`Invalid`."""
    plain = text.replace(",", "").replace("，", "").replace(" ", "").lstrip("¥￥").removesuffix("元")
    if not plain:
        return None
    unit = Decimal(1)
    if plain.endswith("万"):
        plain, unit = plain[:-1], Decimal(10_000)
    try:
        found = Decimal(plain)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise Invalid(mark("{value} is no number."), value=repr(text[:40]))
    return found * unit


def _year(text: str, on: dt.date) -> int:
    if not text:
        return on.year
    if not text.isdecimal() or not 1990 <= int(text[:6]) <= 2200:
        raise Invalid(mark("{value} is no year."), value=repr(text[:40]))
    return int(text)

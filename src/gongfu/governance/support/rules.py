"""What a claim gives under a clause, and what several claims give together: every yuan explained. Pure.

> 对同一企业涉及多项扶持的，按“就高不就低”“差额补足不重复”的原则执行（青浦附件2 四1）

Of the clauses that support one *matter* (a project, a certificate, a year's fees) the highest counts. What the
enterprise has had for the matter already, under whatever scheme, is taken off; what is missing is paid, nothing twice.
A matter therefore never brings more than its highest single support. Read strictly (``highest_reading`` of a scheme)
everything an enterprise asks for and has had within one year is one matter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from gongfu.governance.support.schemes import MOST, Clause, Condition, Scheme
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import current, mark, translate

ZERO = Decimal(0)
_FEN = Decimal("0.01")


class Why(StrEnum):
    """What a line of an explanation is about."""

    BASIS = "basis"
    BAND = "band"
    FLAT = "flat"
    STEP = "step"
    CAP = "cap"
    MISSING = "missing"
    ONCE = "once"
    YEARS = "years"
    DATE = "date"
    YEAR = "year"
    APPLICANT = "applicant"
    HIGHEST = "highest"
    HAD = "had"
    DISCRETION = "discretion"
    HINT = "hint"


@dataclass(frozen=True)
class Line:
    """One step of an explanation; ``amount`` in yuan is what stands after it."""

    why: Why
    cite: str
    message: str
    values: Mapping[str, object]
    amount: Decimal | None = None

    def text(self, language: str | None = None) -> str:
        """The sentence in ``language`` (default: the current one)."""
        chosen = {
            name: value.in_language(language) if isinstance(value, Words) else value
            for name, value in self.values.items()
        }
        return translate(self.message, language).format(**chosen)


@dataclass(frozen=True)
class Words:
    """A text of a document in both languages."""

    text: str
    text_en: str

    def in_language(self, language: str | None) -> str:
        """The one that fits."""
        return self.text if (language or current()).lower().startswith("zh") else self.text_en or self.text


_APPLICANTS = {
    "enterprise": Words("企业", "enterprise"),
    "university": Words("高等院校", "university"),
    "institute": Words("科研机构", "research institute"),
    "training": Words("社会培训机构", "training institution"),
    "park": Words("产业园区", "industrial park"),
}


@dataclass(frozen=True)
class Claim:
    """What an enterprise asks for. ``year`` is the year of the fees, ``on`` the day of the application."""

    enterprise: str
    matter: str
    clause: str
    on: dt.date
    basis: Decimal = ZERO
    facts: frozenset[str] = frozenset()
    """Keys of conditions that hold, and where chosen among equals ``selected``."""
    year: int = 0
    applicant: str = "enterprise"
    decided: Decimal | None = None
    """Where the document says “at most”: what was decided; None stands for the most."""

    def __post_init__(self) -> None:
        for name, number in (("basis", self.basis), ("decided", self.decided or ZERO)):
            if not number.is_finite() or not ZERO <= number <= MOST:
                raise Invalid(
                    mark("{sum} yuan cannot be a sum of money here ({name})."),
                    remedy=mark("Enter a sum between 0 and {most} yuan."),
                    sum=number,
                    name=name,
                    most=MOST,
                )


@dataclass(frozen=True)
class Entry:
    """What an enterprise has had; what was paid back is negative."""

    enterprise: str
    matter: str
    scheme: str
    """Family of the scheme."""
    clause: str
    year: int
    amount: Decimal
    on: dt.date | None = None
    """The day it was paid; only the strict reading of 就高不就低 asks for it."""


@dataclass(frozen=True)
class Result:
    """What a claim comes to."""

    claim: Claim
    clause: Clause
    entitled: Decimal
    """What the clause gives by itself."""
    due: Decimal
    """What is to be paid, after everything the enterprise has had."""
    lines: tuple[Line, ...] = field(default=(), repr=False)

    @property
    def refused(self) -> bool:
        """Whether a condition or limit excludes it."""
        return any(line.why in _REFUSALS for line in self.lines)


_REFUSALS = {Why.MISSING, Why.ONCE, Why.YEARS, Why.DATE, Why.YEAR, Why.APPLICANT}


def formula(clause: Clause, basis: Decimal) -> Decimal:
    """What ``clause`` gives for ``basis`` yuan, caps included, rounded to the fen."""
    return _formula(clause, basis)[0]


def _formula(clause: Clause, basis: Decimal) -> tuple[Decimal, list[Line]]:
    if clause.flat is not None:
        line = Line(Why.FLAT, clause.cite, mark("A fixed sum of {sum} yuan."), _sum(clause.flat), clause.flat)
        return clause.flat, [line]
    basis_words = Words(clause.basis, clause.basis_en)
    lines = [Line(Why.BASIS, clause.cite, mark("{what}: {sum}."), {"what": basis_words, "sum": _plain(basis)})]
    if clause.steps:
        reached = [step for step in clause.steps if basis >= step.at_least]
        amount = reached[-1].amount if reached else ZERO
        message = mark("That is enough for {sum} yuan.") if reached else mark("The lowest step is not reached.")
        lines.append(Line(Why.STEP, clause.cite, message, _sum(amount), amount))
        return amount, lines
    amount = ZERO
    for number, band in enumerate(clause.bands):
        last = number + 1 == len(clause.bands)
        upper = basis if last else min(basis, clause.bands[number + 1].over)
        part = max(ZERO, upper - band.over) * band.rate
        if not part:
            continue
        if last and clause.cap_reading == "above" and clause.cap is not None:
            part = min(part, clause.cap)
        amount += part
        message = mark("Of what lies between {low} and {high} yuan {rate} %: {part} yuan.")
        numbers = {"low": band.over, "high": upper, "rate": band.rate * 100, "part": part}
        values = {name: _plain(number) for name, number in numbers.items()}
        lines.append(Line(Why.BAND, clause.cite, message, values, amount))
    amount = amount.quantize(_FEN, ROUND_HALF_UP)
    if clause.cap is not None and clause.cap_reading == "whole" and amount > clause.cap:
        message = mark("At most {cap} yuan: {lost} yuan are cut off.")
        values = {"cap": _plain(clause.cap), "lost": _plain(amount - clause.cap)}
        lines.append(Line(Why.CAP, clause.cite, message, values, clause.cap))
        amount = clause.cap
    return amount, lines


def judge(scheme: Scheme, claim: Claim, ledger: Sequence[Entry] = ()) -> Result:
    """What one claim gives by itself; ``ledger`` is all that the enterprise has had.

    Raises :class:`NotFound` for a clause that the scheme does not have.
    """
    clause = scheme.find(claim.clause)
    refusals = [*_refused(scheme, clause, claim), *_limits(scheme, clause, claim, ledger)]
    amount, lines = _formula(clause, claim.basis)
    if clause.at_most:
        decided = amount if claim.decided is None else min(amount, claim.decided)
        message = mark("The document says “at most”: {sum} yuan were decided.")
        if claim.decided is None:
            message = mark("The document says “at most”: up to {sum} yuan may be decided.")
        lines.append(Line(Why.DISCRETION, clause.cite, message, _sum(decided), decided))
        amount = decided
    if refusals:
        amount = ZERO
    lines = [*refusals, *lines, *_hints(clause, claim, refusals)]
    return Result(claim, clause, amount, amount, tuple(lines))


def settle(schemes: Mapping[str, Scheme], claims: Iterable[tuple[str, Claim]], ledger: Sequence[Entry]) -> list[Result]:
    """What claims of one enterprise give together, in their order; each names its scheme by key of ``schemes``.

    Claims about one matter compete: the highest is paid, less what the matter has brought already. What is given once
    or for some years is not given twice among these claims either: the first of them counts.
    """
    named = [(schemes[key], claim) for key, claim in claims]
    judged = [judge(scheme, claim, ledger) for scheme, claim in named]
    while True:
        settled = _settled(named, judged, ledger)
        passed: list[Entry] = []
        for number, ((scheme, claim), result) in enumerate(zip(named, settled, strict=True)):
            if result.due <= 0:
                continue
            lines = _limits(scheme, result.clause, claim, [*ledger, *passed])
            if lines:
                judged[number] = replace(result, entitled=ZERO, due=ZERO, lines=(*lines, *result.lines))
                break
            matter = matter_of(result.clause, claim)
            passed.append(Entry(claim.enterprise, matter, scheme.family, result.clause.key, claim.year, result.due))
        else:
            return settled


def _settled(named: Sequence[tuple[Scheme, Claim]], judged: Sequence[Result], ledger: Sequence[Entry]) -> list[Result]:
    strict = any(scheme.highest_reading == "enterprise" for scheme, _ in named)
    places = [_place(result, strict=strict) for result in judged]
    before = [_had(scheme, result, ledger, strict=strict) for (scheme, _), result in zip(named, judged, strict=True)]
    highest: dict[tuple[str, str], int] = {}
    for number, place in enumerate(places):
        best = highest.setdefault(place, number)
        # What is missing decides, as money that is matched counts for one clause and not for the other.
        if _worth(judged[number], before[number]) > _worth(judged[best], before[best]):
            highest[place] = number
    return [
        _due(result, judged[highest[place]], had, strict=strict)
        for result, place, had in zip(judged, places, before, strict=True)
    ]


def _worth(result: Result, had: Decimal) -> tuple[Decimal, Decimal]:
    return max(ZERO, result.entitled - max(ZERO, had)), result.entitled


def _place(result: Result, *, strict: bool) -> tuple[str, str]:
    """Claims with the same place compete."""
    claim = result.claim
    return claim.enterprise, str(claim.on.year) if strict else matter_of(result.clause, claim)


def matter_of(clause: Clause, claim: Claim) -> str:
    """What may be supported once; of a yearly clause each year by itself."""
    return matter_key(claim.matter, claim.year if clause.yearly else 0)


def matter_key(matter: str, year: int = 0) -> str:
    """How a matter stands in the ledger."""
    return f"{matter}@{year}" if year else matter


def _due(result: Result, highest: Result, had: Decimal, *, strict: bool) -> Result:
    if result.refused:
        return replace(result, due=ZERO)
    if highest is not result:
        message = mark("{other} gives {sum} yuan for the same matter: the higher one counts (就高不就低).")
        if strict:
            message = mark("{other} gives {sum} yuan in the same year: the higher one counts (就高不就低).")
        other = Words(highest.clause.title, highest.clause.title_en)
        line = Line(Why.HIGHEST, highest.clause.cite, message, {"other": other, "sum": _plain(highest.entitled)}, ZERO)
        return replace(result, due=ZERO, lines=(*result.lines, line))
    due = max(ZERO, result.entitled - max(ZERO, had))
    if had > 0:
        message = mark("{had} yuan have been had for this matter: {due} yuan are missing (差额补足不重复).")
        if strict:
            message = mark("{had} yuan have been had this year: {due} yuan are missing (差额补足不重复).")
        line = Line(Why.HAD, "", message, {"had": _plain(had), "due": _plain(due)}, due)
        return replace(result, due=due, lines=(*result.lines, line))
    return replace(result, due=due)


def _had(scheme: Scheme, result: Result, ledger: Sequence[Entry], *, strict: bool) -> Decimal:
    claim, matter = result.claim, matter_of(result.clause, result.claim)
    counted = [one for one in ledger if one.enterprise == claim.enterprise]
    if result.clause.matches:
        counted = [one for one in counted if one.scheme == scheme.family]
    if strict:
        counted = [one for one in counted if one.on is None or one.on.year == claim.on.year]
    else:
        counted = [one for one in counted if one.matter == matter]
    return sum((one.amount for one in counted), ZERO)


def _refused(scheme: Scheme, clause: Clause, claim: Claim) -> list[Line]:
    """Conditions that do not hold."""
    lines = []
    if not scheme.in_force <= claim.on <= scheme.until:
        message = mark("Not in force on {day}: {begin} to {end}.")
        values = {"day": claim.on.isoformat(), "begin": scheme.in_force.isoformat(), "end": scheme.until.isoformat()}
        lines.append(Line(Why.DATE, scheme.document, message, values))
    if claim.applicant not in clause.applicants:
        message = mark("An applicant of this kind is not supported: {kind}.")
        kind = _APPLICANTS.get(claim.applicant, Words(claim.applicant, claim.applicant))
        lines.append(Line(Why.APPLICANT, clause.cite, message, {"kind": kind}))
    if clause.yearly and not 0 < claim.year <= claim.on.year:
        message = mark("It takes the year of the expenses, one that has begun by {day}.")
        lines.append(Line(Why.YEAR, clause.cite, message, {"day": claim.on.isoformat()}))
    conditions: list[Condition] = [*clause.condition]
    if claim.applicant == "enterprise" or scheme.general_reading == "everybody":
        conditions = [*scheme.condition, *conditions]
    for condition in conditions:
        if condition.key not in claim.facts:
            words = Words(condition.text, condition.text_en)
            message = mark("Not fulfilled or not shown: {condition}.")
            lines.append(Line(Why.MISSING, condition.cite or clause.cite, message, {"condition": words}))
    if clause.selective and "selected" not in claim.facts:
        lines.append(Line(Why.MISSING, clause.cite, mark("Not chosen: only the best are supported (择优)."), {}))
    return lines


def _limits(scheme: Scheme, clause: Clause, claim: Claim, ledger: Sequence[Entry]) -> list[Line]:
    """Limits that what the enterprise has had reaches."""
    matter = matter_of(clause, claim)
    years: dict[int, Decimal] = {}
    elsewhere = ZERO
    for one in ledger:
        if (one.enterprise, one.scheme, one.clause) == (claim.enterprise, scheme.family, clause.key):
            years[one.year] = years.get(one.year, ZERO) + one.amount
            elsewhere += one.amount if one.matter != matter else ZERO
    if clause.once and elsewhere > 0:
        message = mark("Given once only, and {sum} yuan have been given already.")
        return [Line(Why.ONCE, clause.cite, message, _sum(elsewhere))]
    claimed = sorted(year for year, amount in years.items() if amount > 0)
    if not clause.years or not claimed or claim.year in claimed:
        return []
    message = mark("Can be had for {number} years; it was in {years}.")
    values = {"number": clause.years, "years": ", ".join(map(str, claimed))}
    over = len(claimed) >= clause.years
    if clause.years_reading == "consecutive":
        over = not claimed[-1] - clause.years < claim.year < claimed[0] + clause.years
    return [Line(Why.YEARS, clause.cite, message, values)] if over else []


def _hints(clause: Clause, claim: Claim, refusals: Sequence[Line]) -> list[Line]:
    """What would change the result."""
    now = formula(clause, claim.basis)
    if refusals:
        if now and all(line.why is Why.MISSING for line in refusals):
            message = mark("With what is missing the clause would give up to {sum} yuan.")
            return [Line(Why.HINT, clause.cite, message, _sum(now))]
        return []
    if not clause.bands:
        return []
    rate = next((band.rate for band in reversed(clause.bands) if claim.basis >= band.over), ZERO)
    if clause.cap is not None and clause.cap_reading == "whole" and now >= clause.cap:
        message = mark("The highest sum is reached: more expenses change nothing.")
        return [Line(Why.HINT, clause.cite, message, {})]
    if not rate:
        message = mark("Only what lies above {over} yuan is supported.")
        return [Line(Why.HINT, clause.cite, message, {"over": _plain(clause.bands[0].over)})]
    message = mark("Each further yuan brings {rate} fen.")
    values = {"rate": _plain(rate * 100)}
    if clause.cap is not None and clause.cap_reading == "whole":
        message = mark("Each further yuan brings {rate} fen until the sum reaches {cap} yuan.")
        values["cap"] = _plain(clause.cap)
    return [Line(Why.HINT, clause.cite, message, values)]


def _sum(amount: Decimal) -> dict[str, str]:
    return {"sum": _plain(amount)}


def _plain(number: Decimal) -> str:
    """Grouped by thousands, without needless zeros and without an exponent."""
    text = f"{number.quantize(_FEN, ROUND_HALF_UP):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

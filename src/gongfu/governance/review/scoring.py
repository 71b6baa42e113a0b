"""Marks to a result, explained line by line: weighted criteria, spread, a second look where experts disagree. Pure.

Sums are Decimal, rounded half up to two places at each expert's total and at the end. Nothing here knows who an expert
or an applicant is: marks carry a letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

import msgspec

from gongfu.governance.signals import names
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark, translate

_CENT = Decimal("0.01")
HUNDRED = Decimal(100)


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """What is judged."""

    key: str
    title: str
    title_en: str = ""
    weight: Decimal
    """Of 100."""
    most: Decimal = HUNDRED
    """The highest mark."""
    least: Decimal | None = None
    """A mean below it fails the whole application, whatever the total."""
    help: str = ""
    """What a high and a low mark mean."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How marks become a result."""

    pass_mark: Decimal = Decimal(60)
    spread: Decimal = Decimal(20)
    """Points between the highest and the lowest total from which on experts disagree."""
    trim: bool = False
    """From five experts on the highest and the lowest total do not count."""
    extra: int = 1
    """Further experts drawn when they disagree; after that a second, moderated round."""


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What one expert gave. ``letter`` names the expert to others."""

    letter: str
    points: Mapping[str, Decimal]
    comment: str = ""


class Advice(StrEnum):
    """What comes next."""

    NONE = "none"
    EXTRA = "extra"
    """A further expert."""
    ROUND = "round"
    """A second round with everybody's marks and comments on the table, still without names."""


@dataclass(frozen=True)
class Line:
    """One step of the explanation. ``message`` is a marked template."""

    message: str
    values: tuple[tuple[str, str], ...]

    def text(self, language: str | None = None) -> str:
        """The sentence in ``language`` (default: the current one)."""
        return translate(self.message, language).format(**dict(self.values))


@dataclass(frozen=True)
class Result:
    """What the panel came to."""

    total: Decimal
    passed: bool
    spread: Decimal
    advice: Advice
    totals: tuple[tuple[str, Decimal], ...]
    """Each expert's letter and total."""
    means: tuple[tuple[str, Decimal], ...]
    """Each criterion's key and mean mark."""
    lines: tuple[Line, ...]


def check(criteria: Sequence[Criterion]) -> Sequence[Criterion]:
    """``criteria`` themselves; raises :class:`Invalid` when they cannot be used."""
    if not criteria or len({one.key for one in criteria}) != len(criteria):
        raise Invalid(mark("A panel needs criteria, each with a key of its own."))
    if sum(one.weight for one in criteria) != HUNDRED or any(one.weight <= 0 for one in criteria):
        raise Invalid(
            mark("The weights are {sum} together."),
            remedy=mark("Make them 100, none of them 0."),
            sum=sum(one.weight for one in criteria),
        )
    for one in criteria:
        if not 0 < one.most <= 1000 or (one.least is not None and not 0 <= one.least <= one.most):
            raise Invalid(mark("The marks of {criterion} cannot be used."), criterion=one.title)
    return criteria


def checked(criteria: Sequence[Criterion], points: Mapping[str, object], *, whole: bool) -> dict[str, Decimal]:
    """Marks as somebody gave them, as numbers; ``whole``: one for every criterion. Raises :class:`Invalid`."""
    found: dict[str, Decimal] = {}
    for one in criteria:
        given = points.get(one.key)
        if given is None or given == "":
            if whole:
                raise Invalid(mark("{criterion} has no mark yet."), criterion=one.title)
            continue
        try:
            mark_given = Decimal(str(given).strip())
            fits = mark_given.is_finite() and 0 <= mark_given <= one.most and mark_given == round(mark_given, 1)
        except ArithmeticError:
            fits = False
        if not fits:
            raise Invalid(
                mark("{value} is no mark for {criterion}."),
                remedy=mark("Give 0 to {most}, with at most one decimal."),
                value=str(given)[:20],
                criterion=one.title,
                most=f"{one.most:f}",
            )
        found[one.key] = mark_given
    unknown = set(points) - {one.key for one in criteria}
    if unknown:
        raise Invalid(mark("There is no criterion {criterion}."), criterion=min(unknown)[:40])
    return found


def total_of(criteria: Sequence[Criterion], points: Mapping[str, Decimal]) -> Decimal:
    """Weighted marks of one expert, 0 to 100."""
    return _round(sum((points[one.key] / one.most * one.weight for one in criteria), Decimal(0)))


def result(criteria: Sequence[Criterion], marks: Sequence[Marks], policy: Policy, *, extra: int, rounds: int) -> Result:
    """What all ``marks`` give together, after ``extra`` further experts and ``rounds`` rounds before this one.

    Raises :class:`Invalid` without marks.
    """
    if not marks:
        raise Invalid(mark("Nobody has given marks yet."))
    ordered = sorted(marks, key=lambda one: one.letter)
    totals = tuple((one.letter, total_of(criteria, one.points)) for one in ordered)
    lines = [_line(mark("Expert {letter}: {total} points."), letter=letter, total=total) for letter, total in totals]
    sums = sorted(total for _letter, total in totals)
    spread = sums[-1] - sums[0]
    counted = sums
    if policy.trim and len(sums) >= 5:
        counted = sums[1:-1]
        lines.append(
            _line(mark("The highest ({high}) and the lowest ({low}) do not count."), high=sums[-1], low=sums[0])
        )
    total = _round(sum(counted, Decimal(0)) / len(counted))
    lines.append(_line(mark("Mean of {count}: {total} points."), count=len(counted), total=total))
    means, failed = [], False
    for one in criteria:
        mean = _round(sum((given.points[one.key] for given in ordered), Decimal(0)) / len(ordered))
        means.append((one.key, mean))
        if one.least is not None and mean < one.least:
            failed = True
            lines.append(
                _line(
                    mark("{criterion}: {mean} of at least {least} points. Alone this fails the application."),
                    criterion=one.title,
                    mean=mean,
                    least=one.least,
                )
            )
    passed = total >= policy.pass_mark and not failed
    if not failed:
        verdict = (
            mark("{total} points reach the pass mark of {least}.")
            if passed
            else mark("{total} points stay below the pass mark of {least}.")
        )
        lines.append(_line(verdict, total=total, least=policy.pass_mark))
    advice = _advice(spread, policy, len(marks), extra, rounds)
    if advice is Advice.EXTRA:
        lines.append(
            _line(
                mark("{spread} points lie between the experts, more than {limit}: another expert is drawn."),
                spread=spread,
                limit=policy.spread,
            )
        )
    elif advice is Advice.ROUND:
        lines.append(
            _line(
                mark("{spread} points lie between the experts, more than {limit}: a second round."),
                spread=spread,
                limit=policy.spread,
            )
        )
    return Result(total, passed, spread, advice, totals, tuple(means), tuple(lines))


def _advice(spread: Decimal, policy: Policy, count: int, extra: int, rounds: int) -> Advice:
    if count < 2 or spread <= policy.spread or rounds:
        return Advice.NONE
    return Advice.EXTRA if extra < policy.extra else Advice.ROUND


def _round(number: Decimal) -> Decimal:
    return number.quantize(_CENT, ROUND_HALF_UP)


def _line(message: str, **values: object) -> Line:
    return Line(message, tuple(sorted((name, str(value)) for name, value in values.items())))


def names_in(rows: Sequence[tuple[str, str]], secret: Sequence[str]) -> list[tuple[str, str]]:
    """Rows of a blind extract that give away one of ``secret`` (names, codes, numbers): label and what was found."""
    known = {one: [key for key in (names.company(one), names.core(one)) if len(key) >= 2] for one in secret}
    return [
        (label, one)
        for label, value in rows
        for one, keys in known.items()
        if any(key in names.company(label + value) for key in keys)
    ]

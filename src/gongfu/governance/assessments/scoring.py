"""From answers to scores, stage and an explanation of each line. Pure.

Points are of 100, as Decimal; scores are rounded to hundredths at the end only. A question that does not apply leaves
the count, and the weights of the others grow in proportion. A missing answer is no zero: until all are there the score
is a range, from what it is if the missing ones are worth nothing to what it is if they are worth everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from gongfu.governance.assessments.questions import HUNDRED, MOST, Question, Questionnaire, Stage
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

_CENT: Final = Decimal("0.01")
_ZERO: Final = Decimal(0)


@dataclass(frozen=True)
class Given:
    """An answer: the key of an option, ``yes`` or ``no``, or a number as text; or that it does not apply, and why."""

    value: str = ""
    applies: bool = True
    reason: str = ""

    @property
    def missing(self) -> bool:
        """Whether there is no answer."""
        return self.applies and not self.value


@dataclass(frozen=True)
class Line:
    """What one question adds. ``points`` None: not answered or not applicable, which ``given`` tells apart."""

    question: Question
    given: Given
    points: Decimal | None
    share: Decimal
    """Points of the total that it can bring at most; 0 when it does not apply."""
    got: Decimal
    """Points of the total that it brings."""
    better: str = ""
    """The next better answer: the key of an option, or a number; empty at the best."""
    gain: Decimal = _ZERO
    """Points of the total that this better answer would add."""


@dataclass(frozen=True)
class Score:
    """A score that may be open: ``low`` = ``high`` once everything is answered. Both None when nothing applies."""

    low: Decimal | None
    high: Decimal | None
    answered: int
    asked: int
    """Questions that apply."""

    @property
    def known(self) -> Decimal | None:
        """The score, if every question that applies is answered."""
        return self.low if self.low is not None and self.answered == self.asked else None


@dataclass(frozen=True)
class Lack:
    """What stands between now and a stage: points altogether (``dimension`` empty) or of a dimension."""

    dimension: str
    now: Decimal
    need: Decimal


@dataclass(frozen=True)
class Result:
    """Everything the pages say of an assessment."""

    total: Score
    dimensions: Mapping[str, Score]
    weights: Mapping[str, Decimal]
    """Dimension → its part of the total, percent, as counted: without those that do not apply."""
    lines: tuple[Line, ...]
    stage: Stage | None
    """Reached for certain: what is missing could still raise it. None when nothing applies."""
    next_stage: Stage | None
    lacks: tuple[Lack, ...]
    """Of the next stage."""

    @property
    def missing(self) -> tuple[Question, ...]:
        """Questions without an answer."""
        return tuple(line.question for line in self.lines if line.given.missing)

    @property
    def complete(self) -> bool:
        """Whether every question has an answer or does not apply."""
        return not self.missing


def points(found: Questionnaire, question: Question, value: str) -> Decimal:
    """Points of an answer, 0 to 100; raises :class:`Invalid` for one that cannot be."""
    if question.kind in ("choice", "yesno"):
        for option in found.options(question):
            if option.key == value:
                return option.points
        raise Invalid(
            mark("{value} is no answer to {question}."),
            remedy=mark("Choose one of those that are offered."),
            value=repr(value[:40]),
            question=question.key,
        )
    given = number(question, value)
    part = (given - question.zero) / (question.full - question.zero)
    return min(max(part, _ZERO), Decimal(1)) * HUNDRED


def number(question: Question, text: str) -> Decimal:
    """The number somebody typed; raises :class:`Invalid` for what is none, negative, absurd or above 100 percent."""
    plain = text.strip().replace(",", "").replace("，", "").removesuffix("%").removesuffix("％").strip()
    factor = Decimal(10_000) if plain.endswith("万") else Decimal(1)
    try:
        given = Decimal(plain.removesuffix("万")) * factor
    except InvalidOperation:
        given = Decimal("NaN")
    most = HUNDRED if question.kind == "percent" else MOST
    if not given.is_finite() or not 0 <= given <= most:
        raise Invalid(
            mark("{value} is no answer to {question}."),
            remedy=mark("Give a number from 0 to {most}."),
            value=repr(text[:40]),
            question=question.key,
            most=f"{most:f}",
        )
    return given


def check(found: Questionnaire, question: Question, given: Given) -> Given:
    """The answer as it is kept; raises :class:`Invalid`."""
    if not given.applies:
        if not question.skippable:
            raise Invalid(mark("Question {question} applies to everybody."), question=question.key)
        if len(given.reason.strip()) < 2:
            raise Invalid(mark("Say why question {question} does not apply."), question=question.key)
        return Given("", applies=False, reason=given.reason.strip()[:500])
    if not given.value:
        return Given()
    points(found, question, given.value)
    if question.kind in ("number", "percent"):
        exact = number(question, given.value).quantize(_CENT)
        return Given(f"{exact.normalize():f}")
    return given


def score(found: Questionnaire, answers: Mapping[str, Given]) -> Result:
    """The score of ``answers`` (question → answer; keys of other questions are ignored)."""
    counted = {one.key: answers.get(one.key, Given()) for one in found.question}
    alive = {one.key: [q for q in found.of(one.key) if counted[q.key].applies] for one in found.dimension}
    whole = sum((one.weight for one in found.dimension if alive[one.key]), _ZERO)
    weights = {one.key: one.weight / whole * HUNDRED if alive[one.key] else _ZERO for one in found.dimension}
    lines = tuple(_line(found, question, counted[question.key], weights, alive) for question in found.question)
    dimensions = {
        one.key: _score([line for line in lines if line.question.dimension == one.key], weights[one.key])
        for one in found.dimension
    }
    total = _score(lines, HUNDRED)
    stage = _reached(found, total, dimensions)
    following = _following(found, stage)
    return Result(
        total=total,
        dimensions=dimensions,
        weights=weights,
        lines=lines,
        stage=stage,
        next_stage=following,
        lacks=_lacks(following, total, dimensions),
    )


def _line(
    found: Questionnaire,
    question: Question,
    given: Given,
    weights: Mapping[str, Decimal],
    alive: Mapping[str, list[Question]],
) -> Line:
    if not given.applies:
        return Line(question, given, None, _ZERO, _ZERO)
    together = sum((one.weight for one in alive[question.dimension]), _ZERO)
    share = weights[question.dimension] * question.weight / together
    if given.missing:
        return Line(question, given, None, share, _ZERO)
    reached = points(found, question, given.value)
    better, up = _better(found, question, reached)
    return Line(question, given, reached, share, share * reached / HUNDRED, better, share * up / HUNDRED)


def _better(found: Questionnaire, question: Question, reached: Decimal) -> tuple[str, Decimal]:
    """The next better answer and the points it adds: the next option, or the number that gives 20 points more."""
    if reached >= HUNDRED:
        return "", _ZERO
    if question.kind in ("choice", "yesno"):
        for option in found.options(question):
            if option.points > reached:
                return option.key, option.points - reached
        return "", _ZERO
    up = min(reached + 20, HUNDRED)
    value = (question.zero + (question.full - question.zero) * up / HUNDRED).quantize(_CENT)
    return f"{value.normalize():f}", up - reached


def _score(lines: Iterable[Line], whole: Decimal) -> Score:
    """Of 100; ``whole`` is what the lines can bring together."""
    mine = [line for line in lines if line.given.applies]
    if not mine or whole <= 0:
        return Score(None, None, 0, 0)
    got = sum((line.got for line in mine), _ZERO)
    could = got + sum((line.share for line in mine if line.given.missing), _ZERO)
    answered = sum(not line.given.missing for line in mine)
    low, high = (min(max(part / whole * HUNDRED, _ZERO), HUNDRED).quantize(_CENT) for part in (got, could))
    return Score(low, high if answered < len(mine) else low, answered, len(mine))


def _reached(found: Questionnaire, total: Score, dimensions: Mapping[str, Score]) -> Stage | None:
    """The highest stage of which, and of all below which, everything asked is there."""
    if total.low is None:
        return None
    reached = found.stage[0]
    for stage in found.stage[1:]:
        if _lacks(stage, total, dimensions):
            break
        reached = stage
    return reached


def _following(found: Questionnaire, stage: Stage | None) -> Stage | None:
    places = [one.key for one in found.stage]
    place = places.index(stage.key) + 1 if stage else 0
    return found.stage[place] if stage and place < len(places) else None


def _lacks(stage: Stage | None, total: Score, dimensions: Mapping[str, Score]) -> tuple[Lack, ...]:
    """What ``stage`` asks beyond what is there; a dimension that does not apply asks nothing."""
    if stage is None or total.low is None:
        return ()
    found = [Lack("", total.low, stage.least)] if total.low < stage.least else []
    for key, need in stage.need.items():
        now = dimensions[key].low
        if now is not None and now < need:
            found.append(Lack(key, now, need))
    return tuple(found)

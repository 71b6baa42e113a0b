"""What pages and papers are told of an assessment: lines, bars, radar, in the reader's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from gongfu.governance.assessments import radar, reading, scoring, telling
from gongfu.governance.assessments.models import Answer, Assessment, Evidence
from gongfu.governance.assessments.peers import Compared
from gongfu.governance.assessments.questions import Dimension, Option, Question, Questionnaire
from gongfu.governance.assessments.scoring import Line, Result, Score
from gongfu.governance.documents.drawing import Drawing, svg


@dataclass(frozen=True)
class Asked:
    """A question with everything beside it."""

    question: Question
    options: tuple[Option, ...]
    answer: Answer | None
    line: Line
    said: str
    proposed: str
    """In words; empty without a proposal, or when it was taken."""
    source: str
    stated: str
    """In words, where a review corrected it."""
    better: str
    evidence: tuple[Evidence, ...]

    @property
    def asks_evidence(self) -> bool:
        """Whether a good answer has no paper yet."""
        return self.question.evidence and not self.evidence and bool(self.line.points and self.line.points > 50)


@dataclass(frozen=True)
class Part:
    """A dimension with its questions."""

    dimension: Dimension
    title: str
    score: Score
    weight: Decimal
    others: Decimal | None
    asked: tuple[Asked, ...]


def parts(
    found: Questionnaire,
    result: Result,
    answers: Mapping[str, Answer],
    evidence: Mapping[str, tuple[Evidence, ...]],
    compared: Compared | None = None,
) -> list[Part]:
    """Dimension by dimension."""
    lines = {line.question.key: line for line in result.lines}
    said = []
    for dimension in found.dimension:
        asked = tuple(
            _asked(found, lines[question.key], answers.get(question.key), evidence.get(question.key, ()))
            for question in found.of(dimension.key)
        )
        others = compared.dimensions.get(dimension.key) if compared else None
        title = telling.title(dimension)
        weight = result.weights[dimension.key]
        said.append(Part(dimension, title, result.dimensions[dimension.key], weight, others, asked))
    return said


def _asked(found: Questionnaire, line: Line, answer: Answer | None, evidence: tuple[Evidence, ...]) -> Asked:
    question = line.question
    proposed = ""
    if answer is not None and answer.proposed and (answer.value != answer.proposed or not answer.applies):
        proposed = telling.value(found, question, answer.proposed)
    stated = ""
    if answer is not None and answer.stated:
        stated = _("does not apply") if answer.stated == "-" else telling.value(found, question, answer.stated)
    return Asked(
        question=question,
        options=found.options(question),
        answer=answer,
        line=line,
        said=telling.said(found, question, line.given),
        proposed=proposed,
        source=telling.source(answer),
        stated=stated,
        better=telling.value(found, question, line.better) if line.better else "",
        evidence=evidence,
    )


def of(assessment: Assessment, result: Result, found: Questionnaire, compared: Compared | None = None) -> list[Part]:
    """The same, read from the database."""
    answers = {one.question: one for one in assessment.answers.all()}
    papers: dict[str, tuple[Evidence, ...]] = {}
    for one in Evidence.objects.filter(assessment=assessment):
        papers[one.question] = (*papers.get(one.question, ()), one)
    return parts(found, result, answers, papers, compared)


def chart(found: Questionnaire, result: Result, compared: Compared | None = None) -> Drawing:
    """The radar: own scores, and the mean of others where it may be shown."""
    own = {key: score.low for key, score in result.dimensions.items() if score.low is not None}
    axes = [(one.key, telling.short(one)) for one in found.dimension]
    stop = ", " if telling.english() else "，"
    says = stop.join(
        f"{telling.title(one)} {telling.points(own[one.key])}" for one in found.dimension if one.key in own
    )
    return radar.draw(axes, own, compared.dimensions if compared else None, says)


def chart_svg(drawing: Drawing) -> SafeString:
    """For a page; every text in it was escaped by :func:`~gongfu.governance.documents.drawing.svg`."""
    return mark_safe(svg(drawing))  # noqa: S308


@dataclass(frozen=True)
class Trend:
    """The years of one enterprise, one row for each dimension."""

    years: list[reading.Year]
    stages: list[str]
    rows: list[tuple[str, list[Decimal | None]]]
    other_weights: bool


def trend(assessment: Assessment) -> Trend:
    """How it went over the years."""
    found = reading.years(assessment)
    keys = {one.key: telling.title(one) for one in assessment.asked.dimension}
    stages = []
    for one in found:
        stage = one.assessment.asked.staged(one.stage)
        stages.append(telling.title(stage) if stage else "")
    rows = [(title, [one.dimensions.get(key) for one in found]) for key, title in keys.items()]
    return Trend(found, stages, rows, any(one.other_weights for one in found))


def preview(found: Questionnaire) -> list[Part]:
    """A questionnaire without answers."""
    return parts(found, scoring.score(found, {}), {}, {})

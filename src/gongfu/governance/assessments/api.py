"""Questionnaires and assessments for programs."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest
from ninja import Router, Schema

from gongfu.governance.assessments import papers, questions, reading, services, telling
from gongfu.governance.assessments.models import Assessment
from gongfu.governance.assessments.scoring import Given
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark

router = Router()


class OptionOut(Schema):
    """An answer that can be chosen."""

    key: str
    text: str
    points: str


class QuestionOut(Schema):
    """A question."""

    key: str
    dimension: str
    text: str
    kind: str
    unit: str
    weight: str
    options: list[OptionOut]
    may_not_apply: bool


class DimensionOut(Schema):
    """A dimension with its weight."""

    key: str
    title: str
    weight: str


class QuestionnaireOut(Schema):
    """A questionnaire. ``ours``: whether weights and thresholds are this platform's, for ``reason``."""

    key: str
    title: str
    sources: list[str]
    ours: bool
    reason: str
    dimensions: list[DimensionOut]
    questions: list[QuestionOut]


class AssessmentOut(Schema):
    """An assessment, without its answers."""

    id: int
    organisation: str
    questionnaire: str
    year: int
    version: int
    state: str
    stage: str
    total: str | None
    submitted_at: dt.datetime | None


class LineOut(Schema):
    """What one question added, and what the next better answer would."""

    question: str
    answer: str
    applies: bool
    points: str | None
    adds: str
    at_most: str
    better: str
    gain: str


class ScoreOut(Schema):
    """A score; a range while answers are missing."""

    low: str | None
    high: str | None


class ResultOut(AssessmentOut):
    """An assessment with its scores and their explanation."""

    conclusion: str
    next_stage: str
    lacks: str
    missing: list[str]
    score: ScoreOut
    dimensions: dict[str, ScoreOut]
    lines: list[LineOut]


class AnswerIn(Schema):
    """An answer: the key of an option, ``yes``, ``no`` or a number; or a reason why it does not apply."""

    value: str = ""
    applies: bool = True
    reason: str = ""
    note: str | None = None


class BeginIn(Schema):
    """A new assessment: ``family`` such as ``integration``, ``industry`` of GB/T 4754, ``size`` large to micro."""

    organisation: str
    family: str
    industry: str
    size: str


class HandInIn(Schema):
    """To which office, by its code."""

    office: str


@router.get("/questionnaires", summary="Questionnaires", response=list[QuestionnaireOut])
def questionnaires(request: HttpRequest) -> list[dict[str, object]]:
    """All versions, with weights as they come with the software."""
    return [_questionnaire(one) for one in questions.built_in()]


def _questionnaire(found: questions.Questionnaire) -> dict[str, object]:
    return {
        "key": found.key,
        "title": telling.title(found),
        "sources": list(found.sources),
        "ours": found.ours,
        "reason": telling.reason(found),
        "dimensions": [
            {"key": one.key, "title": telling.title(one), "weight": f"{one.weight:f}"} for one in found.dimension
        ],
        "questions": [
            {
                "key": one.key,
                "dimension": one.dimension,
                "text": telling.words(one),
                "kind": one.kind,
                "unit": "%" if one.kind == "percent" else (one.unit_en if telling.english() else one.unit),
                "weight": f"{one.weight:f}",
                "options": [
                    {"key": option.key, "text": telling.words(option), "points": f"{option.points:f}"}
                    for option in found.options(one)
                ],
                "may_not_apply": one.skippable,
            }
            for one in found.question
        ],
    }


def _short(one: Assessment) -> dict[str, object]:
    return {
        "id": one.pk,
        "organisation": one.organisation.code,
        "questionnaire": one.questionnaire,
        "year": one.year,
        "version": one.version,
        "state": one.state,
        "stage": one.stage,
        "total": f"{one.total:f}" if one.total is not None else None,
        "submitted_at": one.submitted_at,
    }


@router.get("/assessments", summary="Assessments", response=list[AssessmentOut])
def assessments(request: HttpRequest) -> list[dict[str, object]]:
    """Those the caller may see, newest first; at most 500."""
    return [_short(one) for one in services.assessments(accounts.user_of(request)).order_by("-pk")[:500]]


@router.post("/assessments", summary="Begin an assessment", response=AssessmentOut)
def begin(request: HttpRequest, data: BeginIn) -> dict[str, object]:
    """For this year; the one that is open, if there is one."""
    user = accounts.user_of(request)
    owner = Organisation.objects.visible_to(user).filter(code=data.organisation).first()
    if owner is None:
        raise NotFound(mark("There is no organisation {id}."), id=data.organisation[:63])
    return _short(services.begin(user, owner, data.family, data.industry, data.size))


@router.get("/assessments/{int:pk}", summary="An assessment with its result", response=ResultOut)
def assessment(request: HttpRequest, pk: int) -> dict[str, object]:
    """Scores, stage, every line, and what would raise it."""
    one = services.assessment_for(accounts.user_of(request), pk)
    found, result = services.questionnaire_of(one), services.result(one)
    return _short(one) | {
        "conclusion": papers.conclusion(found, result),
        "next_stage": result.next_stage.key if result.next_stage else "",
        "lacks": telling.lacks(found, result),
        "missing": [question.key for question in result.missing],
        "score": _score(result.total.low, result.total.high),
        "dimensions": {key: _score(score.low, score.high) for key, score in result.dimensions.items()},
        "lines": [
            {
                "question": line.question.key,
                "answer": line.given.value,
                "applies": line.given.applies,
                "points": f"{line.points:.2f}" if line.points is not None else None,
                "adds": f"{line.got:.2f}",
                "at_most": f"{line.share:.2f}",
                "better": line.better,
                "gain": f"{line.gain:.2f}",
            }
            for line in result.lines
        ],
    }


def _score(low: object, high: object) -> dict[str, str | None]:
    return {"low": None if low is None else str(low), "high": None if high is None else str(high)}


@router.put("/assessments/{int:pk}/answers/{key}", summary="Answer a question", response=ScoreOut)
def answer(request: HttpRequest, pk: int, key: str, data: AnswerIn) -> dict[str, str | None]:
    """Keeps one answer of a draft and returns the score as it is now."""
    user = accounts.user_of(request)
    one = services.assessment_for(user, pk)
    services.answer(user, one, key, Given(data.value, applies=data.applies, reason=data.reason), data.note)
    total = services.result(one).total
    return _score(total.low, total.high)


@router.post("/assessments/{int:pk}/hand-in", summary="Hand in for review", response=AssessmentOut)
def hand_in(request: HttpRequest, pk: int, data: HandInIn) -> dict[str, object]:
    """To an office that takes assessments."""
    user = accounts.user_of(request)
    office = next((one for one in services.offices() if one.code == data.office), None)
    if office is None:
        raise NotFound(mark("There is no organisation {id}."), id=data.office[:63])
    return _short(services.hand_in(user, services.assessment_for(user, pk), office))


class RowOut(Schema):
    """An industry; numbers of fewer than ``fewest`` enterprises are null, others multiples of it, unless exact."""

    industry: str
    count: int | None
    stages: dict[str, int | None]
    mean: str | None


class OverviewOut(Schema):
    """Stages by industry."""

    questionnaire: str
    exact: bool
    fewest: int
    rows: list[RowOut]


@router.get("/stages", summary="Stages of enterprises by industry", response=OverviewOut)
def stages(request: HttpRequest, questionnaire: str, office: str) -> dict[str, object]:
    """Exact for officials of the office."""
    where = next((one for one in services.offices() if one.code == office), None)
    if where is None:
        raise NotFound(mark("There is no organisation {id}."), id=office[:63])
    said = reading.overview(accounts.user_of(request), questions.by_key(questionnaire), where)
    return {
        "questionnaire": questionnaire,
        "exact": said.exact,
        "fewest": said.fewest,
        "rows": [
            {
                "industry": row.industry,
                "count": row.count,
                "stages": dict(row.stages),
                "mean": f"{row.mean:f}" if row.mean is not None else None,
            }
            for row in said.rows
        ],
    }

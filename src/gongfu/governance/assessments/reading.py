"""What is read from assessments: comparison with others, the years, the road map, the overview of an office."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gongfu.governance.assessments import peers, questions, services
from gongfu.governance.assessments.models import Assessment, Provider, Size, Weighting
from gongfu.governance.assessments.peers import Compared, Peer
from gongfu.governance.assessments.questions import Questionnaire
from gongfu.governance.assessments.scoring import Line, Result
from gongfu.governance.support import versions
from gongfu.governance.support.permissions import keeps_ledger
from gongfu.governance.support.schemes import Clause, Scheme, in_force
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import NotFound
from gongfu.kernel.settings import settings

State = Assessment.State
_FOR_SMALL = {"small_or_medium"}
"""Conditions that no large enterprise fulfils."""
MOST_STEPS = 8
"""Steps of a road map: more are no map."""


def _peer(one: Assessment) -> Peer:
    return Peer(
        one.industry,
        one.size,
        one.total or Decimal(0),
        {key: Decimal(value) for key, value in one.scores.items()},
    )


def newest(questionnaire: str, office: Organisation | None = None) -> list[Assessment]:
    """The newest accepted assessment of each enterprise."""
    found = Assessment.objects.filter(questionnaire=questionnaire, state=State.ACCEPTED, total__isnull=False)
    if office is not None:
        found = found.filter(office=office)
    kept: dict[int, Assessment] = {}
    for one in found.select_related("organisation").order_by("year", "version"):
        kept[one.organisation_id] = one
    return list(kept.values())


def compared(assessment: Assessment) -> Compared | None:
    """How others like it stand; None while they are too few to be shown."""
    found = Assessment.objects.filter(
        questionnaire=assessment.questionnaire, state=State.ACCEPTED, total__isnull=False
    ).exclude(organisation=assessment.organisation)
    rows = found.order_by("year", "version").values_list("organisation", "industry", "size", "total", "scores")
    others = {
        owner: Peer(industry, size, total, {key: Decimal(value) for key, value in scores.items()})
        for owner, industry, size, total, scores in rows
        if total is not None
    }
    return peers.compare(assessment.industry, assessment.size, list(others.values()), settings().assessment_peers)


@dataclass(frozen=True)
class Year:
    """One assessment among those of the years."""

    assessment: Assessment
    stage: str
    total: Decimal
    dimensions: Mapping[str, Decimal]
    change: Decimal | None
    """Of the total against the one before."""
    other_weights: bool
    """Whether it was reckoned with other weights than the one before."""


def years(assessment: Assessment) -> list[Year]:
    """The accepted ones of the same enterprise and family, oldest first, and this one."""
    family = assessment.asked.family
    found = (
        Assessment.objects.filter(
            organisation=assessment.organisation, questionnaire__startswith=f"{family}-", total__isnull=False
        )
        .filter(state__in=[State.ACCEPTED, State.SUBMITTED])
        .order_by("year", "version")
    )
    said: list[Year] = []
    for one in found:
        total = one.total or Decimal(0)
        before = said[-1] if said else None
        said.append(
            Year(
                one,
                one.stage,
                total,
                {key: Decimal(value) for key, value in one.scores.items()},
                total - before.total if before else None,
                before is not None and before.assessment.weights != one.weights,
            )
        )
    return said


def versions_of(assessment: Assessment) -> list[Assessment]:
    """All versions of the same year, newest first."""
    same = Assessment.objects.filter(
        organisation=assessment.organisation, questionnaire=assessment.questionnaire, year=assessment.year
    )
    return list(same.order_by("-version"))


@dataclass(frozen=True)
class Payment:
    """A clause that may pay for a step."""

    scheme: Scheme
    clause: Clause


@dataclass(frozen=True)
class Step:
    """What to do next: the answer that would be better, what it adds, who pays and who helps."""

    line: Line
    urgent: bool
    """Whether its dimension keeps the enterprise from the next stage."""
    payments: tuple[Payment, ...]
    providers: tuple[Provider, ...]


def road_map(assessment: Assessment, found: Result) -> list[Step]:
    """The steps that bring most, those first that the next stage waits for."""
    lacking = {lack.dimension for lack in found.lacks}
    lines = [line for line in found.lines if line.gain > 0 and line.question.step]
    lines.sort(key=lambda line: (line.question.dimension not in lacking, -line.gain, line.question.key))
    lines = lines[:MOST_STEPS]
    topics = {line.question.topic for line in lines}
    known: dict[str, list[Provider]] = {}
    for provider in Provider.objects.filter(topic__in=topics, organisation__in=_listing(assessment)):
        known.setdefault(provider.topic, []).append(provider)
    return [
        Step(
            line,
            line.question.dimension in lacking,
            tuple(payments(line.question.clauses, assessment, services.today())),
            tuple(known.get(line.question.topic, [])[:3]),
        )
        for line in lines
    ]


def _listing(assessment: Assessment) -> list[int]:
    """Offices whose providers are shown: that of the assessment, or all while there is none."""
    return [assessment.office_id] if assessment.office_id else [one.pk for one in services.offices()]


def payments(clauses: Sequence[str], assessment: Assessment, on: dt.date) -> list[Payment]:
    """The clauses that are in force on that day and may be for an enterprise of that size."""
    known = versions.schemes_of(assessment.office)
    found = []
    for name in clauses:
        family, _space, key = name.partition(" ")
        try:
            scheme = in_force(known, family, on)
            clause = scheme.find(key)
        except NotFound:
            continue  # not in force, or the new version has no such clause
        asked = {one.key for one in clause.condition}
        if not (asked & _FOR_SMALL and assessment.size == Size.LARGE):
            found.append(Payment(scheme, clause))
    return found


@dataclass(frozen=True)
class Overview:
    """An office's enterprises by industry and stage."""

    questionnaire: Questionnaire
    rows: list[peers.Row]
    exact: bool
    """Whether the reader may see single enterprises."""
    fewest: int


def overview(user: User, questionnaire: Questionnaire, office: Organisation) -> Overview:
    """All that handed in to ``office``; exact for its officials, otherwise nothing of fewer than k."""
    exact = bool(keeps_ledger.test(user, office))
    firms = [(_peer(one), one.stage) for one in newest(questionnaire.key, office)]
    k = fewest()
    stages = [stage.key for stage in questionnaire.stage]
    return Overview(questionnaire, peers.overview(firms, stages, k, exact=exact), exact, k)


def newest_version(family: str) -> Questionnaire:
    """The version in force today."""
    return questions.in_force(family, services.today())


def fewest() -> int:
    """Of fewer enterprises nothing is shown."""
    return max(settings().assessment_peers, peers.FEWEST)


def weightings(offices: Sequence[Organisation], key: str) -> list[Weighting]:
    """What those offices have set, newest first."""
    found = Weighting.objects.filter(organisation__in=[one.pk for one in offices], questionnaire=key)
    return list(found.select_related("organisation", "created_by"))

"""Assessments of the demonstration district: two years of one enterprise, one draft, and others to compare with.

The answers are invented; the people who handed them in are none.
"""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Final

from django.db import transaction

from gongfu.governance.assessments import questions, scoring, services
from gongfu.governance.assessments.models import Answer, Assessment, Provider
from gongfu.governance.assessments.questions import Question, Questionnaire
from gongfu.governance.assessments.scoring import Given
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation

State = Assessment.State
_OTHERS: Final = (
    ("宏远机械", "Hongyuan Machinery", "C34", "small", 0.35),
    ("精诚模具", "Jingcheng Moulds", "C34", "small", 0.5),
    ("华泰泵阀", "Huatai Valves", "C34", "small", 0.55),
    ("德力传动", "Deli Drives", "C34", "small", 0.3),
    ("永信液压", "Yongxin Hydraulics", "C34", "small", 0.62),
    ("光明电气", "Guangming Electric", "C38", "medium", 0.7),
    ("瑞丰食品", "Ruifeng Foods", "C14", "small", 0.4),
    ("安达包装", "Anda Packaging", "C22", "micro", 0.2),
    ("新材科技", "New Materials", "C30", "medium", 0.8),
)
"""Name, in English, industry, size, how far."""
_PROVIDERS: Final = (
    ("连云工控（演示）", "connection", "哑设备联网改造、数据采集网关"),
    ("云上制造（演示）", "cloud", "中小企业云 ERP、轻量 MES"),
    ("标识通（演示）", "identifiers", "产品赋码、追溯应用"),
)


def seed(enterprise: Organisation, today: dt.date | None = None) -> None:
    """Enter them for the first office there is, unless they are there."""
    offices = services.offices()
    if not offices or Assessment.objects.exists():
        return
    office, today = offices[0], today or services.today()
    asked = questions.by_key("integration-2026")
    with transaction.atomic():
        for name, topic, offers in _PROVIDERS:
            Provider.objects.create(organisation=office, name=name, topic=topic, offers=offers)
        for number, (name, english, industry, size, part) in enumerate(_OTHERS, 1):
            owner = accounts.create_organisation(
                f"demo-firm-{number}", f"{name}（演示）", name_en=f"{english} (demonstration)", parent=office
            )
            _accepted(asked, owner, office, industry, size, part, today, number)
        _accepted(asked, enterprise, office, "C34", "small", 0.35, today.replace(year=today.year - 1, day=1), 99)
        _accepted(asked, enterprise, office, "C34", "small", 0.6, today, 100)
        draft = Assessment.objects.create(
            organisation=enterprise, questionnaire="district-2026", year=today.year, industry="C34", size="small"
        )
        Answer.objects.create(assessment=draft, question="N8", value="asset")


def _accepted(
    asked: Questionnaire,
    owner: Organisation,
    office: Organisation,
    industry: str,
    size: str,
    part: float,
    day: dt.date,
    number: int,
) -> None:
    chance = random.Random(number)  # noqa: S311  # the same invented answers every time
    answers = {one.key: Given(_answer(asked, one, part + chance.uniform(-0.15, 0.15))) for one in asked.question}
    result = scoring.score(asked, answers)
    at = dt.datetime(day.year, day.month, day.day, 2, tzinfo=dt.UTC)
    made = Assessment.objects.create(
        organisation=owner,
        questionnaire=asked.key,
        year=day.year,
        industry=industry,
        size=size,
        state=State.ACCEPTED,
        office=office,
        submitted_at=at,
        reviewed_at=at,
        weights={one.key: f"{one.weight:f}" for one in asked.dimension},
        scores={key: f"{one.low:f}" for key, one in result.dimensions.items() if one.low is not None},
        total=result.total.low,
        stage=result.stage.key if result.stage else "",
    )
    Answer.objects.bulk_create(
        Answer(assessment=made, question=key, value=given.value) for key, given in answers.items()
    )


def _answer(asked: Questionnaire, question: Question, part: float) -> str:
    """The answer at ``part`` (0 to 1) of the way from the worst to the best."""
    part = min(max(part, 0.0), 1.0)
    options = asked.options(question)
    if options:
        return options[round(part * (len(options) - 1))].key
    value = question.zero + (question.full - question.zero) * Decimal(str(round(part, 2)))
    return scoring.check(asked, question, Given(f"{value:f}")).value

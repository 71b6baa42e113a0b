"""Assessments in the reader's words, the same on pages, in the API and on paper."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gongfu.governance.assessments import measured
from gongfu.governance.assessments.models import Answer
from gongfu.governance.assessments.peers import Compared
from gongfu.governance.assessments.questions import Dimension, Option, Question, Questionnaire, Stage
from gongfu.governance.assessments.scoring import Given, Lack, Result
from gongfu.identity.business import classes
from gongfu.kernel.i18n import translate


def english() -> bool:
    """Whether the reader reads English."""
    return (get_language() or "").startswith("en")


def title(thing: Questionnaire | Dimension | Stage) -> str:
    """Its title."""
    return thing.title_en if english() else thing.title


def short(dimension: Dimension) -> str:
    """Its title on an axis."""
    return (dimension.short_en or dimension.title_en) if english() else (dimension.short or dimension.title)


def words(thing: Question | Option) -> str:
    """Its text."""
    return thing.text_en if english() else thing.text


def helped(question: Question) -> str:
    """What explains the question."""
    return question.help_en if english() else question.help


def step(question: Question) -> str:
    """What to do next."""
    return question.step_en if english() else question.step


def reason(found: Questionnaire) -> str:
    """Why the weights are ours."""
    return found.reason_en if english() else found.reason


def advice(stage: Stage) -> str:
    """What is said to enterprises at a stage."""
    return stage.advice_en if english() else stage.advice


def stage_word(found: Questionnaire) -> str:
    """阶段, 级别 or 等次."""
    return found.stage_word_en if english() else found.stage_word


def value(found: Questionnaire, question: Question, text: str) -> str:
    """An answer's value: the option's words, or the number with its unit."""
    if not text:
        return "–"
    if question.kind in ("choice", "yesno"):
        return next((words(one) for one in found.options(question) if one.key == text), text)
    if question.kind == "percent":
        return f"{text} %"
    unit = question.unit_en if english() else question.unit
    try:
        return f"{Decimal(text):,f} {unit}".strip()
    except ArithmeticError:
        return text


def said(found: Questionnaire, question: Question, given: Given) -> str:
    """An answer, or that it is missing or does not apply."""
    if not given.applies:
        return _("Does not apply: %(reason)s") % {"reason": given.reason}
    return value(found, question, given.value) if given.value else _("Not answered")


def source(answer: Answer | None) -> str:
    """Where a proposal comes from."""
    if answer is None or not answer.proposed_from:
        return ""
    if answer.proposed_from == measured.LAST:
        return translate(measured.LAST_SAYS)
    fact = measured.FACTS.get(answer.proposed_from)
    return translate(fact.says) if fact else ""


def industry(code: str) -> str:
    """``C34 通用设备制造业``."""
    return classes.industry_name(code, get_language() or "")


def lack(found: Questionnaire, one: Lack) -> str:
    """What stands between an enterprise and a stage."""
    name = next((title(dimension) for dimension in found.dimension if dimension.key == one.dimension), _("Total"))
    return _("%(name)s has to go from %(now)s to %(need)s") % {
        "name": name,
        "now": points(one.now),
        "need": points(one.need),
    }


def lacks(found: Questionnaire, result: Result) -> str:
    """All of it in one sentence; empty at the highest stage."""
    if result.next_stage is None:
        return ""
    stop = "; " if english() else "；"
    return _("For %(stage)s: %(lacks)s.") % {
        "stage": title(result.next_stage),
        "lacks": stop.join(lack(found, one) for one in result.lacks),
    }


def group(compared: Compared, industry_code: str, size: str) -> str:
    """Who the others are, and at least how many."""
    names = {
        "industry_size": f"{industry(industry_code)} · {size}",
        "industry": industry(industry_code),
        "size": size,
        "all": _("all enterprises"),
    }
    return _("%(group)s, at least %(count)d others") % {"group": names[compared.group], "count": compared.at_least}


def points(number: Decimal) -> str:
    """A score with one decimal, none where it is whole."""
    return f"{number.quantize(Decimal('0.1')):f}".removesuffix(".0")

"""How assessments are shown."""

from __future__ import annotations

from decimal import Decimal

from django import template

from gongfu.governance.assessments import telling
from gongfu.governance.assessments.questions import Dimension, Option, Question, Questionnaire, Stage
from gongfu.governance.support.schemes import Clause, Scheme

register = template.Library()


@register.filter
def titled(thing: Questionnaire | Dimension | Stage | Clause | Scheme) -> str:
    """A title in the reader's language."""
    return thing.title_en if telling.english() else thing.title


@register.filter
def worded(thing: Question | Option) -> str:
    """A text in the reader's language."""
    return telling.words(thing)


@register.filter
def helped(question: Question) -> str:
    """What explains a question."""
    return telling.helped(question)


@register.filter
def points(number: Decimal | None) -> str:
    """A score; a dash without one."""
    return "–" if number is None else telling.points(number)


@register.filter
def gained(number: Decimal) -> str:
    """Points that would be added."""
    return f"+{number.quantize(Decimal('0.1')):f}"


@register.filter
def industry(code: str) -> str:
    """An industry by its name."""
    return telling.industry(code)


@register.filter
def unit(question: Question) -> str:
    """The unit of a number."""
    return question.unit_en if telling.english() else question.unit

"""Filters of the pages of indicators."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.utils.translation import get_language

from gongfu.governance.indicators import telling
from gongfu.governance.indicators.catalogue import Document
from gongfu.governance.indicators.models import Plan

register = template.Library()


@register.filter
def figure(value: Decimal | float | None) -> str:
    """A figure as people say it."""
    return telling.figure(value)


@register.filter
def shortly(plan: Plan) -> str:
    """The short name of a plan's document."""
    return plan.text.shortly(get_language() or "")


@register.filter
def called(document: Document) -> str:
    """The title of a document."""
    return document.called(get_language() or "")

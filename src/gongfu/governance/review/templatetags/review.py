"""How criteria, sentences and fields are shown."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from django import template
from django.utils.translation import get_language, gettext

from gongfu.governance.review.scoring import Criterion

register = template.Library()


class _Said(Protocol):
    def text(self, language: str | None = None) -> str: ...


@register.filter
def said(thing: _Said) -> str:
    """The sentence in the reader's language."""
    return thing.text(get_language())


@register.filter
def criterion(one: Criterion) -> str:
    """Its title."""
    return one.title_en if one.title_en and (get_language() or "").startswith("en") else one.title


@register.filter
def field(place: str) -> str:
    """A field of expertise, or any."""
    return place or gettext("any field")


@register.filter
def plain(number: Decimal) -> str:
    """Without zeros nobody needs: 10, 7.5."""
    return f"{number.normalize():f}"

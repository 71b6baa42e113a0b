"""Small words for the templates of alarms."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.utils.translation import get_language

from gongfu.kernel.errors import unpacked

register = template.Library()


@register.filter
def told(problem: str) -> str:
    """A packed problem in the reader's language, without its code."""
    text = unpacked(problem, get_language())
    return text.partition(": ")[2] or text if text == problem else text


@register.filter
def at(values: Mapping[object, object], key: object) -> object:
    """``values[key]``, or the key itself."""
    return values.get(key, key)

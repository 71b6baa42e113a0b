"""What the preview needs."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def at(texts: Mapping[int, str], key: int) -> str:
    """The text under ``key``, or nothing."""
    return texts.get(key, "")

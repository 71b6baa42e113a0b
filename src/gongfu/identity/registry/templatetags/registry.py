"""Errors in the reader's language."""

from __future__ import annotations

from django import template
from django.utils.translation import get_language

from gongfu.kernel.errors import GongfuError

register = template.Library()


@register.filter
def error_text(error: GongfuError) -> str:
    """Message and remedy."""
    return error.text(get_language())

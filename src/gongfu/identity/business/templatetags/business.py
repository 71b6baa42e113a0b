"""Bars of quotas, states and shares."""

from __future__ import annotations

from django import template

from gongfu.identity.business.models import Application, Contract, Template
from gongfu.identity.business.rules import Level, Use

register = template.Library()

_SHAPES = {
    Level.NONE: "stale",
    Level.FREE: "good",
    Level.NEAR: "uncertain",
    Level.SPENT: "bad",
}


@register.filter
def shape(use: Use) -> str:
    """The state's shape for a level of use."""
    return _SHAPES[use.level]


@register.filter
def state_shape(thing: Application | Contract | Template) -> str:
    """The state's shape for where a thing stands."""
    return {
        "submitted": "connecting",
        "returned": "uncertain",
        "rejected": "bad",
        "revoked": "bad",
        "suspended": "uncertain",
        "allotted": "good",
        "active": "good",
        "published": "good",
    }.get(thing.state, "stale")


@register.filter
def share(part: int, whole: int) -> int:
    """``part`` of ``whole`` in percent, at least 1 when there is any."""
    return max(1, part * 100 // whole) if whole and part else 0

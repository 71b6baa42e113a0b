"""Erasures of telemetry for programs; readings themselves are asked of :mod:`gongfu.data.access`."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from gongfu.data.telemetry import erasing
from gongfu.kernel.accounts import services as accounts

router = Router()


class ErasureAsked(Schema):
    """Readings to delete for good: those of ``tags`` from ``since`` to before ``until``."""

    tags: list[int]
    since: datetime
    until: datetime
    reason: str


class ErasureBegun(Schema):
    """Its number; ``/api/v1/data/erasures/{id}`` says how far it is and holds the signed proof."""

    id: int
    state: str


@router.post("/telemetry/erasures", summary="Delete readings for good, with a signed proof", response=ErasureBegun)
def erase(request: HttpRequest, asked: ErasureAsked) -> ErasureBegun:
    """For administrators of the organisation that owns the tags."""
    made = erasing.ask(accounts.user_of(request), asked.tags, asked.since, asked.until, asked.reason)
    return ErasureBegun(id=made.pk, state=made.state)

"""What happened to an application or a contract, from the audit log, in words everybody concerned may read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models

from gongfu.kernel.audit.models import AuditEntry


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    time: dt.datetime
    what: str
    who: str
    reason: str
    shape: str
    """A shape of ``parts.css``: good, uncertain, bad or stale."""


_SHAPES = {
    "accept": "good",
    "resume": "good",
    "publish": "good",
    "send_back": "uncertain",
    "suspend": "uncertain",
    "reject": "bad",
    "revoke": "bad",
    "withdraw": "stale",
    "retire": "stale",
}


def story(things: Iterable[models.Model]) -> list[Event]:
    """Everything that happened to ``things``, newest first. The caller has checked that they may be seen."""
    wanted = models.Q()
    for thing in things:
        wanted |= models.Q(object_type=thing._meta.label_lower, object_id=str(thing.pk))
    if not wanted:
        return []
    entries = AuditEntry.objects.filter(wanted).order_by("-sequence")[:100]
    return [
        Event(entry.time, entry.action_text, entry.actor, entry.reason, _SHAPES.get(entry.action, "good"))
        for entry in entries
    ]

"""Backups for programs: age of the last one, the snapshots, and to begin one. Administrators of the platform only."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest
from django.utils.translation import gettext
from ninja import Router, Schema

from gongfu.data.backup import services
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.tasks import services as tasks

router = Router()


class StandingOut(Schema):
    """``age_s``: seconds since the moment of the last backup, what would be lost now; null while there is none."""

    place: str
    begun: bool
    every_minutes: int
    age_s: float | None
    late: bool
    next_at: dt.datetime | None
    problem: str


class SnapshotOut(Schema):
    """One snapshot; sizes in octets."""

    number: int
    moment: dt.datetime
    version: str
    files: int
    octets: int
    added: int


class JobOut(Schema):
    """What was begun: see ``/api/v1/tasks/jobs``."""

    job: int


@router.get("/backup", summary="Age of the last backup", response={200: StandingOut} | FAILURES)
def standing(request: HttpRequest) -> dict[str, object]:
    """What would be lost now, what is next, what went wrong."""
    found = services.standing(accounts.user_of(request))
    return {
        "place": found.place,
        "begun": found.begun,
        "every_minutes": found.every_minutes,
        "age_s": found.age,
        "late": found.late,
        "next_at": found.next_at,
        "problem": found.problem,
    }


@router.get("/backup/snapshots", summary="Snapshots, newest first", response={200: list[SnapshotOut]} | FAILURES)
def snapshots(request: HttpRequest) -> list[dict[str, object]]:
    """Every snapshot of the node at the place of the settings."""
    return [
        {
            "number": one.number,
            "moment": dt.datetime.fromtimestamp(one.moment / 1e9, dt.UTC),
            "version": one.version,
            "files": one.files,
            "octets": one.octets,
            "added": one.added,
        }
        for one in services.marks(accounts.user_of(request))
    ]


@router.post("/backup", summary="Back up now", response={200: JobOut} | FAILURES)
def back_up(request: HttpRequest) -> dict[str, object]:
    """Begins a backup in the background."""
    user = accounts.user_of(request)
    services.require_admin(user)
    return {"job": tasks.start(services.back_up, gettext("Backup of the node"), user=user).pk}

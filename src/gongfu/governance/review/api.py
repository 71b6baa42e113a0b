"""Reviews for programs of experts; panels and the pool are at ``/api/v1/governance/panels`` and ``…/experts``."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.http import HttpRequest
from django.utils.translation import get_language
from ninja import Field, Router, Schema

from gongfu.governance.review import judging, services
from gongfu.governance.review.models import Assignment, Panel
from gongfu.governance.review.permissions import offices_of, runs_panels
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import Forbidden, NotFound
from gongfu.kernel.i18n import mark

router = Router()


class CriterionOut(Schema):
    """What is judged."""

    key: str
    title: str
    weight: Decimal
    most: Decimal


class ReviewOut(Schema):
    """A review of the expert who asks."""

    id: int
    title: str
    number: str
    state: str
    deadline: dt.datetime
    letter: str
    round: int
    submitted: bool
    version: int
    points: dict[str, Decimal]
    comment: str
    extract: list[tuple[str, str]]
    criteria: list[CriterionOut]


class MarksIn(Schema):
    """Marks by criterion; ``version`` is the one that was read."""

    points: dict[str, Decimal] = Field(default_factory=dict)
    comment: str = Field("", max_length=4000)
    version: int | None = None


class ReasonIn(Schema):
    """Why."""

    reason: str = Field(..., max_length=300)
    conflict: bool = False


class SavedOut(Schema):
    """What was kept."""

    version: int
    complete: bool


class StatusOut(Schema):
    """How far a panel is; totals by letters, only when everybody has submitted."""

    state: str
    wanted: int
    sitting: int
    submitted: int
    total: Decimal | None = None
    passed: bool | None = None
    totals: dict[str, Decimal] = Field(default_factory=dict)
    explanation: list[str] = Field(default_factory=list)


class DrawIn(Schema):
    """A draw; ``seed`` may be agreed on before."""

    seed: str = Field("", max_length=128)
    reason: str = Field("", max_length=300)


class DrawOut(Schema):
    """What a draw began from and came to, so that anybody can repeat it."""

    number: int
    seed: str
    digest: str
    places: list[str]
    candidates: list[str]
    chosen: list[str]
    left_out: dict[str, list[str]]


@router.get("/reviews", summary="Reviews of the expert who asks", response=list[ReviewOut])
def reviews(request: HttpRequest) -> list[dict[str, object]]:
    """Open ones first."""
    return [_shown(one) for one in judging.mine(accounts.user_of(request)).sitting()[:200]]


@router.get("/reviews/{int:pk}", summary="One of them", response=ReviewOut)
def review(request: HttpRequest, pk: int) -> dict[str, object]:
    """With the blind extract."""
    return _shown(judging.find(accounts.user_of(request), pk))


@router.post("/reviews/{int:pk}/accept", summary="Take the place", response=ReviewOut)
def accept(request: HttpRequest, pk: int) -> dict[str, object]:
    """Who has a conflict by now gives it up instead: 409."""
    user = accounts.user_of(request)
    judging.accept(user, judging.find(user, pk))
    return _shown(judging.find(user, pk))


@router.post("/reviews/{int:pk}/decline", summary="Give the place up", response={204: None})
def decline(request: HttpRequest, pk: int, given: ReasonIn) -> None:
    """Another expert is drawn at once."""
    user = accounts.user_of(request)
    judging.decline(user, judging.find(user, pk), given.reason, conflict=given.conflict)


@router.put("/reviews/{int:pk}/marks", summary="Keep marks as a draft", response=SavedOut)
def save(request: HttpRequest, pk: int, given: MarksIn) -> judging.Saved:
    """409 when another window was faster."""
    user = accounts.user_of(request)
    return judging.save(user, judging.find(user, pk), dict(given.points), given.comment, given.version)


@router.post("/reviews/{int:pk}/submit", summary="Submit the marks", response={204: None})
def submit(request: HttpRequest, pk: int, given: MarksIn) -> None:
    """They cannot be changed afterwards."""
    user = accounts.user_of(request)
    judging.submit(user, judging.find(user, pk), dict(given.points), given.comment, given.version)


@router.get("/panels/{int:pk}/status", summary="How far a panel is", response=StatusOut)
def status(request: HttpRequest, pk: int) -> dict[str, object]:
    """For officials of the office."""
    panel = _panel(request, pk)
    found = services.status(panel)
    shown: dict[str, object] = {
        "state": panel.state,
        "wanted": found.wanted,
        "sitting": found.sitting,
        "submitted": found.submitted,
    }
    if found.result is not None:
        shown |= {
            "total": found.result.total,
            "passed": found.result.passed,
            "totals": dict(found.result.totals),
            "explanation": [line.text(get_language()) for line in found.result.lines],
        }
    return shown


@router.post("/panels/{int:pk}/draw", summary="Fill the free places by lot", response=DrawOut)
def draw(request: HttpRequest, pk: int, given: DrawIn) -> dict[str, object]:
    """409 when nothing is free or experts are missing."""
    made = services.draw(accounts.user_of(request), _panel(request, pk), seed=given.seed, reason=given.reason)
    drawn = made.drawn
    left: dict[str, list[str]] = {}
    for one in made.left_out:
        left.setdefault(one.key, []).append(one.text(get_language()))
    return {
        "number": made.number,
        "seed": drawn.seed,
        "digest": made.digest,
        "places": list(drawn.places),
        "candidates": [key for key, _fields, _employer in drawn.candidates],
        "chosen": list(drawn.chosen),
        "left_out": left,
    }


def _panel(request: HttpRequest, pk: int) -> Panel:
    user = accounts.user_of(request)
    found = Panel.objects.visible_to(user).filter(pk=pk, organisation__in=offices_of(user)).first()
    if found is None:
        raise NotFound(mark("There is no such review."))
    if not runs_panels.test(user, found):
        raise Forbidden(mark("Only officials of an authority run expert reviews."))
    return found


def _shown(one: Assignment) -> dict[str, object]:
    panel, score = one.panel, judging.score_of(one)
    return {
        "id": one.pk,
        "title": panel.title,
        "number": panel.number,
        "state": one.state,
        "deadline": panel.deadline,
        "letter": one.letter,
        "round": panel.round,
        "submitted": score.locked,
        "version": score.version,
        "points": score.given,
        "comment": score.comment,
        "extract": panel.rows,
        "criteria": [
            {"key": each.key, "title": each.title, "weight": each.weight, "most": each.most}
            for each in panel.criterion_list
        ],
    }

"""An application for programs: state and story, papers, archive. The list is ``/governance/applications``."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import get_language
from ninja import Field, Router, Schema

from gongfu.governance.applications import form_pages, paper_pages, services, steps, sums
from gongfu.governance.applications.models import Application
from gongfu.governance.applications.permissions import acts_for_office
from gongfu.governance.applications.records import Attachment, Instalment, Step
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import translate

router = Router()


class StageOut(Schema):
    """A stage of the notice: ``done``, ``now`` or ``ahead``."""

    state: str
    place: str


class StepOut(Schema):
    """Something that happened; ``internal`` is told to the office alone."""

    at: dt.datetime
    who: str
    acted_for: str
    name: str
    said: str
    source: str
    target: str
    deadline: dt.datetime | None
    late: bool
    reason: str
    document: str
    internal: bool


class ReasonOut(Schema):
    """A step of the calculation; ``amount`` in yuan is what stands after it."""

    cite: str
    said: str
    amount: Decimal | None


class SumOut(Schema):
    """What the rules give, in yuan; without ``due`` what stands in the way is said."""

    due: Decimal | None = None
    problem: str = ""
    lines: list[ReasonOut] = Field(default_factory=list)


class PaperOut(Schema):
    """A paper that came with it."""

    id: int
    paper: str
    name: str
    media_type: str
    size: int
    sha256: str
    scanned: bool


class PartOut(Schema):
    """An instalment in yuan."""

    position: int
    amount: Decimal
    due_on: dt.date
    paid_on: dt.date | None
    document: str


class StepNext(Schema):
    """A step that the asker may take; ``lacks`` says what stands in its way."""

    name: str
    label: str
    lacks: str


class StoryOut(Schema):
    """An application as a story."""

    id: int
    number: str
    state: str
    stage: str
    version: int
    deadline: dt.datetime | None
    late: bool
    approved: Decimal | None
    course: list[StageOut]
    sum: SumOut
    papers: list[PaperOut]
    instalments: list[PartOut]
    next: list[StepNext]
    steps: list[StepOut]


@router.get("/applications/{int:pk}/story", summary="State, sum and history of an application", response=StoryOut)
def story(request: HttpRequest, pk: int) -> StoryOut:
    """What its page shows the asker; what departments and experts said is told to the office alone."""
    user = accounts.user_of(request)
    found = services.application_for(user, pk)
    official = acts_for_office.test(user, found)
    ahead = [(one, steps.missing(found, one)) for one in steps.available(user, found)]
    return StoryOut(
        id=found.pk,
        number=found.number,
        state=found.state,
        stage=found.stage_name,
        version=found.version,
        deadline=found.deadline,
        late=found.late,
        approved=found.approved,
        course=[StageOut(state=stage, place=place) for stage, place in steps.course(found)],
        sum=_sum(found),
        papers=[_paper(one) for one in found.attachments.all()],
        instalments=[_part(one) for one in found.instalments.all()],
        next=[
            StepNext(name=one.name, label=translate(one.label), lacks=lacks.text(get_language()) if lacks else "")
            for one, lacks in ahead
        ],
        steps=[_step(one) for one in steps.told(found, internal=official)],
    )


@router.get("/applications/{int:pk}/papers/{int:paper}", summary="A paper of an application")
def paper(request: HttpRequest, pk: int, paper: int) -> HttpResponseBase:
    """As it was attached."""
    return form_pages.paper_file(request, pk, paper)


@router.get("/applications/{int:pk}/archive.zip", summary="Everything about an application as one ZIP")
def archive(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Printed papers, files, every step as data, digests; that it was taken is in the audit log."""
    return paper_pages.archive_file(request, pk)


def _sum(application: Application) -> SumOut:
    try:
        result = sums.result(application, decided=application.approved)
    except GongfuError as error:
        return SumOut(problem=error.text(get_language()))
    lines = [ReasonOut(cite=one.cite, said=one.text(get_language()), amount=one.amount) for one in result.lines]
    return SumOut(due=result.due, lines=lines)


def _paper(one: Attachment) -> PaperOut:
    return PaperOut(
        id=one.pk,
        paper=one.paper,
        name=one.name,
        media_type=one.media_type,
        size=one.size,
        sha256=one.sha256,
        scanned=one.scanned,
    )


def _part(one: Instalment) -> PartOut:
    return PartOut(
        position=one.position, amount=one.amount, due_on=one.due_on, paid_on=one.paid_on, document=one.document
    )


def _step(one: Step) -> StepOut:
    return StepOut(
        at=one.at,
        who=one.who,
        acted_for=one.actor_for,
        name=one.name,
        said=one.said,
        source=one.source,
        target=one.target,
        deadline=one.deadline,
        late=one.late,
        reason=one.reason,
        document=one.document,
        internal=one.internal,
    )

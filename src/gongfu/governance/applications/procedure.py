"""The procedure as data: states, steps, who may take them, what they need, and how long they may take. Pure.

青浦附件2 三 gives the order: 发布申报通知、线上申报 (1); 初审、部门和专家联合评审、征询、公示、审议 (2); 拨付 (3). How
long a stage may take it leaves to the notice (四3: 具体申报实施遵照……申报通知), so the working days below are ours,
and only what a notice begins with.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gongfu.kernel.errors import Conflict, NotFound
from gongfu.kernel.i18n import mark, translate


class State(StrEnum):
    """Where an application stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    JOINT = "joint"
    REVIEW = "review"
    CONSULT = "consult"
    PUBLIC = "public"
    DELIBERATION = "deliberation"
    APPROVED = "approved"
    INSPECTION = "inspection"
    RECOVERING = "recovering"
    CLOSED = "closed"
    REFUSED = "refused"
    APPEALED = "appealed"
    WITHDRAWN = "withdrawn"


NAMES: Final[Mapping[State, str]] = {
    State.DRAFT: mark("Draft application"),
    State.SUBMITTED: mark("First check"),
    State.RETURNED: mark("To be completed"),
    State.JOINT: mark("Joint check by departments"),
    State.REVIEW: mark("Expert review"),
    State.CONSULT: mark("Consultation"),
    State.PUBLIC: mark("Public notice"),
    State.DELIBERATION: mark("Deliberation"),
    State.APPROVED: mark("Approved: payment"),
    State.INSPECTION: mark("Final inspection"),
    State.RECOVERING: mark("Claw-back"),
    State.CLOSED: mark("Case closed"),
    State.REFUSED: mark("Support refused"),
    State.APPEALED: mark("Appeal"),
    State.WITHDRAWN: mark("Application withdrawn"),
}
"""Marked names."""

COURSE: Final = (
    *(State.SUBMITTED, State.JOINT, State.REVIEW, State.CONSULT, State.PUBLIC, State.DELIBERATION, State.APPROVED),
    *(State.INSPECTION, State.CLOSED),
)
"""The straight way, in order."""
OPTIONAL: Final = (State.JOINT, State.REVIEW, State.CONSULT)
"""Stages that a notice may leave out."""
OPEN: Final = frozenset({*COURSE, State.RETURNED, State.RECOVERING, State.APPEALED} - {State.CLOSED})
"""Somebody has to do something."""
DECIDING: Final = (State.SUBMITTED, State.JOINT, State.REVIEW, State.CONSULT, State.PUBLIC, State.DELIBERATION)
"""Not decided yet."""
ENDED: Final = frozenset({State.CLOSED, State.REFUSED, State.WITHDRAWN})
DAYS: Final[Mapping[State, int]] = {
    State.SUBMITTED: 5,
    State.RETURNED: 5,
    State.JOINT: 10,
    State.REVIEW: 15,
    State.CONSULT: 5,
    State.PUBLIC: 5,
    State.DELIBERATION: 10,
    State.APPROVED: 20,
    State.INSPECTION: 20,
    State.RECOVERING: 20,
    State.REFUSED: 10,
    State.APPEALED: 10,
}
"""Working days that a stage may take; in ``refused`` so long the applicant may appeal."""


class Who(StrEnum):
    """Who may take a step."""

    APPLICANT = "applicant"
    OFFICIAL = "official"
    OTHER_OFFICIAL = "other_official"
    """One who did not take the step that led here."""
    CLOCK = "clock"


class Need(StrEnum):
    """What has to be there before a step; the services look."""

    COMPLETE = "complete"
    """The form is complete and right, every paper is there, and the window is open."""
    COMPLETED = "completed"
    """Returned once, and its deadline has not passed."""
    NEVER_RETURNED = "never_returned"
    """一次性: what is missing is asked for once."""
    OPINIONS = "opinions"
    """Every department asked has answered, or its deadline has passed."""
    PANEL = "panel"
    """The experts have come to a result."""
    QUIET = "quiet"
    """The public notice is over and every objection answered."""
    LISTED = "listed"
    """The enterprise stands in the ledger, and the sum fits what is due."""
    IN_TIME = "in_time"
    """The deadline of the state has not passed."""
    FIRST_APPEAL = "first_appeal"
    PAID = "paid"
    """All that was approved is paid, and where there is an inspection it was passed."""
    UNPAID = "unpaid"
    """Nothing was paid yet."""
    OVERDUE = "overdue"
    """The deadline has passed."""


@dataclass(frozen=True)
class Move:
    """One way from some states to another."""

    name: str
    label: str
    """A marked text: what the button says."""
    sources: tuple[State, ...]
    target: State | None
    """None: the next stage of the notice, or the one before for ``back``."""
    who: Who
    needs: tuple[Need, ...] = ()
    reason: bool = False
    document: bool = False
    """The number of a document, such as the minutes of the deliberation, has to be named."""
    dangerous: bool = False
    own_page: bool = False
    """Taken by a form of its own, not by the row of buttons."""


MOVES: Final = (
    Move(
        "submit",
        mark("Hand in the application"),
        (State.DRAFT,),
        State.SUBMITTED,
        Who.APPLICANT,
        (Need.COMPLETE,),
        own_page=True,
    ),
    Move(
        "complete",
        mark("Hand in what was missing"),
        (State.RETURNED,),
        State.SUBMITTED,
        Who.APPLICANT,
        (Need.COMPLETED,),
        own_page=True,
    ),
    Move(
        "return",
        mark("Ask for what is missing (once)"),
        (State.SUBMITTED,),
        State.RETURNED,
        Who.OFFICIAL,
        (Need.NEVER_RETURNED,),
        reason=True,
    ),
    Move("lapse", mark("Not completed in time"), (State.RETURNED,), State.WITHDRAWN, Who.OFFICIAL, (Need.OVERDUE,)),
    Move("forward", mark("First check passed"), (State.SUBMITTED,), None, Who.OFFICIAL, (Need.LISTED,)),
    Move("agree", mark("Departments agree"), (State.JOINT,), None, Who.OFFICIAL, (Need.OPINIONS,)),
    Move("reviewed", mark("Experts recommend it"), (State.REVIEW,), None, Who.OFFICIAL, (Need.PANEL,)),
    Move("consulted", mark("Consultation done"), (State.CONSULT,), None, Who.OFFICIAL, (Need.OPINIONS,), reason=True),
    Move("unopposed", mark("Public notice is over"), (State.PUBLIC,), None, Who.OFFICIAL, (Need.QUIET,)),
    Move(
        "approve",
        mark("Approve the support"),
        (State.DELIBERATION,),
        State.APPROVED,
        Who.OTHER_OFFICIAL,
        (Need.LISTED,),
        document=True,
        own_page=True,
    ),
    Move("back", mark("Back to the step before"), DECIDING[1:], None, Who.OFFICIAL, reason=True),
    Move("refuse", mark("Refuse support"), DECIDING, State.REFUSED, Who.OFFICIAL, reason=True, dangerous=True),
    Move(
        "withdraw",
        mark("Withdraw the application"),
        (State.DRAFT, State.RETURNED, *DECIDING),
        State.WITHDRAWN,
        Who.APPLICANT,
        reason=True,
        dangerous=True,
    ),
    Move(
        "appeal",
        mark("Appeal against the refusal"),
        (State.REFUSED,),
        State.APPEALED,
        Who.APPLICANT,
        (Need.IN_TIME, Need.FIRST_APPEAL),
        reason=True,
    ),
    Move("uphold", mark("The refusal stands"), (State.APPEALED,), State.REFUSED, Who.OTHER_OFFICIAL, reason=True),
    Move("reopen", mark("Check it anew"), (State.APPEALED,), State.SUBMITTED, Who.OTHER_OFFICIAL, reason=True),
    Move(
        "revoke",
        mark("Take back the approval"),
        (State.APPROVED,),
        State.REFUSED,
        Who.OTHER_OFFICIAL,
        (Need.UNPAID,),
        reason=True,
        document=True,
        dangerous=True,
    ),
    Move(
        "inspect",
        mark("Report completion for inspection"),
        (State.APPROVED,),
        State.INSPECTION,
        Who.APPLICANT,
        reason=True,
    ),
    Move("passed", mark("Inspection passed"), (State.INSPECTION,), State.APPROVED, Who.OFFICIAL, document=True),
    Move("failed", mark("Inspection not passed"), (State.INSPECTION,), State.APPROVED, Who.OFFICIAL, reason=True),
    Move("close", mark("Close the case"), (State.APPROVED,), State.CLOSED, Who.OFFICIAL, (Need.PAID,)),
    Move(
        "recover",
        mark("Claim money back"),
        (State.APPROVED, State.INSPECTION, State.CLOSED),
        State.RECOVERING,
        Who.OFFICIAL,
        reason=True,
        document=True,
        dangerous=True,
        own_page=True,
    ),
    Move("recovered", mark("Money has come back"), (State.RECOVERING,), State.CLOSED, Who.OFFICIAL, own_page=True),
)
ASSUMED: Final = frozenset({"reviewed_and_published", "selected"})
"""Conditions that the procedure itself fulfils: no applicant ticks them (青浦附件2 二(二)1 经评审公示通过; 择优)."""


def move(name: str) -> Move:
    """The move called ``name``; raises :class:`NotFound`."""
    for one in MOVES:
        if one.name == name:
            return one
    raise NotFound(mark("There is no step {name}."), name=name[:50])


def moves_from(state: State) -> list[Move]:
    """What may follow ``state``."""
    return [one for one in MOVES if state in one.sources]


def target(chosen: Move, state: State, left_out: Collection[str]) -> State:
    """Where ``chosen`` leads from ``state`` when a notice leaves out some stages. Raises :class:`Conflict`."""
    if state not in chosen.sources:
        raise Conflict(
            mark("The application is in the stage “{state}” now; “{step}” is not possible."),
            remedy=mark("Load the page again."),
            state=Marked(NAMES[state]),
            step=Marked(chosen.label),
        )
    if chosen.target is not None:
        return chosen.target
    course = [one for one in COURSE if one not in left_out or one is state]
    return course[course.index(state) + (-1 if chosen.name == "back" else 1)]


class Marked:
    """A marked text within a message: shown in the language of whoever reads it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return translate(self.text)


def kept_days(given: Mapping[str, int]) -> dict[State, int]:
    """Working days of every stage: what a notice says, else ours."""
    return {state: int(given.get(state, days)) for state, days in DAYS.items()}

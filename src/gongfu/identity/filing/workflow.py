"""Who may take which step of a filing: the node below submits, corrects and withdraws, the node above decides."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField
from rules.predicates import Predicate

from gongfu.identity.filing.rules import LIVING, FilingState, Kind
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.workflow.services import step


class Direction(models.TextChoices):
    """Which way it goes."""

    UP = "up", _("Filed by this node")
    DOWN = "down", _("Filed from below")


def _side(direction: Direction, name: str) -> Predicate:
    def holds(user: User, thing: object = None) -> bool:
        return is_platform_admin.test(user) and (thing is None or getattr(thing, "direction", "") == direction)

    return Predicate(holds, name=name)


files = _side(Direction.UP, "files")
"""Runs the node that files."""
reviews = _side(Direction.DOWN, "reviews")
"""Runs the node that reviews."""


class FilingWorkflow(models.Model):
    """The way of a filing. Every step is told to the other node."""

    class State(models.TextChoices):
        """States, :class:`gongfu.identity.filing.rules.FilingState`."""

        DRAFT = FilingState.DRAFT.value, _("Draft")
        SUBMITTED = FilingState.SUBMITTED.value, _("Submitted")
        CORRECTED = FilingState.CORRECTED.value, _("Corrected")
        UNDER_REVIEW = FilingState.UNDER_REVIEW.value, _("Under review")
        RETURNED = FilingState.RETURNED.value, _("Returned for correction")
        ACCEPTED = FilingState.ACCEPTED.value, _("Accepted")
        REJECTED = FilingState.REJECTED.value, _("Rejected")
        WITHDRAWN = FilingState.WITHDRAWN.value, _("Withdrawn")

    state = FSMField(_("State"), max_length=16, choices=State.choices, default=State.DRAFT, editable=False)

    class Meta:
        abstract = True

    @step("state", source=[State.DRAFT], target=State.SUBMITTED, label=_("Submit"), may=files)
    def submit(self, user: User, reason: str) -> None:
        """Send it to the node above as it is now."""
        self.compose()
        self.tell(Kind.SUBMIT, user, reason)

    @step(
        "state", source=[State.RETURNED, State.ACCEPTED], target=State.CORRECTED, label=_("Submit corrected"), may=files
    )
    def correct(self, user: User, reason: str) -> None:
        """Send a new version, after a return or because what was accepted has changed."""
        self.compose()
        self.tell(Kind.CORRECT, user, reason)

    @step(
        "state",
        source=sorted(LIVING),
        target=State.WITHDRAWN,
        label=_("Withdraw"),
        may=files | reviews,
        reason=True,
        dangerous=True,
    )
    def withdraw(self, user: User, reason: str) -> None:
        """End it, whichever node does so."""
        self.tell(Kind.WITHDRAW, user, reason)

    @step(
        "state",
        source=[State.SUBMITTED, State.CORRECTED],
        target=State.UNDER_REVIEW,
        label=_("Begin review"),
        may=reviews,
    )
    def review(self, user: User, reason: str) -> None:
        """Tell the node below that somebody looks at it."""
        self.tell(Kind.REVIEW, user, reason)

    @step("state", source=[State.UNDER_REVIEW], target=State.ACCEPTED, label=_("Accept"), may=reviews)
    def accept(self, user: User, reason: str) -> None:
        """Acknowledge it with a filing number, which stays the same when a later version is accepted."""
        self.assign_number()
        self.tell(Kind.ACCEPT, user, reason)

    @step(
        "state",
        source=[State.UNDER_REVIEW],
        target=State.RETURNED,
        label=_("Return for correction"),
        may=reviews,
        reason=True,
    )
    def send_back(self, user: User, reason: str) -> None:
        """Let the node below correct it."""
        self.tell(Kind.RETURN, user, reason)

    @step(
        "state",
        source=[State.UNDER_REVIEW],
        target=State.REJECTED,
        label=_("Reject"),
        may=reviews,
        reason=True,
        dangerous=True,
    )
    def reject(self, user: User, reason: str) -> None:
        """Refuse it for good."""
        self.tell(Kind.REJECT, user, reason)

    def compose(self) -> None:
        """Make the next version from what this node knows now."""
        raise NotImplementedError

    def assign_number(self) -> None:
        """Give it a filing number if it has none."""
        raise NotImplementedError

    def tell(self, kind: Kind, user: User, reason: str) -> None:
        """Leave a message for the other node, in the transaction of the step."""
        raise NotImplementedError

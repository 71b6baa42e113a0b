"""Who may move an edge node and a local rule from where to where."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField
from rules.predicates import Predicate

from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.workflow.services import step


class EdgeLife(models.Model):
    """Waiting until it has joined; then online or offline as it reports; suspended by people."""

    class State(models.TextChoices):
        """Where it stands. Online and offline follow from its reports, not from people."""

        WAITING = "waiting", _("Waiting to join")
        ONLINE = "online", _("Online")
        OFFLINE = "offline", _("Offline")
        SUSPENDED = "suspended", _("Suspended")

    state = FSMField(_("State"), max_length=10, choices=State.choices, default=State.WAITING, editable=False)

    class Meta:
        abstract = True

    @step(
        "state",
        source=[State.WAITING, State.ONLINE, State.OFFLINE],
        target=State.SUSPENDED,
        label=_("Suspend"),
        may=can_edit,
        reason=True,
        dangerous=True,
        consequence=_(
            "Its credentials are revoked at once: it cannot reach this node any more. It goes on controlling its"
            " machines and keeps what it reads; it has to join again before that arrives here."
        ),
    )
    def suspend(self, user: User, reason: str) -> None:
        """Revoke its credentials."""
        self.revoke()

    @step("state", source=[State.SUSPENDED], target=State.WAITING, label=_("Let it join again"), may=can_edit)
    def readmit(self, user: User, reason: str) -> None:
        """It may join again, with a new token."""

    def revoke(self) -> None:
        """Make what it signs in with worthless, once this transaction commits."""
        raise NotImplementedError


def _is_another(user: User, thing: object = None) -> bool:
    return thing is None or not getattr(thing, "writes", True) or getattr(thing, "proposed_by_id", None) != user.pk


agrees = can_edit & Predicate(_is_another, name="is_another_person")
"""May agree to a rule: somebody who may edit the edge node and, when it writes to a machine, did not propose it."""


class RuleLife(models.Model):
    """A rule that writes to a machine takes effect only when a second person has agreed to this very version.

    While a change waits, or after it was declined, the version before stays in force.
    """

    class State(models.TextChoices):
        """Where the newest version stands."""

        PROPOSED = "proposed", _("Waits for a second person")
        ACTIVE = "active", _("In force")
        DECLINED = "declined", _("Declined")
        STOPPED = "stopped", _("Stopped")

    state = FSMField(_("State"), max_length=10, choices=State.choices, default=State.PROPOSED, editable=False)

    class Meta:
        abstract = True

    @step("state", source=[State.PROPOSED], target=State.ACTIVE, label=_("Agree"), may=agrees)
    def agree(self, user: User, reason: str) -> None:
        """Let this version act."""
        self.approved(user)

    @step("state", source=[State.PROPOSED], target=State.DECLINED, label=_("Decline"), may=agrees, reason=True)
    def decline(self, user: User, reason: str) -> None:
        """Do not let this version act."""

    @step(
        "state",
        source=[State.PROPOSED, State.ACTIVE, State.DECLINED],
        target=State.STOPPED,
        label=_("Stop the rule"),
        may=can_edit,
    )
    def stop(self, user: User, reason: str) -> None:
        """Take it from the edge node."""
        self.withdrawn()

    @step(
        "state", source=[State.STOPPED, State.DECLINED], target=State.PROPOSED, label=_("Propose again"), may=can_edit
    )
    def resume(self, user: User, reason: str) -> None:
        """It may be agreed to again."""
        self.proposed(user)

    def approved(self, user: User) -> None:
        """``user`` agreed to the newest version."""
        raise NotImplementedError

    def proposed(self, user: User) -> None:
        """``user`` wants the newest version."""
        raise NotImplementedError

    def withdrawn(self) -> None:
        """No version is in force any more."""
        raise NotImplementedError

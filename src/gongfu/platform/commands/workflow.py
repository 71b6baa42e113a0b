"""Who may do what with a command that waits for a second person."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField
from rules.predicates import Predicate

from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_operate
from gongfu.kernel.workflow.services import step
from gongfu.platform.commands.rules import State as Stand


def _is_another(user: User, thing: object = None) -> bool:
    return thing is None or getattr(thing, "created_by_id", None) != user.pk


def _is_the_same(user: User, thing: object = None) -> bool:
    return thing is None or getattr(thing, "created_by_id", None) == user.pk


seconds = can_operate & Predicate(_is_another, name="is_another_person")
"""May agree: somebody who may operate the machine and did not ask for it."""
asked = can_operate & Predicate(_is_the_same, name="asked_for_it")


class CommandWorkflow(models.Model):
    """From what somebody wants to what the machine has."""

    class State(models.TextChoices):
        """States, :class:`gongfu.platform.commands.rules.State`."""

        PROPOSED = Stand.PROPOSED.value, _("Waits for a second person")
        SENDING = Stand.SENDING.value, _("Being written")
        CONFIRMED = Stand.CONFIRMED.value, _("Confirmed")
        UNCONFIRMED = Stand.UNCONFIRMED.value, _("Written, not confirmed")
        FAILED = Stand.FAILED.value, _("Not written")
        REFUSED = Stand.REFUSED.value, _("Refused before writing")
        DECLINED = Stand.DECLINED.value, _("Declined")
        WITHDRAWN = Stand.WITHDRAWN.value, _("Withdrawn")
        EXPIRED = Stand.EXPIRED.value, _("Expired")
        UNKNOWN = Stand.UNKNOWN.value, _("Outcome unknown")

    state = FSMField(_("State"), max_length=16, choices=State.choices, default=State.SENDING, editable=False)

    class Meta:
        abstract = True

    @step("state", source=[State.PROPOSED], target=State.SENDING, label=_("Agree and write"), may=seconds)
    def agree(self, user: User, reason: str) -> None:
        """Let it be written, as the second person."""
        self.agreed(user)

    @step("state", source=[State.PROPOSED], target=State.DECLINED, label=_("Decline"), may=seconds, reason=True)
    def decline(self, user: User, reason: str) -> None:
        """Do not let it be written."""

    @step("state", source=[State.PROPOSED], target=State.WITHDRAWN, label=_("Withdraw"), may=asked)
    def withdraw(self, user: User, reason: str) -> None:
        """Give it up."""

    def agreed(self, user: User) -> None:
        """Have it written once this transaction is committed."""
        raise NotImplementedError

"""Who may move a version of a model from where to where: draft → in review → published → superseded or withdrawn."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField

from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_administer, can_edit
from gongfu.kernel.workflow.services import step


class ModelFlow(models.Model):
    """The life of one version. What is published never changes."""

    class State(models.TextChoices):
        """Where it stands."""

        DRAFT = "draft", _("Draft")
        REVIEW = "review", _("In review")
        PUBLISHED = "published", _("Published")
        SUPERSEDED = "superseded", pgettext_lazy("model", "Superseded")
        WITHDRAWN = "withdrawn", pgettext_lazy("model", "Withdrawn")

    state = FSMField(_("State"), max_length=12, choices=State.choices, default=State.DRAFT, editable=False)

    class Meta:
        abstract = True

    @step("state", source=[State.DRAFT], target=State.REVIEW, label=_("Submit for review"), may=can_edit)
    def submit(self, user: User, reason: str) -> None:
        """Ask for it to be published."""
        self.check_publishable()

    @step(
        "state",
        source=[State.REVIEW],
        target=State.DRAFT,
        label=pgettext_lazy("model", "Return"),
        may=can_administer,
        reason=True,
    )
    def send_back(self, user: User, reason: str) -> None:
        """Something must be corrected first."""
        self.remember(reason)

    @step(
        "state",
        source=[State.REVIEW],
        target=State.PUBLISHED,
        label=_("Publish"),
        may=can_administer,
        dangerous=True,
        consequence=_("Devices can be bound to it from now on, and it can no longer be changed."),
    )
    def publish(self, user: User, reason: str) -> None:
        """Offer it; an older published version of it is superseded."""
        self.check_publishable()
        self.supersede_others()

    @step(
        "state",
        source=[State.PUBLISHED, State.SUPERSEDED],
        target=State.WITHDRAWN,
        label=pgettext_lazy("model", "Withdraw"),
        may=can_administer,
        reason=True,
        dangerous=True,
        consequence=_("No further device can be bound to it. Devices that are bound stay bound."),
    )
    def withdraw(self, user: User, reason: str) -> None:
        """It should not be used any more."""
        self.remember(reason)

    def check_publishable(self) -> None:
        """Refuse what breaks a rule."""
        raise NotImplementedError

    def supersede_others(self) -> None:
        """Older published versions are superseded."""
        raise NotImplementedError

    def remember(self, reason: str) -> None:
        """Keep what the reviewer said."""
        raise NotImplementedError

"""Who may move an application and a contract from where to where.

Application: draft → submitted → allotted, or returned for completion → submitted again, rejected, withdrawn.
Contract: in force ⇄ suspended → revoked. Enterprises write and submit, the operator of the node decides.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy, pgettext_lazy
from django_fsm import FSMField

from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, is_platform_admin
from gongfu.kernel.workflow.services import step


class ApplicationFlow(models.Model):
    """The way of an application."""

    class State(models.TextChoices):
        """Where it stands."""

        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("In review")
        RETURNED = "returned", _("Returned for completion")
        ALLOTTED = "allotted", _("Allotted")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    state = FSMField(_("State"), max_length=12, choices=State.choices, default=State.DRAFT, editable=False)

    class Meta:
        abstract = True

    @step(
        "state",
        source=[State.DRAFT, State.RETURNED],
        target=State.SUBMITTED,
        label=_("Submit for review"),
        may=can_edit,
    )
    def submit(self, user: User, reason: str) -> None:
        """Hand it to the operator."""
        self.submitted()

    @step(
        "state",
        source=[State.DRAFT, State.SUBMITTED, State.RETURNED],
        target=State.WITHDRAWN,
        label=_("Withdraw"),
        may=can_edit,
        dangerous=True,
        consequence=_("The application ends here. Nothing is allotted; you can make a new one at any time."),
    )
    def withdraw(self, user: User, reason: str) -> None:
        """The enterprise no longer wants it."""
        self.decided(user, reason)

    @step("state", source=[State.SUBMITTED], target=State.ALLOTTED, label=_("Accept and allot"), may=is_platform_admin)
    def accept(self, user: User, reason: str) -> None:
        """Allot the prefix, or renew the contract, on the terms that stand in the application."""
        self.fulfil(user)
        self.decided(user, reason)

    @step(
        "state",
        source=[State.SUBMITTED],
        target=State.RETURNED,
        label=_("Return for completion"),
        may=is_platform_admin,
        reason=True,
    )
    def send_back(self, user: User, reason: str) -> None:
        """The enterprise has to complete it; the reason says what."""
        self.decided(user, reason)

    @step(
        "state",
        source=[State.SUBMITTED],
        target=State.REJECTED,
        label=_("Reject"),
        may=is_platform_admin,
        reason=True,
        dangerous=True,
        consequence=_("The application ends here. The enterprise sees your reason and can make a new one."),
    )
    def reject(self, user: User, reason: str) -> None:
        """It cannot be granted."""
        self.decided(user, reason)

    def submitted(self) -> None:
        """What else happens when it is submitted."""
        raise NotImplementedError

    def fulfil(self, user: User) -> None:
        """What else happens when it is accepted."""
        raise NotImplementedError

    def decided(self, user: User, remark: str) -> None:
        """Keep who decided, when and why."""
        raise NotImplementedError


def _unresolved(contract: models.Model) -> str:
    number = getattr(contract, "identifiers", 0)
    text = ngettext_lazy(
        "%(count)s identifier stands under this prefix. It stays stored, but nobody can resolve it any more (the "
        "resolver answers 301, not responsible) and nothing more can be registered.",
        "%(count)s identifiers stand under this prefix. They stay stored, but nobody can resolve them any more (the "
        "resolver answers 301, not responsible) and nothing more can be registered.",
        number,
    )
    return str(text % {"count": f"{number:,}"})


def _unresolved_for_good(contract: models.Model) -> str:
    last = _("A revoked contract cannot be resumed: the enterprise has to apply again for another prefix.")
    return f"{_unresolved(contract)} {last}"


class ContractFlow(models.Model):
    """The life of a contract."""

    class State(models.TextChoices):
        """Where it stands."""

        ACTIVE = "active", _("In force")
        SUSPENDED = "suspended", _("Suspended")
        REVOKED = "revoked", _("Revoked")

    state = FSMField(_("State"), max_length=12, choices=State.choices, default=State.ACTIVE, editable=False)

    class Meta:
        abstract = True

    @step(
        "state",
        source=[State.ACTIVE],
        target=State.SUSPENDED,
        label=_("Suspend"),
        may=is_platform_admin,
        reason=True,
        dangerous=True,
        consequence=_unresolved,
    )
    def suspend(self, user: User, reason: str) -> None:
        """Stop serving the prefix for a while."""
        self.out_of_service(reason)

    @step("state", source=[State.SUSPENDED], target=State.ACTIVE, label=_("Put back in service"), may=is_platform_admin)
    def resume(self, user: User, reason: str) -> None:
        """Serve the prefix again."""
        self.in_service()

    @step(
        "state",
        source=[State.ACTIVE, State.SUSPENDED],
        target=State.REVOKED,
        label=pgettext_lazy("contract", "Revoke"),
        may=is_platform_admin,
        reason=True,
        dangerous=True,
        consequence=_unresolved_for_good,
    )
    def revoke(self, user: User, reason: str) -> None:
        """End it for good."""
        self.out_of_service(reason)

    def out_of_service(self, reason: str) -> None:
        """The resolver no longer answers for the prefix."""
        raise NotImplementedError

    def in_service(self) -> None:
        """The resolver answers for the prefix again."""
        raise NotImplementedError


class TemplateFlow(models.Model):
    """The life of one version of a template."""

    class State(models.TextChoices):
        """Where it stands."""

        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        RETIRED = "retired", pgettext_lazy("template", "Retired")

    state = FSMField(_("State"), max_length=12, choices=State.choices, default=State.DRAFT, editable=False)

    class Meta:
        abstract = True

    @step(
        "state",
        source=[State.DRAFT],
        target=State.PUBLISHED,
        label=_("Publish"),
        may=can_edit,
        dangerous=True,
        consequence=_("From now on identifiers can be registered with it, and it can no longer be changed."),
    )
    def publish(self, user: User, reason: str) -> None:
        """Offer it for registration; it is immutable from now on."""
        self.check_complete()

    @step(
        "state",
        source=[State.PUBLISHED],
        target=State.RETIRED,
        label=pgettext_lazy("template", "Retire"),
        may=can_edit,
        reason=True,
        consequence=_("Nothing more can be registered with it; identifiers that follow it stay as they are."),
    )
    def retire(self, user: User, reason: str) -> None:
        """No further registrations."""

    def check_complete(self) -> None:
        """Refuse what cannot be published."""
        raise NotImplementedError

"""From an application to a verified enterprise: who may move what."""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField
from rules.predicates import Predicate

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_administer
from gongfu.kernel.accounts.rules import Role, is_within
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.workflow.services import step

VALID = dt.timedelta(days=365)
"""How long a review counts; after that the enterprise applies anew."""


def _reviews(user: User, thing: object = None) -> bool:
    """Administrator of an operator or authority above the enterprise: nobody reviews his own."""
    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return True
    kinds = (Organisation.Kind.OPERATOR, Organisation.Kind.AUTHORITY)
    desks = [
        held.organisation
        for held in user.memberships_cached
        if held.role == Role.ADMIN and held.organisation.kind in kinds
    ]
    owner = getattr(thing, "organisation", None)
    if not isinstance(owner, Organisation):
        return bool(desks)
    return any(desk.pk != owner.pk and is_within(owner.path, desk.path) for desk in desks)


reviews = Predicate(_reviews, name="reviews")


class VerificationWorkflow(models.Model):
    """States of a real-name review."""

    class State(models.TextChoices):
        """Where the application stands."""

        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("In review")
        RETURNED = "returned", _("Returned for correction")
        ACCEPTED = "accepted", _("Verified")
        REJECTED = "rejected", _("Rejected")
        REVOKED = "revoked", _("Revoked")
        EXPIRED = "expired", _("Expired")

    state = FSMField(_("state"), choices=State.choices, default=State.DRAFT, editable=False, db_index=True)
    submitted_at = models.DateTimeField(_("submitted"), null=True, editable=False)
    decided_at = models.DateTimeField(_("decided"), null=True, editable=False)
    decided_by = models.ForeignKey(
        User, models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("decided by")
    )
    reason = models.TextField(_("reason"), blank=True, editable=False)
    valid_until = models.DateField(_("valid until"), null=True, editable=False)

    class Meta:
        abstract = True

    @step("state", source=[State.DRAFT, State.RETURNED], target=State.SUBMITTED, label=_("Submit"), may=can_administer)
    def submit(self, user: User, reason: str) -> None:
        """Ask for review."""
        self.submitted_at = timezone.now()

    @step("state", source=[State.SUBMITTED], target=State.ACCEPTED, label=_("Accept"), may=reviews)
    def accept(self, user: User, reason: str) -> None:
        """The enterprise is who it says it is."""
        self._decide(user, reason)
        self.valid_until = timezone.localdate() + VALID

    @step("state", source=[State.SUBMITTED], target=State.RETURNED, label=_("Return"), may=reviews, reason=True)
    def send_back(self, user: User, reason: str) -> None:
        """Something is missing or unreadable."""
        self._decide(user, reason)

    @step(
        "state",
        source=[State.SUBMITTED],
        target=State.REJECTED,
        label=_("Reject"),
        may=reviews,
        reason=True,
        dangerous=True,
    )
    def reject(self, user: User, reason: str) -> None:
        """The enterprise is not who it says it is."""
        self._decide(user, reason)

    @step(
        "state",
        source=[State.ACCEPTED],
        target=State.REVOKED,
        label=_("Revoke"),
        may=reviews,
        reason=True,
        dangerous=True,
    )
    def revoke(self, user: User, reason: str) -> None:
        """It does not hold any longer."""
        self._decide(user, reason)
        self.valid_until = None

    def _decide(self, user: User, reason: str) -> None:
        if self.submitted_at is None:
            raise Invalid(mark("This application was never submitted."))
        self.decided_at, self.decided_by, self.reason = timezone.now(), user, reason

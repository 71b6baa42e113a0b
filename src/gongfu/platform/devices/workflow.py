"""Who may move a device from where to where: planned → in service ⇄ suspended → retired."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.workflow.services import step
from gongfu.platform.devices.rules import LifeState


class LifeCycle(models.Model):
    """The life of a device. Only a device in service is read by its gateway."""

    class Life(models.TextChoices):
        """States, :class:`gongfu.platform.devices.rules.LifeState`."""

        PLANNED = LifeState.PLANNED.value, _("Planned")
        IN_SERVICE = LifeState.IN_SERVICE.value, _("In service")
        SUSPENDED = LifeState.SUSPENDED.value, _("Suspended")
        RETIRED = LifeState.RETIRED.value, _("Retired")

    life = FSMField(_("Life"), max_length=16, choices=Life.choices, default=Life.PLANNED, editable=False)

    class Meta:
        abstract = True

    @step("life", source=[Life.PLANNED], target=Life.IN_SERVICE, label=_("Put into service"), may=can_edit)
    def commission(self, user: User, reason: str) -> None:
        """Begin to read it."""
        self.tell_gateway()

    @step("life", source=[Life.IN_SERVICE], target=Life.SUSPENDED, label=_("Suspend"), may=can_edit, reason=True)
    def suspend(self, user: User, reason: str) -> None:
        """Stop reading it for a while."""
        self.tell_gateway()

    @step("life", source=[Life.SUSPENDED], target=Life.IN_SERVICE, label=_("Resume"), may=can_edit)
    def resume(self, user: User, reason: str) -> None:
        """Read it again."""
        self.tell_gateway()

    @step(
        "life",
        source=[Life.PLANNED, Life.IN_SERVICE, Life.SUSPENDED],
        target=Life.RETIRED,
        label=_("Retire"),
        may=can_edit,
        reason=True,
        dangerous=True,
    )
    def retire(self, user: User, reason: str) -> None:
        """Stop reading it for good; records, readings and identifier stay."""
        self.tell_gateway()

    def tell_gateway(self) -> None:
        """Leave a note for the gateway, in the transaction of the step."""
        raise NotImplementedError

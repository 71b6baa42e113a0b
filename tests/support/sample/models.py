"""Lines and machines."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from gongfu.kernel.accounts.models import OwnedModel, OwnedQuerySet, User
from gongfu.kernel.accounts.permissions import can_edit, can_operate
from gongfu.kernel.workflow.services import step


class Line(OwnedModel):
    name = models.CharField("line", max_length=50)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MachineWorkflow(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    state = FSMField("state", choices=State.choices, default=State.DRAFT, editable=False)

    class Meta:
        abstract = True

    @step("state", source=[State.DRAFT], target=State.ACTIVE, label=_("Activate"), may=can_operate)
    def activate(self, user: User, reason: str) -> None: ...

    @step(
        "state",
        source=[State.DRAFT, State.ACTIVE],
        target=State.RETIRED,
        label="Retire",
        may=can_edit,
        reason=True,
        dangerous=True,
    )
    def retire(self, user: User, reason: str) -> None:
        self.notes = reason


class Machine(OwnedModel, MachineWorkflow):
    name = models.CharField("name", max_length=60, unique=True)
    kind = models.CharField("kind", max_length=10, choices=[("pump", "Pump"), ("press", "Press")])
    line = models.ForeignKey(Line, models.PROTECT, null=True, blank=True, verbose_name="line")
    power = models.FloatField("power", null=True, blank=True)
    slots = models.PositiveIntegerField("slots", default=1)
    bought = models.DateField("bought", null=True, blank=True)
    spare = models.BooleanField("spare", default=False)
    options = models.JSONField("options", default=dict, blank=True)
    access_token = models.CharField("access token", max_length=60, blank=True)
    notes = models.TextField("notes", blank=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Part(OwnedModel):
    name = models.CharField("name", max_length=60)
    machine = models.ForeignKey(Machine, models.CASCADE, related_name="parts")

    objects = OwnedQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

"""Set-points: which tags may be written and within what; commands: what somebody had written and what became of it."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.dispatch import Signal
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import OwnedModel, User
from gongfu.kernel.errors import unpacked
from gongfu.platform.commands import rules
from gongfu.platform.commands.workflow import CommandWorkflow
from gongfu.platform.devices.models import Device, Tag

agreed = Signal()
"""A second person has agreed to ``command``, in a transaction that is not committed yet."""


class Setpoint(OwnedModel):
    """A tag that may be written. A tag without one is never written to."""

    tag = models.OneToOneField(Tag, models.CASCADE, related_name="setpoint", verbose_name=_("Tag"))
    device = models.ForeignKey(
        Device, models.CASCADE, related_name="setpoints", verbose_name=_("Device"), editable=False
    )
    address = models.CharField(
        _("Address for writing"), max_length=255, blank=True, help_text=_("Empty: where the tag is read.")
    )
    low = models.FloatField(_("Lowest value"), null=True, blank=True)
    high = models.FloatField(_("Highest value"), null=True, blank=True)
    largest_step = models.FloatField(
        _("Largest step"), null=True, blank=True, validators=[MinValueValidator(0)], help_text=_("Empty: any.")
    )
    interlocks = models.TextField(
        _("Interlocks"),
        blank=True,
        max_length=2000,
        help_text=_("Conditions that must hold for it to be written, one on a line, such as: state != 2"),
    )
    second_person = models.BooleanField(
        _("Second person"), default=False, help_text=_("Somebody else must agree before it is written.")
    )
    within = models.FloatField(
        _("Time-out (s)"), default=5.0, validators=[MinValueValidator(0.5), MaxValueValidator(15)]
    )
    tolerance = models.FloatField(
        _("Tolerance"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("How far the value read back may be from the one written. Empty: half of the smallest step."),
    )

    class Meta:
        verbose_name = _("set-point")
        verbose_name_plural = _("Set-points")
        ordering = ("device", "tag__position", "id")

    def __str__(self) -> str:
        return f"{self.tag.device} · {self.tag}"

    @property
    def bounds(self) -> rules.Bounds:
        """Limits, those of the tag's plausible range where the set-point has none."""
        low = self.tag.low if self.low is None else self.low
        high = self.tag.high if self.high is None else self.high
        return rules.Bounds(self.tag.kind, low, high, self.largest_step)

    @property
    def range(self) -> str:
        """The limits as people read them."""
        bounds = self.bounds
        if bounds.low is None and bounds.high is None:
            return ""
        return " … ".join("" if end is None else f"{end:g}" for end in (bounds.low, bounds.high))


class Command(CommandWorkflow, OwnedModel):
    """One value that somebody wanted written. It is never changed or deleted by people."""

    setpoint = models.ForeignKey(
        Setpoint, models.SET_NULL, null=True, related_name="commands", verbose_name=_("Set-point")
    )
    device = models.ForeignKey(
        Device, models.CASCADE, related_name="commands", verbose_name=_("Device"), editable=False
    )
    tag_name = models.CharField(_("Tag"), max_length=80, editable=False)
    unit = models.CharField(_("Unit"), max_length=20, blank=True, editable=False)
    value = models.CharField(_("Value"), max_length=rules.MOST_TEXT)
    before = models.CharField(_("Value before"), max_length=rules.MOST_TEXT, blank=True, editable=False)
    read_back = models.CharField(_("Value read back"), max_length=rules.MOST_TEXT, blank=True, editable=False)
    reason = models.CharField(_("Reason"), max_length=200)
    agreed_by = models.ForeignKey(
        User, models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("Agreed by")
    )
    valid_until = models.DateTimeField(_("Valid until"), editable=False)
    sent_at = models.DateTimeField(_("Written at"), null=True, editable=False)
    settled_at = models.DateTimeField(_("Settled"), null=True, editable=False)
    problem = models.CharField(_("Problem"), max_length=1000, blank=True, editable=False)
    """Packed error: what kept it from being written or confirmed."""

    class Meta:
        verbose_name = _("command")
        verbose_name_plural = _("Commands to devices")
        ordering = ("-created_at", "-id")
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["device", "-created_at"], name="command_latest")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("setpoint", condition=models.Q(state="sending"), name="command_one_on_its_way")
        ]

    def __str__(self) -> str:
        return f"{self.tag_name} = {self.value} {self.unit}".strip()

    def get_problem_display(self) -> str:
        """What went wrong, in the reader's language."""
        return unpacked(self.problem, get_language())

    def agreed(self, user: User) -> None:
        """As :class:`CommandWorkflow` says."""
        self.agreed_by = user
        agreed.send(Command, command=self)

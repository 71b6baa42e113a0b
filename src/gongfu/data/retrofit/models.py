"""The machines of an enterprise, connected or not, and how things stood month by month."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import OwnedModel
from gongfu.platform.devices.models import Device, Place


class Machine(OwnedModel):
    """One machine: what it is, what it offers, what stands in the way, and the device when it is connected."""

    class Plan(models.TextChoices):
        """State of the retrofit, as people plan it."""

        NONE = "none", _("Not planned")
        PLANNED = "planned", _("Retrofit planned")
        RUNNING = "running", _("Under way")
        DONE = "done", _("Done")
        NEVER = "never", _("Not worth it")

    number = models.CharField(_("Machine number"), max_length=64, help_text=_("Asset number; for a device its key."))
    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    type = models.CharField(_("Type"), max_length=64, blank=True)
    place = models.ForeignKey(
        Place, models.PROTECT, null=True, blank=True, related_name="machines", verbose_name=_("Place")
    )
    year = models.PositiveSmallIntegerField(
        _("Year of manufacture"), null=True, blank=True, validators=[MinValueValidator(1900), MaxValueValidator(2200)]
    )
    controller = models.CharField(
        _("Controller"), max_length=80, blank=True, help_text=_("Empty: it has none, relays or a switch.")
    )
    interfaces = models.CharField(
        _("Interfaces"),
        max_length=120,
        blank=True,
        help_text=_("Any of ethernet, serial, pulse, stack_light, analogue, motor, with commas between them."),
    )
    plan = models.CharField(_("Retrofit"), max_length=8, choices=Plan.choices, default=Plan.NONE)
    obstacles = models.CharField(_("Obstacles"), max_length=500, blank=True)
    planned_on = models.DateField(_("Planned date"), null=True, blank=True)
    cost = models.DecimalField(
        _("Cost (CNY)"), max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    counts = models.BooleanField(
        _("Counts"), default=True, help_text=_("Instruments and meters are no machines: they are left out of rates.")
    )
    device = models.OneToOneField(
        Device, models.SET_NULL, null=True, blank=True, related_name="machine", verbose_name=_("Device")
    )

    class Meta:
        verbose_name = _("machine")
        verbose_name_plural = _("Machine inventory")
        ordering = ("organisation", "number")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "number", name="machine_number_once_in_organisation")
        ]

    def __str__(self) -> str:
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name


class Standing(OwnedModel):
    """The numbers of one organisation in one month, as they stood when last taken in that month."""

    month = models.DateField(_("Month"))
    """Its first day."""
    taken_at = models.DateTimeField(_("Taken"))
    machines = models.PositiveIntegerField(_("Number of machines"))
    connected = models.PositiveIntegerField(_("Connected"))
    on_cloud = models.PositiveIntegerField(_("On the cloud"))
    digital = models.PositiveIntegerField(_("With controller"))
    digital_connected = models.PositiveIntegerField(_("With controller, connected"))
    levels = models.JSONField(default=list)
    definition = models.DateField(_("Definition of"))
    """:attr:`gongfu.data.retrofit.rules.Definition.since`"""

    class Meta:
        verbose_name = _("standing of retrofit")
        verbose_name_plural = _("Standings of retrofit")
        ordering = ("organisation", "month")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "month", name="standing_once_a_month")
        ]

    def __str__(self) -> str:
        return f"{self.organisation} {self.month:%Y-%m}"

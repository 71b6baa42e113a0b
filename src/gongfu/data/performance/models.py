"""Calendars and shifts, why machines stood, what a machine can do at best, and rejects that people report."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.data.performance.rules import Loss
from gongfu.kernel.accounts.models import OwnedModel
from gongfu.platform.devices.models import Device, Place


def _named(thing: Shift | WorkCalendar | StopReason) -> str:
    return thing.name_en if thing.name_en and (get_language() or "").startswith("en") else thing.name


class WorkCalendar(OwnedModel):
    """When an organisation, or one place of it, works."""

    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    place = models.ForeignKey(
        Place,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="calendars",
        verbose_name=_("Place"),
        help_text=_("Holds for it and everything in it. Empty: for the whole organisation."),
    )
    holidays = models.BooleanField(
        _("Public holidays"), default=True, help_text=_("Public holidays of China are off, make-up days are worked.")
    )

    class Meta:
        verbose_name = _("work calendar")
        verbose_name_plural = _("Work calendars")
        ordering = ("organisation", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "place", name="calendar_once_a_place", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return _named(self)


class Shift(OwnedModel):
    """A shift of a calendar."""

    calendar = models.ForeignKey(WorkCalendar, models.CASCADE, related_name="shifts", verbose_name=_("Work calendar"))
    name = models.CharField(_("Name"), max_length=40)
    name_en = models.CharField(_("English name"), max_length=40, blank=True)
    begins = models.TimeField(_("Begins at"))
    ends = models.TimeField(_("Ends at"), help_text=_("Not later than the beginning: the next day."))
    breaks = models.CharField(_("Breaks"), max_length=200, blank=True, help_text=_("Such as 10:00-10:15, 12:00-13:00."))
    weekdays = models.CharField(
        _("Weekdays"), max_length=7, default="12345", help_text=_("1 is Monday, 7 is Sunday; the day it begins on.")
    )

    class Meta:
        verbose_name = _("shift")
        verbose_name_plural = _("Shifts")
        ordering = ("calendar", "begins")

    def __str__(self) -> str:
        return _named(self)


class CalendarDay(OwnedModel):
    """A day on which a calendar differs from its rule."""

    calendar = models.ForeignKey(WorkCalendar, models.CASCADE, related_name="days", verbose_name=_("Work calendar"))
    day = models.DateField(_("Day"))
    works = models.BooleanField(_("Worked"), default=False, help_text=_("Not ticked: the day is off."))
    why = models.CharField(_("Why"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("special day")
        verbose_name_plural = _("Special days")
        ordering = ("-day",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("calendar", "day", name="calendar_day_once")
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"


class PlannedStop(OwnedModel):
    """A time that a machine or a place is not meant to work: maintenance, a trial, no order."""

    device = models.ForeignKey(
        Device, models.CASCADE, null=True, blank=True, related_name="planned_stops", verbose_name=_("Device")
    )
    place = models.ForeignKey(
        Place, models.CASCADE, null=True, blank=True, related_name="planned_stops", verbose_name=_("Place")
    )
    begins = models.DateTimeField(_("From"), db_index=True)
    ends = models.DateTimeField(_("Until"))
    why = models.CharField(_("Why"), max_length=200)

    class Meta:
        verbose_name = _("planned stop")
        verbose_name_plural = _("Planned stops")
        ordering = ("-begins",)

    def __str__(self) -> str:
        return self.why


class StopReason(OwnedModel):
    """A reason an operator may give, and the loss it belongs to."""

    class Kind(models.TextChoices):
        """Losses a person can tell, :class:`gongfu.data.performance.rules.Loss`."""

        BREAKDOWN = Loss.BREAKDOWN.value, _("Breakdown")
        SETUP = Loss.SETUP.value, _("Set-up and adjustment")
        IDLING = Loss.IDLING.value, _("Waiting and minor stops")
        OFF = Loss.OFF.value, _("Switched off")
        PLANNED = Loss.PLANNED.value, _("Planned, no loss")

    name = models.CharField(_("Name"), max_length=40)
    name_en = models.CharField(_("English name"), max_length=40, blank=True)
    loss = models.CharField(_("Kind of loss"), max_length=10, choices=Kind.choices, default=Kind.IDLING)
    position = models.PositiveSmallIntegerField(_("Order in the list"), default=0)

    class Meta:
        verbose_name = _("stop reason")
        verbose_name_plural = _("Stop reasons")
        ordering = ("organisation", "position", "name")

    def __str__(self) -> str:
        return _named(self)


class Stop(OwnedModel):
    """A stop for which somebody gave the reason."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="stops", verbose_name=_("Device"))
    begins = models.DateTimeField(_("From"), db_index=True)
    ends = models.DateTimeField(_("Until"))
    state = models.CharField(_("State"), max_length=10)
    """What the machine said for longest, a category of the information models."""
    reason = models.ForeignKey(StopReason, models.PROTECT, related_name="stops", verbose_name=_("Reason"))
    note = models.CharField(_("Note"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("classified stop")
        verbose_name_plural = _("Classified stops")
        ordering = ("-begins",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("device", "begins", name="stop_classified_once")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["device", "begins"], name="stop_of_device")]

    def __str__(self) -> str:
        return str(self.reason)


class Capability(OwnedModel):
    """What a machine can do at best, and where its figures come from; empty fields follow the information model."""

    device = models.OneToOneField(Device, models.CASCADE, related_name="capability", verbose_name=_("Device"))
    cycle = models.FloatField(
        _("Ideal cycle (s)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.001), MaxValueValidator(1e6)],
        help_text=_("Seconds a piece takes at best. Empty: estimated from the best shift of the last 30 days."),
    )
    pieces = models.FloatField(
        _("Pieces per count"), default=1.0, validators=[MinValueValidator(0.001), MaxValueValidator(1e6)]
    )
    target = models.FloatField(
        _("Target OEE (%)"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    state_tag = models.CharField(_("State tag"), max_length=64, blank=True)
    count_tag = models.CharField(_("Counter of pieces"), max_length=64, blank=True)
    reject_tag = models.CharField(_("Counter of rejects"), max_length=64, blank=True)
    energy_tag = models.CharField(_("Energy tag"), max_length=64, blank=True)
    product_tag = models.CharField(_("Product tag"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("machine capability")
        verbose_name_plural = _("Machine capabilities")
        ordering = ("organisation", "device")

    def __str__(self) -> str:
        return str(self.device)


class Cycle(OwnedModel):
    """The ideal cycle of one product on one machine."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="cycles", verbose_name=_("Device"))
    product = models.CharField(
        _("Product"), max_length=120, help_text=_("As the product tag says it, such as the program's name.")
    )
    seconds = models.FloatField(_("Ideal cycle (s)"), validators=[MinValueValidator(0.001), MaxValueValidator(1e6)])

    class Meta:
        verbose_name = _("ideal cycle of a product")
        verbose_name_plural = _("Ideal cycles of products")
        ordering = ("device", "product")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("device", "product", name="cycle_once_a_product")
        ]

    def __str__(self) -> str:
        return self.product


class Reject(OwnedModel):
    """Rejects that somebody reported, where no tag counts them; 0 says that there were none."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="rejects", verbose_name=_("Device"))
    at = models.DateTimeField(_("When"), db_index=True)
    quantity = models.FloatField(_("Rejects"), validators=[MinValueValidator(0), MaxValueValidator(1e9)])
    start_up = models.BooleanField(_("While starting up"), default=False)
    why = models.CharField(_("Why"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("reported reject")
        verbose_name_plural = _("Reported rejects")
        ordering = ("-at",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["device", "at"], name="reject_of_device")]

    def __str__(self) -> str:
        return f"{self.quantity:g}"

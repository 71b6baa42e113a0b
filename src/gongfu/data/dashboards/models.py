"""Dashboards with their versions and pictures, and reports made of them by the clock."""

from __future__ import annotations

import secrets
from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.data.access.rules import Every
from gongfu.data.alarms.models import Outlet
from gongfu.kernel.accounts.models import Organisation, OwnedModel, OwnedQuerySet, User
from gongfu.platform.devices.models import Device


def _key() -> str:
    return secrets.token_urlsafe(16)


class DashboardQuerySet(OwnedQuerySet["Dashboard"]):
    """Dashboards."""

    def visible_to(self, user: User) -> Self:
        """One's own, and those that are shared with a visible organisation."""
        if user.is_superuser:
            return self
        owned = self.filter(organisation__in=Organisation.objects.visible_to(user).values("pk"))
        return owned.filter(Q(share=Dashboard.Share.ORGANISATION) | Q(created_by=user))


class Dashboard(OwnedModel):
    """A page of widgets. What it shows of readings depends on who looks at it."""

    class Share(models.TextChoices):
        """Who may open it."""

        PRIVATE = "private", _("Only me")
        LINK = "link", _("Colleagues who have the link")
        ORGANISATION = "organisation", _("Everybody of the organisation")

    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    folder = models.CharField(
        _("Folder"), max_length=120, blank=True, help_text=_("Such as Workshop 1/Presses; empty: at the top.")
    )
    share = models.CharField(_("Shared with"), max_length=12, choices=Share.choices, default=Share.ORGANISATION)
    starred = models.BooleanField(
        _("On the start page"), default=False, help_text=_("Everybody who may open it finds it on the start page.")
    )
    document = models.TextField(default="{}", editable=False)
    """JSON of :class:`gongfu.data.dashboards.rules.Document`."""
    version = models.PositiveIntegerField(_("Version"), default=1, editable=False)
    key = models.CharField(max_length=32, default=_key, unique=True, editable=False)
    """What its link ends with."""

    objects = DashboardQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("dashboard")
        verbose_name_plural = _("Dashboards")
        ordering = ("folder", "name")

    def __str__(self) -> str:
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name


class DashboardVersion(models.Model):
    """A dashboard as it was saved."""

    dashboard = models.ForeignKey(Dashboard, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.TextField()
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("version of a dashboard")
        verbose_name_plural = _("versions of dashboards")
        ordering = ("-number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("dashboard", "number", name="dashboard_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.dashboard} {self.number}"


class Picture(OwnedModel):
    """A drawing or photograph on which values stand."""

    name = models.CharField(_("Name"), max_length=80)
    media = models.CharField(max_length=40)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")

    def __str__(self) -> str:
        return self.name


class Report(OwnedModel):
    """A dashboard written to a PDF again and again."""

    class Often(models.TextChoices):
        """:class:`gongfu.data.access.rules.Every` without the hour."""

        DAY = Every.DAY.value, _("Every day")
        WEEK = Every.WEEK.value, _("Every week")
        MONTH = Every.MONTH.value, _("Every month")

    class Language(models.TextChoices):
        """Language of the report."""

        CHINESE = "zh-hans", "简体中文"
        ENGLISH = "en", "English"

    name = models.CharField(_("Name"), max_length=80)
    dashboard = models.ForeignKey(Dashboard, models.CASCADE, related_name="reports", verbose_name=_("Dashboard"))
    device = models.ForeignKey(
        Device,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Device"),
        help_text=_("For a dashboard on which a device is chosen."),
    )
    language = models.CharField(_("Language"), max_length=10, choices=Language.choices, default=Language.CHINESE)
    every = models.CharField(
        _("How often"),
        max_length=8,
        choices=Often.choices,
        default=Often.DAY,
        help_text=_("Each report covers the whole day, week or month before."),
    )
    hour = models.PositiveSmallIntegerField(_("Hour"), default=6, validators=[MaxValueValidator(23)])
    minute = models.PositiveSmallIntegerField(_("Minute"), default=0, validators=[MaxValueValidator(59)])
    day = models.PositiveSmallIntegerField(
        _("Day"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(28)],
        help_text=_("Of the week (1: Monday) or of the month (1 to 28)."),
    )
    keep = models.PositiveSmallIntegerField(
        _("Reports kept"), default=60, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    outlet = models.ForeignKey(
        Outlet,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Told through"),
        help_text=_("A notification outlet that gets the link to each report."),
    )
    active = models.BooleanField(_("Active"), default=True)
    next_at = models.DateTimeField(_("Next report"), null=True, editable=False, db_index=True)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("Scheduled reports")
        ordering = ("organisation", "name")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A day of the week ends at seven; nothing of another organisation."""
        if self.every == Every.WEEK.value and self.day > 7:
            raise ValidationError({"day": _("A week has seven days.")})


class ReportRun(OwnedModel):
    """One report that was made, or why it was not."""

    class State(models.TextChoices):
        """Where it stands."""

        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    report = models.ForeignKey(Report, models.CASCADE, related_name="runs", verbose_name=_("report"))
    state = models.CharField(_("State"), max_length=8, choices=State.choices, default=State.RUNNING)
    begins_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    file = models.CharField(_("File"), max_length=120, blank=True)
    """Name below the folder of the report."""
    size = models.PositiveBigIntegerField(_("Size"), default=0)
    error = models.CharField(_("Error"), max_length=1000, blank=True)
    told = models.CharField(_("Told"), max_length=500, blank=True)
    """Why the outlet did not take the message, packed; empty when it did."""

    class Meta:
        verbose_name = _("report made")
        verbose_name_plural = _("Reports made")
        ordering = ("-ends_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("report", "ends_at", name="report_period_once")
        ]

    def __str__(self) -> str:
        return self.file or f"{self.report} {self.ends_at:%Y-%m-%d}"

"""Queries that people keep, what they asked lately, and exports by the clock."""

from __future__ import annotations

from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gongfu.data.access import rules
from gongfu.kernel.accounts.models import Organisation, OwnedModel, OwnedQuerySet, User

MAX_SQL = 20_000


class SavedQueryQuerySet(OwnedQuerySet["SavedQuery"]):
    """Saved queries."""

    def visible_to(self, user: User) -> Self:
        """One's own, and those that somebody of a visible organisation shares."""
        if user.is_superuser:
            return self
        shared = Q(shared=True, organisation__in=Organisation.objects.visible_to(user).values("pk"))
        return self.filter(shared | Q(created_by=user))


class SavedQuery(OwnedModel):
    """A query with a name and, when it was drawn, how."""

    name = models.CharField(_("name"), max_length=80)
    sql = models.TextField(_("SQL"), max_length=MAX_SQL)
    shared = models.BooleanField(
        _("shared"), default=False, help_text=_("Everybody of the organisation may use it; only you may change it.")
    )
    chart = models.CharField(max_length=200, blank=True, editable=False)
    """``kind:x:y,y`` with names of columns, empty for a table."""

    objects = SavedQueryQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ("name",)
        verbose_name = _("saved query")
        verbose_name_plural = _("saved queries")

    def __str__(self) -> str:
        return self.name


class Asked(models.Model):
    """One run of a query in the console, for its author's history."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    sql = models.TextField(max_length=MAX_SQL)
    at = models.DateTimeField(auto_now_add=True)
    milliseconds = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-at",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["user", "-at"], name="asked_lately")]

    def __str__(self) -> str:
        return self.sql[:60]


class Export(OwnedModel):
    """What is written to a file again and again."""

    class EveryChoice(models.TextChoices):
        """:class:`gongfu.data.access.rules.Every` with its names."""

        HOUR = rules.Every.HOUR.value, _("Every hour")
        DAY = rules.Every.DAY.value, _("Every day")
        WEEK = rules.Every.WEEK.value, _("Every week")
        MONTH = rules.Every.MONTH.value, _("Every month")

    class FormatChoice(models.TextChoices):
        """:class:`gongfu.data.access.rules.Format` with its names."""

        CSV = rules.Format.CSV.value, "CSV"
        PARQUET = rules.Format.PARQUET.value, "Parquet"
        XLSX = rules.Format.XLSX.value, "Excel"

    name = models.CharField(_("name"), max_length=80)
    tags = models.CharField(
        _("tags"),
        max_length=2000,
        blank=True,
        help_text=_("Keys such as PUMP-01/flow with commas between them; PUMP-01/* for all tags of a device."),
    )
    sql = models.TextField(
        _("SQL"),
        max_length=MAX_SQL,
        blank=True,
        help_text=_("Instead of tags. {from:DateTime64(3)} and {to:DateTime64(3)} stand for the period."),
    )
    format = models.CharField(_("format"), max_length=8, choices=FormatChoice.choices, default=FormatChoice.CSV)
    every = models.CharField(
        _("how often"),
        max_length=8,
        choices=EveryChoice.choices,
        default=EveryChoice.DAY,
        help_text=_("Each file covers the whole hour, day, week or month before."),
    )
    hour = models.PositiveSmallIntegerField(_("hour"), default=1, validators=[MaxValueValidator(23)])
    minute = models.PositiveSmallIntegerField(_("minute"), default=10, validators=[MaxValueValidator(59)])
    day = models.PositiveSmallIntegerField(
        _("day"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(28)],
        help_text=_("Of the week (1: Monday) or of the month (1 to 28)."),
    )
    keep = models.PositiveSmallIntegerField(
        _("files kept"), default=30, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    active = models.BooleanField(_("active"), default=True)
    next_at = models.DateTimeField(_("next run"), null=True, editable=False, db_index=True)

    class Meta:
        ordering = ("organisation", "name")
        verbose_name = _("scheduled export")
        verbose_name_plural = _("scheduled exports")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Either tags or SQL; a day of the week ends at seven."""
        if bool(self.tags.strip()) == bool(self.sql.strip()):
            raise ValidationError({"tags": _("Give either tags or SQL.")})
        if self.every == rules.Every.WEEK.value and self.day > 7:
            raise ValidationError({"day": _("A week has seven days.")})


class ExportRun(OwnedModel):
    """One file of an export, or why there is none."""

    class State(models.TextChoices):
        """Where it stands."""

        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    export = models.ForeignKey(Export, models.CASCADE, related_name="runs", verbose_name=_("scheduled export"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.RUNNING)
    begins_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    file = models.CharField(_("file"), max_length=120, blank=True)
    """Name below the folder of the export."""
    rows = models.PositiveBigIntegerField(_("rows"), default=0)
    size = models.PositiveBigIntegerField(_("size"), default=0)
    """Octets."""
    error = models.CharField(_("error"), max_length=1000, blank=True)

    class Meta:
        ordering = ("-ends_at", "-pk")
        verbose_name = _("export run")
        verbose_name_plural = _("export runs")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["export", "ends_at"], name="export_period_once")
        ]

    def __str__(self) -> str:
        return self.file or f"{self.export} {self.ends_at:%Y-%m-%d %H:%M}"

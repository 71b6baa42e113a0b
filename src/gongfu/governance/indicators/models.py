"""Plans that follow a document, their indicators, who reports, what was reported, signed and counted."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.governance.indicators import catalogue
from gongfu.kernel.accounts.models import Organisation, OwnedModel, User


class Plan(OwnedModel):
    """An organisation follows a document."""

    document = models.CharField(_("Document"), max_length=60)
    """:attr:`gongfu.governance.indicators.catalogue.Document.key`"""
    scope = models.ForeignKey(
        Organisation,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Counts within"),
        help_text=_("Measured figures count what belongs to this organisation and to those below it."),
    )
    years_later = models.PositiveSmallIntegerField(
        _("Years later"),
        default=0,
        validators=[MaxValueValidator(50)],
        help_text=_("The document's years are moved by so many: for a plan that repeats it, or a demonstration."),
    )

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("Plans")
        ordering = ("organisation", "-document")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "document", name="document_followed_once")
        ]

    def __str__(self) -> str:
        return self.text.called(get_language() or "")

    @property
    def text(self) -> catalogue.Document:
        """The document; raises :class:`gongfu.kernel.errors.NotFound` when this version of the software lacks it."""
        return catalogue.document(self.document)

    @property
    def within(self) -> Organisation:
        """Whose things measured figures count: its own organisation's, unless another was named."""
        return self.scope or self.organisation

    @property
    def begins(self) -> dt.date:
        """From when time is counted."""
        since = self.text.since
        return dt.date(since.year + self.years_later, since.month, since.day)


class Indicator(OwnedModel):
    """One target of a plan, and where its figure comes from. The organisation is the plan's."""

    class Source(models.TextChoices):
        """Where figures come from."""

        MEASURED = "measured", _("Measured on this node")
        REPORTED = "reported", _("Reported")
        IMPORTED = "imported", _("Imported table")

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="indicators", verbose_name=_("plan"))
    target = models.CharField(_("Target"), max_length=20)
    position = models.PositiveSmallIntegerField(default=0)
    source = models.CharField(_("Source"), max_length=10, choices=Source.choices, default=Source.REPORTED)
    measure = models.CharField(_("Measure"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("task indicator")
        verbose_name_plural = _("Task indicators")
        ordering = ("plan", "position")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("plan", "target", name="target_once_in_plan")
        ]

    def __str__(self) -> str:
        return self.words.called(get_language() or "")

    @property
    def words(self) -> catalogue.Target:
        """What the document says."""
        return self.plan.text.find(self.target)


class Assignment(OwnedModel):
    """Who reports a figure, and by when. The organisation is the one that reports."""

    class Rhythm(models.TextChoices):
        """:class:`gongfu.governance.indicators.rules.Every` with its names."""

        MONTH = "month", _("Every month")
        QUARTER = "quarter", _("Every quarter")
        YEAR = "year", _("Every year")

    indicator = models.ForeignKey(
        Indicator, models.CASCADE, related_name="assignments", verbose_name=_("task indicator")
    )
    every = models.CharField(_("Rhythm"), max_length=8, choices=Rhythm.choices, default=Rhythm.MONTH)
    days = models.PositiveSmallIntegerField(
        _("Days to report"),
        default=10,
        validators=[MaxValueValidator(90)],
        help_text=_("So many days after the end of the period; the last of them counts until midnight."),
    )
    contact = models.CharField(_("Person in charge"), max_length=80, blank=True)
    since = models.DateField(_("First day"), help_text=_("Periods that ended before are not asked for."))

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("Who reports")
        ordering = ("indicator", "organisation")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("indicator", "organisation", name="one_assignment_of_an_organisation")
        ]

    def __str__(self) -> str:
        return f"{self.organisation}: {self.indicator}"


class Report(OwnedModel):
    """A figure as somebody stated it, or a table of records. It counts once a second person has signed."""

    class State(models.TextChoices):
        """How far it is."""

        REPORTED = "reported", _("Waiting for signature")
        SIGNED = "signed", _("Signed")
        RETURNED = "returned", _("Sent back")
        SUPERSEDED = "superseded", _("Corrected later")

    assignment = models.ForeignKey(Assignment, models.PROTECT, related_name="reports", verbose_name=_("assignment"))
    as_of = models.DateField(_("Date of the figure"))
    value = models.DecimalField(_("Figure"), max_digits=20, decimal_places=4)
    """For a table: the sum of its amounts."""
    table = models.BooleanField(default=False, editable=False)
    """Whether its records add to what is there already; otherwise the value is how things stand."""
    evidence = models.TextField(_("Evidence"), max_length=4000)
    note = models.TextField(_("Remark"), max_length=2000, blank=True)
    state = models.CharField(_("State"), max_length=12, choices=State.choices, default=State.REPORTED, editable=False)
    signed_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    signed_at = models.DateTimeField(_("Signed at"), null=True, editable=False)
    reason = models.CharField(_("Reason"), max_length=500, blank=True, editable=False)
    corrects = models.ForeignKey("self", models.PROTECT, null=True, editable=False, related_name="corrections")

    class Meta:
        verbose_name = _("report of a figure")
        verbose_name_plural = _("Reported figures")
        ordering = ("-as_of", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["assignment", "as_of"],
                condition=Q(state="reported", table=False),
                name="one_report_waits_for_a_day",
            ),
            models.UniqueConstraint(
                fields=["assignment", "as_of"], condition=Q(state="signed", table=False), name="one_signed_for_a_day"
            ),
            models.CheckConstraint(condition=Q(value__gte=0), name="figure_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.assignment.indicator} {self.as_of:%Y-%m-%d}"


class Record(models.Model):
    """One thing behind a figure: an enterprise, a project, a certificate. Seen through its report or its indicator."""

    report = models.ForeignKey(Report, models.CASCADE, related_name="records")
    indicator = models.ForeignKey(Indicator, models.CASCADE, related_name="+")
    day = models.DateField(_("Date"))
    name = models.CharField(_("Name"), max_length=120)
    code = models.CharField(_("Code of the thing"), max_length=40, blank=True)
    amount = models.DecimalField(_("Amount"), max_digits=20, decimal_places=4, default=1)
    paper = models.CharField(_("Paper"), max_length=200, blank=True)
    counts = models.BooleanField(default=False)
    """Whether its report is signed."""

    class Meta:
        verbose_name = _("record")
        verbose_name_plural = _("Single records")
        ordering = ("indicator", "day", "pk")
        indexes: ClassVar[list[models.Index]] = [
            # Partial: Django asks WHERE counts, not counts = 1, and such a question no column of an index answers.
            models.Index(fields=["indicator", "day", "id"], condition=Q(counts=True), name="records_of_an_indicator"),
            models.Index(fields=["indicator", "code"], condition=Q(counts=True), name="records_by_code"),
        ]

    def __str__(self) -> str:
        return self.name


class Tally(models.Model):
    """The signed records of one indicator in one month: sum and number. What pages read instead of millions."""

    indicator = models.ForeignKey(Indicator, models.CASCADE, related_name="tallies")
    month = models.DateField()
    amount = models.DecimalField(max_digits=24, decimal_places=4)
    records = models.PositiveBigIntegerField()

    class Meta:
        ordering = ("indicator", "month")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("indicator", "month", name="tally_once_a_month")
        ]


class Figure(OwnedModel):
    """What an indicator was at the end of a month, or when last taken in it. The organisation is the plan's."""

    indicator = models.ForeignKey(Indicator, models.CASCADE, related_name="figures")
    month = models.DateField(_("Month"))
    """Its first day."""
    value = models.DecimalField(_("Figure"), max_digits=24, decimal_places=4)
    taken_on = models.DateField(_("Date of the figure"))

    class Meta:
        verbose_name = _("figure")
        verbose_name_plural = _("Figures")
        ordering = ("indicator", "month")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("indicator", "month", name="figure_once_a_month")
        ]


class Reminder(models.Model):
    """That somebody was reminded of a report, once for each step before and after it was due."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="reminders")
    period = models.DateField()
    """Last day of the period."""
    days = models.SmallIntegerField()
    """One of :data:`gongfu.governance.indicators.rules.REMIND_DAYS`"""
    told_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-told_at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("assignment", "period", "days", name="reminded_once")
        ]

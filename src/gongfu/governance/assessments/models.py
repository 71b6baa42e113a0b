"""Assessments with their answers and evidence; weights an authority has set; providers it knows."""

from __future__ import annotations

import secrets
from typing import ClassVar, Self

from django.core.files.storage import FileSystemStorage
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.governance.assessments import questions
from gongfu.governance.assessments.scoring import Given
from gongfu.governance.support.permissions import offices_of
from gongfu.kernel.accounts.models import Organisation, OwnedModel, OwnedQuerySet, User
from gongfu.kernel.settings import settings


class Size(models.TextChoices):
    """工信部联企业〔2011〕300号: four sizes."""

    LARGE = "large", _("Large")
    MEDIUM = "medium", _("Medium-sized")
    SMALL = "small", _("Small")
    MICRO = "micro", _("Micro")


class AssessmentQuerySet(OwnedQuerySet["Assessment"]):
    """Assessments."""

    def visible_to(self, user: User) -> Self:
        """One's own organisations', and what was handed in to an office one is an official of, or to oneself."""
        if user.is_superuser:
            return self
        mine = Organisation.objects.visible_to(user).values("pk")
        offices = [one.pk for one in offices_of(user)]
        handed_in = (Q(office__in=offices) | Q(diagnostician=user)) & ~Q(state=Assessment.State.DRAFT)
        return self.filter(Q(organisation__in=mine) | handed_in)


class Assessment(OwnedModel):
    """A questionnaire that an enterprise answers for a year. The organisation is the enterprise."""

    class State(models.TextChoices):
        """How far it is."""

        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("In review")
        RETURNED = "returned", _("Sent back")
        ACCEPTED = "accepted", _("Passed review")
        REPLACED = "replaced", _("Replaced by a later one")

    questionnaire = models.CharField(_("Questionnaire"), max_length=40)
    """:attr:`gongfu.governance.assessments.questions.Questionnaire.key`"""
    year = models.PositiveSmallIntegerField(_("Year"), validators=[MinValueValidator(2000), MaxValueValidator(2100)])
    version = models.PositiveSmallIntegerField(_("Version"), default=1, editable=False)
    """Counts within the year."""
    industry = models.CharField(_("Industry"), max_length=8)
    """Section and division of GB/T 4754, C34."""
    size = models.CharField(_("Size of the enterprise"), max_length=8, choices=Size.choices)
    state = models.CharField(_("State"), max_length=10, choices=State.choices, default=State.DRAFT, editable=False)
    office = models.ForeignKey(
        Organisation, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Handed in to")
    )
    diagnostician = models.ForeignKey(
        User,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Diagnostician"),
        help_text=_("Reviews it for the office."),
    )
    submitted_at = models.DateTimeField(_("Handed in at"), null=True, editable=False)
    submitted_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    reviewed_at = models.DateTimeField(_("Reviewed at"), null=True, editable=False)
    reviewed_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    remark = models.TextField(_("Remark of the review"), max_length=2000, blank=True, editable=False)
    weights = models.JSONField(default=dict, editable=False)
    """Dimension → weight as text, as they were when it was handed in."""
    scores = models.JSONField(default=dict, editable=False)
    """Dimension → score as text; empty while it is a draft."""
    total = models.DecimalField(_("Score"), max_digits=5, decimal_places=2, null=True, editable=False)
    stage = models.CharField(_("Stage"), max_length=20, blank=True, editable=False)

    objects = AssessmentQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("assessment")
        verbose_name_plural = _("Assessments")
        ordering = ("-year", "questionnaire", "-version")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "questionnaire", "year", "version", name="assessment_version_once"),
            models.UniqueConstraint(
                fields=["organisation", "questionnaire", "year"],
                condition=Q(state__in=["draft", "submitted", "returned"]),
                name="one_open_assessment_a_year",
            ),
            models.UniqueConstraint(
                fields=["organisation", "questionnaire", "year"],
                condition=Q(state="accepted"),
                name="one_accepted_assessment_a_year",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["questionnaire", "state", "year"], name="assessments_to_compare"),
            models.Index(fields=["office", "state"], name="assessments_of_an_office"),
        ]

    def __str__(self) -> str:
        found = self.asked
        title = found.title_en if (get_language() or "").startswith("en") else found.title
        return f"{self.year} {title}"

    @property
    def asked(self) -> questions.Questionnaire:
        """The questionnaire as it came with the software; raises :class:`~gongfu.kernel.errors.NotFound`."""
        return questions.by_key(self.questionnaire)

    @property
    def is_open(self) -> bool:
        """Whether its enterprise may still write in it."""
        return self.state in (self.State.DRAFT, self.State.RETURNED)


class Answer(models.Model):
    """The answer to one question, what was proposed and what a review made of it. Seen through its assessment."""

    assessment = models.ForeignKey(Assessment, models.CASCADE, related_name="answers")
    question = models.CharField(max_length=20)
    value = models.CharField(max_length=40, blank=True)
    applies = models.BooleanField(default=True)
    reason = models.CharField(max_length=500, blank=True)
    """Why it does not apply."""
    note = models.CharField(max_length=1000, blank=True)
    proposed = models.CharField(max_length=40, blank=True)
    proposed_from = models.CharField(max_length=20, blank=True)
    """A key of :data:`gongfu.governance.assessments.measured.FACTS`, or ``last``: the assessment before."""
    proposed_at = models.DateTimeField(null=True)
    confirmed = models.BooleanField(default=False)
    """Whether a person took the proposal as it was."""
    stated = models.CharField(max_length=40, blank=True)
    """What the enterprise had answered, where a review corrected it; ``-`` for: does not apply."""
    correction = models.CharField(max_length=500, blank=True)
    """The reviewer's reason."""
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("assessment", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("assessment", "question", name="answer_once")
        ]

    def __str__(self) -> str:
        return self.question

    @property
    def given(self) -> Given:
        """As the scoring knows it."""
        return Given(self.value, applies=self.applies, reason=self.reason)


def _files() -> FileSystemStorage:
    """Below home, outside what the console serves, readable by the node's user only."""
    folder = settings().path("files", "assessments")
    return FileSystemStorage(
        location=folder, base_url=None, file_permissions_mode=0o600, directory_permissions_mode=0o700
    )


def _stored_name(_instance: models.Model, filename: str) -> str:
    return f"{secrets.token_hex(16)}.{filename.rpartition('.')[2].lower()[:4]}"


class Evidence(OwnedModel):
    """A paper or a link that an answer rests on. The organisation is the enterprise."""

    assessment = models.ForeignKey(Assessment, models.CASCADE, related_name="evidence")
    question = models.CharField(max_length=20)
    name = models.CharField(_("Name"), max_length=120)
    link = models.CharField(_("Link"), max_length=500, blank=True)
    file = models.FileField(_("File"), storage=_files, upload_to=_stored_name, max_length=100, blank=True)
    media_type = models.CharField(max_length=100, blank=True)
    size = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    """SHA-256."""

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("Evidence")
        ordering = ("assessment", "pk")

    def __str__(self) -> str:
        return self.name


class Weighting(OwnedModel):
    """Weights of dimensions that an authority has set; the newest that has begun counts."""

    questionnaire = models.CharField(_("Questionnaire"), max_length=40)
    weights = models.JSONField(_("Weights"))
    """Dimension → weight as text."""
    since = models.DateField(_("In force from"))
    reason = models.CharField(_("Reason"), max_length=500)

    class Meta:
        verbose_name = _("weights of a questionnaire")
        verbose_name_plural = _("Weights of questionnaires")
        ordering = ("-since", "-pk")

    def __str__(self) -> str:
        return f"{self.questionnaire} {self.since:%Y-%m-%d}"


class Provider(OwnedModel):
    """A service provider that an authority knows. The organisation is the authority."""

    class Topic(models.TextChoices):
        """:data:`gongfu.governance.assessments.questions.Topic` with its names."""

        CONNECTION = "connection", _("Connecting machines")
        CLOUD = "cloud", _("Cloud and platform")
        SOFTWARE = "software", _("Industrial software")
        INTEGRATION = "integration", _("Integration of systems")
        IDENTIFIERS = "identifiers", _("Identifiers and tracing")
        DATA = "data", _("Use of data")
        SECURITY = "security", _("Industrial security")
        PEOPLE = "people", _("Training")
        STANDARD = "standard", _("Certification")
        ENERGY = "energy", _("Energy management")

    name = models.CharField(_("Name"), max_length=120)
    topic = models.CharField(_("What it helps with"), max_length=12, choices=Topic.choices)
    offers = models.CharField(_("Services offered"), max_length=300, blank=True)
    contact = models.CharField(_("Contact"), max_length=120, blank=True)
    link = models.URLField(_("Link"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("service provider")
        verbose_name_plural = _("Service providers")
        ordering = ("topic", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "name", "topic", name="provider_once_a_topic")
        ]

    def __str__(self) -> str:
        return self.name

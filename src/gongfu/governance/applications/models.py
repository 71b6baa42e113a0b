"""Notices, applications, public notices; what is kept beside an application stands in :mod:`.records`."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gongfu.governance.applications.clock import end_of, today
from gongfu.governance.applications.procedure import ENDED, MOVES, NAMES, OPEN, OPTIONAL, State, kept_days
from gongfu.governance.applications.records import (
    AccountChange,
    Attachment,
    Instalment,
    Objection,
    Opinion,
    Step,
)
from gongfu.governance.support.models import Beneficiary
from gongfu.governance.support.permissions import offices_of
from gongfu.kernel.accounts.models import Organisation, OwnedModel, OwnedQuerySet, User
from gongfu.kernel.i18n import translate
from gongfu.kernel.workdays.rules import CHINA

__all__ = [
    "AccountChange",
    "Application",
    "Attachment",
    "Instalment",
    "Notice",
    "Objection",
    "Opinion",
    "Publication",
    "Step",
]


class NoticeQuerySet(OwnedQuerySet["Notice"]):
    """Notices."""

    def public(self) -> Self:
        """What everybody may read, signed in or not."""
        return self.filter(state=Notice.Standing.PUBLISHED)

    def visible_to(self, user: User) -> Self:
        """Those that are public, and the drafts of one's own offices."""
        if user.is_superuser:
            return self
        return self.filter(Q(state=Notice.Standing.PUBLISHED) | Q(organisation__in=offices_of(user)))


class Notice(OwnedModel):
    """An invitation to apply (申报通知); ``organisation`` is the office that decides and keeps the ledger."""

    class Standing(models.TextChoices):
        """Whether people see it."""

        DRAFT = "draft", _("Draft notice")
        PUBLISHED = "published", _("Published")
        CANCELLED = "cancelled", _("Cancelled")

    state = models.CharField(
        _("State"), max_length=10, choices=Standing.choices, default=Standing.DRAFT, editable=False
    )
    number = models.CharField(_("Number of the notice"), max_length=60, help_text=_("As 青科委〔2026〕18号."))
    title = models.CharField(_("Title"), max_length=120)
    text = models.TextField(_("Body text"), max_length=20_000, help_text=_("Who may apply for what, and how."))
    family = models.CharField(_("Document"), max_length=40)
    """Family of the scheme."""
    clauses = models.JSONField(_("Clauses"), default=list)
    """Keys of the clauses that can be applied for."""
    audience = models.CharField(_("For whom"), max_length=300, blank=True)
    opens_on = models.DateField(_("Opens on"))
    closes_on = models.DateField(_("Closes on"), help_text=_("In time until 24:00 of this day, Beijing time."))
    papers = models.JSONField(_("Papers"), default=list)
    """What has to be attached, as ``[key, title]``."""
    left_out = models.JSONField(_("Stages left out"), default=list)
    days = models.JSONField(_("Working days of the stages"), default=dict)
    inspected = models.BooleanField(
        _("Final inspection"), default=False, help_text=_("The last instalment is paid after it.")
    )
    lapses = models.BooleanField(
        _("What is not completed in time counts as withdrawn"),
        default=True,
        help_text=_("By itself, when the days for it are over. Otherwise an official decides."),
    )
    """逾期未补正, as 政府信息公开条例 第三十条 has it for requests: 视为放弃申请. 青浦附件2 leaves it to the notice."""
    departments = models.ManyToManyField(
        Organisation, blank=True, related_name="+", verbose_name=_("Departments that check along")
    )
    deliberates = models.CharField(_("Who deliberates"), max_length=120, blank=True)
    contact = models.CharField(_("Contact"), max_length=200, blank=True)
    published_at = models.DateTimeField(_("Published at"), null=True, editable=False)
    published_by = models.ForeignKey(
        User, models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("Published by")
    )

    objects = NoticeQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("notice of support")
        verbose_name_plural = _("Notices of support")
        ordering = ("-opens_on", "-pk")

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """It does not close before it opens."""
        if self.opens_on and self.closes_on and self.closes_on < self.opens_on:
            raise ValidationError({"closes_on": _("It closes before it opens.")})

    @property
    def deadline(self) -> dt.datetime:
        """The last moment in time."""
        return end_of(self.closes_on)

    @property
    def is_open(self) -> bool:
        """Whether an application can come in now."""
        return self.state == self.Standing.PUBLISHED and self.opens_on <= today() and timezone.now() <= self.deadline

    @property
    def stage_days(self) -> dict[State, int]:
        """Working days of every stage."""
        return kept_days(self.days)

    @property
    def stages_left_out(self) -> list[str]:
        """Stages it goes without; no departments, no joint check."""
        return [one for one in OPTIONAL if one in self.left_out]


class Publication(OwnedModel):
    """A public notice of what is to be supported (公示); everybody may object while it lasts."""

    notice = models.ForeignKey(Notice, models.PROTECT, related_name="publications", verbose_name=_("notice of support"))
    title = models.CharField(_("Title"), max_length=120)
    text = models.TextField(_("Body text"), max_length=4000, blank=True)
    begins_on = models.DateField(_("Begins on"))
    ends_on = models.DateField(_("Ends on"), help_text=_("Until 24:00 of this day, Beijing time."))

    class Meta:
        verbose_name = _("public notice")
        verbose_name_plural = _("Public notices")
        ordering = ("-begins_on", "-pk")

    def __str__(self) -> str:
        return self.title

    @property
    def over(self) -> bool:
        """Whether its last day has ended."""
        return timezone.now() > end_of(self.ends_on)


class ApplicationQuerySet(OwnedQuerySet["Application"]):
    """Applications."""

    def visible_to(self, user: User) -> Self:
        """One's own; for officials those handed in at their office; for departments those they were asked about.

        What a user may not know of is not found.
        """
        if user.is_superuser:
            return self
        mine = Organisation.objects.visible_to(user).values("pk")
        handed_in = self.model._default_manager.exclude(state=State.DRAFT).filter(submitted_at__isnull=False)
        asked = Opinion.objects.filter(organisation__in=direct(user)).values("application")
        theirs = handed_in.filter(Q(notice__organisation__in=offices_of(user)) | Q(assignee=user) | Q(pk__in=asked))
        return self.filter(Q(organisation__in=mine) | Q(pk__in=theirs.values("pk")))


def direct(user: User) -> list[Organisation]:
    """Organisations that ``user`` belongs to by a membership of its own."""
    return [one.organisation for one in user.memberships_cached]


class Application(OwnedModel):
    """An enterprise asks for one support under one clause; ``organisation`` is the applicant."""

    notice = models.ForeignKey(Notice, models.PROTECT, related_name="applications", verbose_name=_("notice of support"))
    clause = models.CharField(_("Clause"), max_length=20)
    state = models.CharField(
        _("Stage"),
        max_length=14,
        choices=[(one.value, _(NAMES[one])) for one in State],
        default=State.DRAFT,
        db_index=True,
    )
    version = models.PositiveIntegerField(_("Version"), default=1, editable=False)
    """Counts every change: whoever acts on an older one is told."""
    saved_from = models.CharField(max_length=32, blank=True, editable=False)
    """The window that saved the draft last: its own later savings are no conflict."""
    answers = models.JSONField(default=dict)
    """What was typed, field → text, whether it can be read or not."""
    facts = models.JSONField(default=list)
    """Keys of the conditions that the applicant declares."""
    ACTIONS: ClassVar[dict[str, str]] = {one.name: one.label for one in MOVES}
    """How the audit log calls what was done: marked texts."""
    number = models.CharField(_("Receipt number"), max_length=40, blank=True, db_index=True)
    name = models.CharField(_("Enterprise"), max_length=120, blank=True)
    credit_code = models.CharField(_("unified social credit code"), max_length=18, blank=True)
    kind = models.CharField(
        _("Kind of applicant"), max_length=12, choices=Beneficiary.Kind.choices, default=Beneficiary.Kind.ENTERPRISE
    )
    matter = models.CharField(_("Matter"), max_length=120, blank=True)
    year = models.PositiveSmallIntegerField(_("Year of expenses"), default=0)
    basis = models.DecimalField(_("Basis"), max_digits=15, decimal_places=2, default=Decimal(0))
    account_holder = models.CharField(_("Account holder"), max_length=120, blank=True)
    bank = models.CharField(_("Bank"), max_length=120, blank=True)
    account = models.CharField(_("Bank account"), max_length=40, blank=True)
    known = models.JSONField(default=list)
    """What the platform knew when it was handed in, as ``[label, value, source]``."""
    submitted_at = models.DateTimeField(_("Handed in"), null=True, blank=True)
    deadline = models.DateTimeField(_("Deadline"), null=True, blank=True, db_index=True)
    """Of the stage it is in."""
    assignee = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("In the hands of")
    )
    beneficiary = models.ForeignKey(
        Beneficiary, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Supported enterprise")
    )
    publication = models.ForeignKey(
        Publication, models.SET_NULL, null=True, blank=True, related_name="listed", verbose_name=_("public notice")
    )
    proposed = models.DecimalField(_("Proposed (CNY)"), max_digits=15, decimal_places=2, null=True, blank=True)
    """What the public notice says."""
    approved = models.DecimalField(_("Approved (CNY)"), max_digits=15, decimal_places=2, null=True, blank=True)
    recovering = models.DecimalField(_("Claimed back (CNY)"), max_digits=15, decimal_places=2, default=Decimal(0))
    inspected_on = models.DateField(_("Inspection passed on"), null=True, blank=True)

    objects = ApplicationQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("application for support")
        verbose_name_plural = _("Applications for support")
        ordering = ("-submitted_at", "-pk")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["notice", "state", "deadline"], name="desk_queue")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("number", condition=~Q(number=""), name="receipt_number_once"),
            models.CheckConstraint(condition=Q(basis__gte=0), name="application_basis_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.organisation} · {self.matter or self.clause}"

    @property
    def office(self) -> Organisation:
        """Who checks, decides and pays."""
        return self.notice.organisation

    @property
    def applied_on(self) -> dt.date:
        """The day whose rules judge it: the one it was handed in first, today for a draft."""
        return self.submitted_at.astimezone(CHINA).date() if self.submitted_at else today()

    @property
    def stage(self) -> State:
        """Its state."""
        return State(self.state)

    @property
    def stage_name(self) -> str:
        """Its state in the reader's language."""
        return translate(NAMES[self.stage])

    @property
    def editable(self) -> bool:
        """Whether the applicant may change it."""
        return self.state in (State.DRAFT, State.RETURNED)

    @property
    def is_open(self) -> bool:
        """Whether somebody has to do something."""
        return self.stage in OPEN

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.stage in ENDED

    @property
    def late(self) -> bool:
        """Whether the deadline of its stage has passed."""
        return self.is_open and self.deadline is not None and timezone.now() > self.deadline

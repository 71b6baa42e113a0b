"""The pool of experts, and panels: what is judged, who was drawn, what they gave."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar, Self

import msgspec
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gongfu.governance.review import drawing, scoring
from gongfu.governance.review.drawing import Avoid, Candidate, Firm, Left, Party
from gongfu.governance.review.scoring import Criterion, Marks, Policy
from gongfu.kernel.accounts.models import Organisation, OwnedModel, OwnedQuerySet, User

Row = tuple[str, str]
"""Label and value of a blind extract."""


class Expert(OwnedModel):
    """Somebody in the pool of ``organisation`` (the authority)."""

    key = models.CharField(max_length=40, editable=False)
    """Stands in draws: never changes, says nothing about the person."""
    name = models.CharField(_("Full name"), max_length=60)
    fields = models.CharField(
        _("Fields of expertise"), max_length=200, help_text=_("Divided by commas, such as 工业网络, 智能制造, 财务.")
    )
    title = models.CharField(
        _("Professional title"), max_length=60, blank=True, help_text=_("Such as 教授, 高级工程师.")
    )
    employer = models.CharField(_("Employer"), max_length=120, blank=True)
    employer_code = models.CharField(_("Credit code of the employer"), max_length=18, blank=True)
    phone = models.CharField(_("Telephone"), max_length=40, blank=True)
    declared = models.TextField(
        _("Organisations to avoid"),
        max_length=2000,
        blank=True,
        help_text=_("One a line: holdings, consultancies, relatives. Name, and behind a semicolon the credit code."),
    )
    former = models.TextField(
        _("Former employers"),
        max_length=2000,
        blank=True,
        help_text=_("One a line: name; credit code; last day there, such as 2025-06-30."),
    )
    paused = models.BooleanField(_("Rests"), default=False, help_text=_("Is not drawn for the time being."))
    remark = models.CharField(_("Remark"), max_length=300, blank=True)
    user = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, editable=False, related_name="+", verbose_name=_("Account")
    )

    class Meta:
        verbose_name = _("expert")
        verbose_name_plural = _("Experts")
        ordering = ("organisation", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "key", name="expert_key_once"),
            models.UniqueConstraint("organisation", "user", condition=Q(user__isnull=False), name="expert_user_once"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Fields, and lines that can be read."""
        if not self.field_list:
            raise ValidationError({"fields": _("Name at least one field.")})
        for name in ("declared", "former"):
            try:
                firms(getattr(self, name))
            except ValueError as error:
                raise ValidationError({name: _("%(line)s is no day.") % {"line": error}}) from error

    @property
    def field_list(self) -> tuple[str, ...]:
        """Fields one by one."""
        parts = self.fields.replace("，", ",").replace("、", ",").replace(";", ",").replace("；", ",").split(",")
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))

    def candidate(self, drawn: int, *, conflicted: bool = False, ties: tuple[Firm, ...] = ()) -> Candidate:
        """As the draw knows it; ``ties`` are further organisations to avoid."""
        return Candidate(
            key=self.key,
            name=self.name,
            fields=self.field_list,
            employer=Firm(self.employer, self.employer_code),
            former=firms(self.former),
            declared=(*firms(self.declared), *ties),
            phones=(self.phone,) if self.phone else (),
            drawn=drawn,
            paused=self.paused,
            conflicted=conflicted,
        )


def firms(text: str) -> tuple[Firm, ...]:
    """Organisations one a line: ``name; code; last day``. Raises :class:`ValueError` for what is no day."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.replace("；", ";").split(";")]
        if any(parts):
            name, code, until = [*parts, "", ""][:3]
            try:
                found.append(Firm(name, code, dt.date.fromisoformat(until) if until else None))
            except ValueError:
                raise ValueError(until[:40]) from None
    return tuple(found)


class PanelQuerySet(OwnedQuerySet["Panel"]):
    """Panels; an expert sees them by assignments alone."""


class Panel(OwnedModel):
    """What is judged, by which criteria, by how many experts, until when."""

    class State(models.TextChoices):
        """Where it stands."""

        OPEN = "open", _("Experts judge")
        DISAGREED = "disagreed", _("Experts disagree")
        DONE = "done", _("Review completed")
        CANCELLED = "cancelled", _("Cancelled")

    subject = models.CharField(_("What is judged"), max_length=120, editable=False)
    """Opaque key of what is judged."""
    number = models.CharField(_("Number of the review"), max_length=40, blank=True)
    title = models.CharField(_("Title"), max_length=200)
    """As experts see it: without names."""
    extract = models.JSONField(default=list, editable=False)
    """Rows of the blind extract: label and value."""
    parties = models.JSONField(default=list, editable=False)
    """Whom the panel must have nothing to do with."""
    criteria = models.JSONField(default=list, editable=False)
    policy = models.JSONField(default=dict, editable=False)
    avoid = models.JSONField(default=dict, editable=False)
    places = models.JSONField(default=list, editable=False)
    """Fields, one a place; the empty one is any."""
    extra = models.PositiveSmallIntegerField(default=0, editable=False)
    """Experts added because of disagreement."""
    round = models.PositiveSmallIntegerField(_("Round"), default=1, editable=False)
    moderation = models.TextField(_("Remarks of the moderator"), blank=True, editable=False)
    workdays = models.PositiveSmallIntegerField(_("Working days"), default=10)
    deadline = models.DateTimeField(_("Deadline"), editable=False)
    guessed = models.BooleanField(default=False, editable=False)
    """Whether the deadline lies in a year whose holidays are not known."""
    state = models.CharField(_("State"), max_length=10, choices=State.choices, default=State.OPEN, editable=False)
    total = models.DecimalField(_("Points"), max_digits=6, decimal_places=2, null=True, editable=False)
    passed = models.BooleanField(_("Passed"), null=True, editable=False)
    reason = models.CharField(_("Reason"), max_length=300, blank=True, editable=False)
    """Of a cancellation, or why it was decided despite disagreement."""
    decided_at = models.DateTimeField(_("Decided"), null=True, editable=False)

    objects = PanelQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("review panel")
        verbose_name_plural = _("Review panels")
        ordering = ("-created_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "organisation", "subject", condition=~Q(state="cancelled"), name="panel_once_for_subject"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}".strip()

    @property
    def is_open(self) -> bool:
        """Whether experts may still be asked."""
        return self.state in (self.State.OPEN, self.State.DISAGREED)

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed and experts are still asked."""
        return self.state == self.State.OPEN and timezone.now() > self.deadline

    @property
    def rows(self) -> list[Row]:
        """The blind extract."""
        return msgspec.convert(self.extract, list[Row])

    @property
    def criterion_list(self) -> list[Criterion]:
        """What is judged."""
        return msgspec.convert(self.criteria, list[Criterion], strict=False)

    @property
    def party_list(self) -> list[Party]:
        """Whom to avoid."""
        return msgspec.convert(self.parties, list[Party])

    @property
    def rules(self) -> tuple[Policy, Avoid]:
        """How marks become a result, and how far avoidance goes."""
        return msgspec.convert(self.policy, Policy, strict=False), msgspec.convert(self.avoid, Avoid)


class Draw(models.Model):
    """One draw, so that anybody can repeat it. Never changed."""

    panel = models.ForeignKey(Panel, models.CASCADE, related_name="draws")
    number = models.PositiveSmallIntegerField(_("Draw"))
    made = models.JSONField(editable=False)
    """:class:`.drawing.Draw`."""
    digest = models.CharField(_("Digest"), max_length=64)
    left = models.JSONField(editable=False)
    """Why others were not in the lot: key, name, message, values."""
    names = models.JSONField(editable=False)
    """Key → name, as they were."""
    reason = models.CharField(_("Reason"), max_length=300, blank=True)
    made_by = models.CharField(_("Drawn by"), max_length=64)
    made_at = models.DateTimeField(_("Drawn at"), auto_now_add=True)

    class Meta:
        verbose_name = _("draw")
        verbose_name_plural = _("draws")
        ordering = ("panel", "number")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("panel", "number", name="draw_number_once")
        ]

    def __str__(self) -> str:
        return f"{self.panel} · {self.number}"

    @property
    def drawn(self) -> drawing.Draw:
        """As :func:`.drawing.verify` takes it."""
        return msgspec.convert(self.made, drawing.Draw)

    @property
    def left_out(self) -> list[Left]:
        """Everybody who was not in the lot, with the reason."""
        return [
            Left(key, name, message, tuple((one, value) for one, value in values))
            for key, name, message, values in msgspec.convert(self.left, list[tuple[str, str, str, list[Row]]])
        ]


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    """Who was drawn for what."""

    def of(self, user: User) -> Self:
        """What ``user`` judges or judged; nothing else is there for an expert."""
        return self.filter(expert__user=user).exclude(panel__state=Panel.State.CANCELLED)

    def sitting(self) -> Self:
        """Those who have a place on their panel."""
        return self.filter(state__in=(Assignment.State.ASKED, Assignment.State.ACCEPTED))


class Assignment(models.Model):
    """An expert on a panel."""

    class State(models.TextChoices):
        """What became of the request."""

        ASKED = "asked", _("Asked")
        ACCEPTED = "accepted", _("Accepted")
        DECLINED = "declined", _("Gave the place up")
        CONFLICT = "conflict", _("Conflict of interest")
        REPLACED = "replaced", _("Replaced")

    panel = models.ForeignKey(Panel, models.CASCADE, related_name="assignments", verbose_name=_("Panel"))
    expert = models.ForeignKey(Expert, models.PROTECT, related_name="assignments", verbose_name=_("Expert"))
    draw = models.ForeignKey(Draw, models.PROTECT, related_name="assignments")
    letter = models.CharField(_("Letter"), max_length=3)
    """Names the expert to others."""
    place = models.CharField(_("Field of expertise"), max_length=60, blank=True)
    state = models.CharField(_("State"), max_length=10, choices=State.choices, default=State.ASKED)
    reason = models.CharField(_("Reason"), max_length=300, blank=True)
    asked_at = models.DateTimeField(_("Asked"), auto_now_add=True)
    answered_at = models.DateTimeField(_("Answered"), null=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment of an expert")
        verbose_name_plural = _("assignments of experts")
        ordering = ("panel", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("panel", "expert", name="expert_once_on_panel"),
            models.UniqueConstraint("panel", "letter", name="letter_once_on_panel"),
        ]

    def __str__(self) -> str:
        return f"{self.panel} · {self.letter}"


class Score(models.Model):
    """What an expert gave in one round: a draft until it is submitted, locked from then on."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="scores")
    round = models.PositiveSmallIntegerField(_("Round"), default=1)
    points = models.JSONField(default=dict)
    comment = models.TextField(_("Opinion of the expert"), max_length=4000, blank=True)
    version = models.PositiveIntegerField(default=0)
    """Rises with every save, so that two windows do not overwrite each other."""
    locked = models.BooleanField(_("Marks are in"), default=False)
    saved_at = models.DateTimeField(_("Saved"), auto_now=True)
    submitted_at = models.DateTimeField(_("Marks are in"), null=True)

    class Meta:
        verbose_name = _("marks")
        verbose_name_plural = _("marks")
        ordering = ("assignment", "round")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("assignment", "round", name="marks_once_a_round")
        ]

    def __str__(self) -> str:
        return f"{self.assignment} · {self.round}"

    @property
    def given(self) -> dict[str, Decimal]:
        """Criterion → points."""
        return msgspec.convert(self.points, dict[str, Decimal], strict=False)

    def marks(self) -> Marks:
        """As the rules know them."""
        return Marks(letter=self.assignment.letter, points=self.given, comment=self.comment)


__all__ = ["Assignment", "Draw", "Expert", "Organisation", "Panel", "Score", "firms", "scoring"]

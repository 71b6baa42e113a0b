"""Rules that an edge node carries out by itself, also while this node is away."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import OwnedModel, User
from gongfu.kernel.errors import unpacked
from gongfu.network.edge.contract import Comparison
from gongfu.platform.devices.models import Tag
from gongfu.platform.edges.workflow import RuleLife

_DAY = 86_400


class EdgeRule(RuleLife, OwnedModel):
    """When a tag crosses a limit, say so, or set a set-point of a machine of the same edge node."""

    class Compare(models.TextChoices):
        """:class:`gongfu.network.edge.contract.Comparison`."""

        ABOVE = Comparison.ABOVE.value, _("is above")
        BELOW = Comparison.BELOW.value, _("is below")
        EQUAL = Comparison.EQUAL.value, _("equals")
        NOT_EQUAL = Comparison.NOT_EQUAL.value, _("differs from")

    edge = models.ForeignKey("edges.Edge", models.CASCADE, related_name="rules", verbose_name=_("Edge node"))
    name = models.CharField(_("Name"), max_length=80)
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="+", verbose_name=_("Tag"))
    comparison = models.CharField(_("Comparison"), max_length=10, choices=Compare.choices, default=Compare.ABOVE)
    limit = models.FloatField(_("Limit"), help_text=_("In the tag's unit; of an on/off tag 1 and 0."))
    deadband = models.FloatField(
        _("Way back"),
        default=0.0,
        validators=[MinValueValidator(0)],
        help_text=_("How far the value must come back before the rule is ready again."),
    )
    seconds = models.FloatField(
        _("For (s)"),
        default=0.0,
        validators=[MinValueValidator(0), MaxValueValidator(_DAY)],
        help_text=_("It must hold so long without interruption."),
    )
    pause = models.FloatField(
        _("Pause (s)"),
        default=10.0,
        validators=[MinValueValidator(1), MaxValueValidator(_DAY)],
        help_text=_("It acts at most once in so long."),
    )
    text = models.CharField(_("Message"), max_length=200, blank=True, help_text=_("Stands in the events."))
    setpoint = models.ForeignKey(
        "commands.Setpoint",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Set-point"),
        help_text=_("Empty: it only says so."),
    )
    value = models.CharField(_("Value"), max_length=200, blank=True, help_text=_("Set when the condition holds."))
    value_after = models.CharField(
        _("Value afterwards"), max_length=200, blank=True, help_text=_("Set when it ends to hold; empty: leave it.")
    )

    number = models.PositiveIntegerField(_("Version"), default=1, editable=False)
    proposed_by = models.ForeignKey(
        User, models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("Proposed by")
    )
    agreed_by = models.ForeignKey(
        User, models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("Agreed by")
    )
    agreed_at = models.DateTimeField(_("Agreed"), null=True, editable=False)
    in_force = models.JSONField(default=dict, editable=False)
    """The fields of the version that was agreed to last, as :data:`CONTENT`; empty: none is in force."""
    in_force_number = models.PositiveIntegerField(_("Version in force"), default=0, editable=False)
    problem = models.CharField(_("Problem"), max_length=1000, blank=True, editable=False)
    """Why the version in force cannot be carried out any more, packed; then the edge does not have it."""

    CONTENT: ClassVar[tuple[str, ...]] = (
        *("name", "tag_id", "comparison", "limit", "deadband", "seconds", "pause", "text"),
        *("setpoint_id", "value", "value_after"),
    )

    class Meta:
        verbose_name = _("local rule")
        verbose_name_plural = _("Local rules")
        ordering = ("edge", "pk")

    def __str__(self) -> str:
        return self.name

    @property
    def content(self) -> dict[str, str | float | int | None]:
        """The newest version."""
        return {name: getattr(self, name) for name in self.CONTENT}

    @property
    def writes(self) -> bool:
        """Whether it sets a machine's set-point."""
        return self.setpoint_id is not None

    @property
    def said(self) -> str:
        """The condition as people read it."""
        limit = f"{self.limit:g} {self.tag.unit}".strip()
        return f"{self.tag.device} · {self.tag} {self.get_comparison_display()} {limit}"

    @property
    def does(self) -> str:
        """What it does, as people read it; empty when it only says so."""
        return f"{self.setpoint} = {self.value}" if self.setpoint else ""

    def get_problem_display(self) -> str:
        """What keeps it from its edge node, in the reader's language."""
        return unpacked(self.problem, get_language())

    def approved(self, user: User) -> None:
        """As :class:`RuleLife` says."""
        self.in_force, self.in_force_number, self.problem = self.content, self.number, ""
        self.agreed_by, self.agreed_at = user, timezone.now()

    def proposed(self, user: User) -> None:
        """As :class:`RuleLife` says."""
        self.proposed_by, self.agreed_by, self.agreed_at = user, None, None

    def withdrawn(self) -> None:
        """As :class:`RuleLife` says."""
        self.in_force, self.in_force_number, self.problem = {}, 0, ""

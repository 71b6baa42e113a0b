"""What people decide about series: how long they are kept, how sensitive they are; and proofs of what was deleted."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import OwnedModel
from gongfu.platform.devices.models import Tag

_LONGEST = MaxValueValidator(36_500)


class RetentionClass(OwnedModel):
    """How long readings and their roll-ups are kept."""

    name = models.CharField(_("Name"), max_length=40)
    raw_days = models.PositiveIntegerField(
        _("Readings (days)"), default=0, validators=[_LONGEST], help_text=_("0 keeps them for ever.")
    )
    rollup_days = models.PositiveIntegerField(
        _("Roll-ups (days)"), default=0, validators=[_LONGEST], help_text=_("0 keeps them for ever.")
    )

    class Meta:
        verbose_name = _("retention class")
        verbose_name_plural = _("Retention classes")
        ordering = ("organisation", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "name", name="retention_class_once_in_organisation")
        ]

    def __str__(self) -> str:
        return self.name


class SeriesPolicy(OwnedModel):
    """What holds for the readings of one tag."""

    class Sensitivity(models.TextChoices):
        """Levels of industrial data (工业数据分类分级指南（试行）, 工信厅信发〔2020〕6号; 数据安全法 第二十一条)."""

        GENERAL = "general", _("General data")
        IMPORTANT = "important", _("Important data")
        CORE = "core", _("Core data")

    tag = models.OneToOneField(Tag, models.CASCADE, related_name="policy", verbose_name=_("Tag"))
    sensitivity = models.CharField(
        _("Sensitivity"), max_length=10, choices=Sensitivity.choices, default=Sensitivity.GENERAL
    )
    retention = models.ForeignKey(
        RetentionClass, models.PROTECT, null=True, blank=True, related_name="series", verbose_name=_("Retention class")
    )

    class Meta:
        verbose_name = _("series policy")
        verbose_name_plural = _("Series policies")
        ordering = ("organisation", "tag")

    def __str__(self) -> str:
        return str(self.tag)


class Erasure(OwnedModel):
    """Readings deleted on request, and the signed record of what was there before and after."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Being deleted")
        DONE = "done", _("Deleted")
        FAILED = "failed", _("Failed")

    what = models.CharField(_("What was deleted"), max_length=300)
    series = models.JSONField(default=list, editable=False)
    since = models.DateTimeField(_("Beginning"))
    until = models.DateTimeField(_("End"))
    reason = models.CharField(_("Reason"), max_length=500)
    actor = models.CharField(_("Who"), max_length=150)
    state = models.CharField(_("State"), max_length=8, choices=State.choices, default=State.WAITING, editable=False)
    problem = models.CharField(_("Why it failed"), max_length=500, blank=True, editable=False)
    before = models.PositiveBigIntegerField(_("Rows before"), default=0, editable=False)
    after = models.PositiveBigIntegerField(_("Rows after"), default=0, editable=False)
    proof = models.TextField(_("Signed proof"), blank=True, editable=False)
    """Canonical JSON of :class:`gongfu.data.telemetry.proof.Proof` and its signature."""
    done_at = models.DateTimeField(_("Deleted at"), null=True, editable=False)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("Erasures")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.what

"""Computed tags as people made them, and the outbox that carries them to streams."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.data.computed.language import LONGEST
from gongfu.kernel.accounts.models import OwnedModel
from gongfu.platform.devices.models import Device, Tag

KINDS = [(kind.value, kind.label) for kind in Tag.Kind if kind is not Tag.Kind.ARRAY]
"""What an expression can give."""


class ComputedTag(OwnedModel):
    """An expression whose values are stored as a tag of a device. The tag is named by its key."""

    device = models.ForeignKey(
        Device,
        models.CASCADE,
        related_name="computed",
        verbose_name=_("Device"),
        help_text=_("Whose tag it becomes. A virtual meter is a device of its own with the protocol “virtual”."),
    )
    key = models.CharField(
        _("Key"),
        max_length=64,
        validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9_-]*$", _("Letters, digits, dashes and underscores."))],
    )
    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    kind = models.CharField(_("Kind"), max_length=8, choices=KINDS, default=Tag.Kind.NUMBER)
    unit = models.CharField(_("Unit"), max_length=20, blank=True)
    decimals = models.PositiveSmallIntegerField(_("Decimals"), default=2, validators=[MaxValueValidator(9)])
    expression = models.TextField(
        _("Expression"),
        max_length=LONGEST,
        help_text=_("Such as power * 0.8, or {press-01.power} + {press-02.power}; see the list of functions below."),
    )
    every = models.FloatField(
        _("Every (s)"),
        default=0.0,
        validators=[MinValueValidator(0), MaxValueValidator(86400)],
        help_text=_("0: whenever an input has a new value."),
    )
    gap = models.FloatField(
        _("A value holds for at most (s)"),
        default=300.0,
        validators=[MinValueValidator(0.1), MaxValueValidator(31 * 86400)],
        help_text=_("Over a longer silence nothing is added up, and results are uncertain."),
    )
    problem = models.CharField(_("Why it is not computed"), max_length=500, blank=True, editable=False)
    """Why it is not computed now, packed; empty when it is."""

    class Meta:
        verbose_name = _("computed tag")
        verbose_name_plural = _("Computed tags")
        ordering = ("organisation", "device", "key")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("device", "key", name="computed_once_in_device")
        ]

    def __str__(self) -> str:
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name


class ComputedOutbox(models.Model):
    """A computed tag that ``gongfu streams`` must learn; by number, because it may be gone by then."""

    organisation = models.BigIntegerField()
    computed = models.BigIntegerField()

    class Meta:
        verbose_name = _("computed tag to publish")
        verbose_name_plural = _("computed tags to publish")

    def __str__(self) -> str:
        return f"{self.organisation}.{self.computed}"

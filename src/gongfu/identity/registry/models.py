"""Who may name things under which prefix. The identifiers themselves are in :mod:`gongfu.identity.registry.store`."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.identity.handle import names
from gongfu.identity.handle.errors import BadHandle
from gongfu.kernel.accounts.models import OwnedModel


def _check_prefix(value: str) -> None:
    try:
        names.parse_prefix(value)
    except BadHandle as error:
        raise ValidationError(error.text(get_language())) from error


class Prefix(OwnedModel):
    """A secondary node's prefix (88.118) or an enterprise's below it (88.118.1)."""

    class Kind(models.TextChoices):
        """Levels of the national system."""

        SECONDARY = "secondary", _("Secondary node")
        ENTERPRISE = "enterprise", _("Enterprise")

    class State(models.TextChoices):
        """Whether this node answers for it."""

        ACTIVE = "active", _("In service")
        SUSPENDED = "suspended", _("Suspended")

    name = models.CharField(
        _("Prefix"),
        max_length=64,
        unique=True,
        validators=[_check_prefix],
        help_text=_("88.118 for a secondary node, 88.118.1 for an enterprise. It cannot be changed later."),
    )
    kind = models.CharField(_("Level"), max_length=16, choices=Kind.choices, editable=False)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="children",
        verbose_name=_("Allotted under"),
    )
    state = models.CharField(_("State"), max_length=16, choices=State.choices, default=State.ACTIVE, editable=False)

    class Meta:
        verbose_name = _("prefix")
        verbose_name_plural = _("Prefixes")
        ordering = ("name",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["organisation", "kind", "state"], name="prefix_of_organisation")
        ]

    def __str__(self) -> str:
        return self.name

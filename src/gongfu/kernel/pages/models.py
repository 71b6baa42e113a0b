"""What people keep of a list."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import User


class SavedView(models.Model):
    """Filters, sort and columns of a list under a name."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("user"))
    resource = models.CharField(max_length=80)
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=2000)
    """Query string without the page."""

    class Meta:
        ordering = ["name"]
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [models.UniqueConstraint(fields=["user", "resource", "name"], name="one_view_per_name")]

    def __str__(self) -> str:
        return self.name

"""A file that is imported, and how far that has come."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from gongfu.identity.bulk.rules import Operation
from gongfu.kernel.accounts.models import OwnedModel
from gongfu.kernel.tasks.models import Job


class Import(OwnedModel):
    """One uploaded file. ``position``, the counts and ``report_size`` are one record: written together, in order.

    ``intent`` is written before a batch goes to the identifier store and removed with the new position: after a
    crash it says which rows that batch held.
    """

    class Kind(models.TextChoices):
        """What is done with the identifiers; the values of :class:`Operation`."""

        REGISTER = Operation.REGISTER.value, _("Register")
        UPDATE = Operation.UPDATE.value, _("Change")
        DELETE = Operation.DELETE.value, _("Remove")

    prefix = models.CharField(_("Prefix"), max_length=64)
    operation = models.CharField(_("What to do"), max_length=10, choices=Kind.choices, default=Kind.REGISTER)
    file_name = models.CharField(_("file"), max_length=200)
    table = models.JSONField(editable=False)
    """:class:`gongfu.identity.bulk.table.Table`."""
    rows = models.PositiveIntegerField(_("rows"), default=0)
    plan = models.JSONField(editable=False, null=True)
    """:class:`gongfu.identity.bulk.rules.Plan`; null until the columns are chosen."""
    job = models.ForeignKey(Job, models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("job"))
    moment = models.PositiveBigIntegerField(default=0, editable=False)
    """Unix seconds its identifiers are registered at: the same however often it is resumed."""
    position = models.PositiveIntegerField(_("rows done"), default=0, editable=False)
    accepted = models.PositiveIntegerField(_("accepted"), default=0, editable=False)
    refused = models.PositiveIntegerField(_("rejected"), default=0, editable=False)
    report_size = models.PositiveBigIntegerField(default=0, editable=False)
    """Octets of the report that belong to ``position``."""
    intent = models.JSONField(null=True, editable=False)
    run = models.CharField(max_length=32, blank=True, editable=False)
    """Which run writes now: of two only the later one gets on."""
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        verbose_name = _("batch job")
        verbose_name_plural = _("Batch jobs")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.get_operation_display()} · {self.file_name}"

    @property
    def percent(self) -> int:
        """How much is done."""
        return 100 if self.finished_at else int(100 * self.position / self.rows) if self.rows else 0

"""Who has had what (the ledger), and versions of documents made in the console."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gongfu.governance.support.rules import Entry, matter_key
from gongfu.governance.support.schemes import MOST
from gongfu.kernel.accounts.models import Organisation, OwnedModel, OwnedQuerySet, User
from gongfu.kernel.accounts.rules import is_credit_code
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark


def check_credit_code(value: str) -> None:
    """Raise :class:`ValidationError` for what is no unified social credit code (GB 32100-2015)."""
    if not is_credit_code(value):
        raise ValidationError(
            _("%(value)s is not a unified social credit code: its check character does not fit."),
            params={"value": value},
        )


class BeneficiaryQuerySet(OwnedQuerySet["Beneficiary"]):
    """Enterprises of ledgers."""

    def visible_to(self, user: User) -> Self:
        """Those in the ledgers of one's own authority, and oneself in anybody's."""
        if user.is_superuser:
            return self
        mine = Organisation.objects.visible_to(user).values("pk")
        return self.filter(Q(organisation__in=mine) | Q(member__in=mine))


class Beneficiary(OwnedModel):
    """An enterprise, as the ledger of ``organisation`` (the authority) knows it."""

    class Kind(models.TextChoices):
        """Whom a clause may name."""

        ENTERPRISE = "enterprise", _("Enterprise")
        UNIVERSITY = "university", _("University")
        INSTITUTE = "institute", _("Research institute")
        TRAINING = "training", _("Training institution")
        PARK = "park", _("Industrial park")

    name = models.CharField(_("Name"), max_length=120)
    credit_code = models.CharField(
        _("unified social credit code"), max_length=18, validators=[check_credit_code], help_text=_("18 characters.")
    )
    kind = models.CharField(_("Kind of applicant"), max_length=12, choices=Kind.choices, default=Kind.ENTERPRISE)
    member = models.ForeignKey(
        Organisation,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Organisation on this node"),
        help_text=_("Its people see its ledger."),
    )

    objects = BeneficiaryQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("supported enterprise")
        verbose_name_plural = _("Supported enterprises")
        ordering = ("organisation", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "credit_code", name="beneficiary_once_in_ledger")
        ]

    def __str__(self) -> str:
        return self.name


class LedgerQuerySet(OwnedQuerySet["LedgerEntry"]):
    """Entries; nothing changes or removes one."""

    def visible_to(self, user: User) -> Self:
        """Those of one's own authority; of an enterprise its own."""
        if user.is_superuser:
            return self
        mine = Organisation.objects.visible_to(user).values("pk")
        return self.filter(Q(organisation__in=mine) | Q(enterprise__member__in=mine))

    def update(self, **_kwargs: Any) -> int:
        """Refused."""
        raise _fixed()

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refused."""
        raise _fixed()


def _fixed() -> Conflict:
    return Conflict(
        mark("An entry of the ledger is never changed or removed."), remedy=mark("Correct it by a further entry.")
    )


class LedgerEntry(OwnedModel):
    """Money that was paid or paid back. Append-only: a mistake is taken back by an entry of its own."""

    class Kind(models.TextChoices):
        """What happened."""

        PAID = "paid", _("Paid")
        CLAW_BACK = "claw_back", _("Paid back")
        OTHER = "other", _("Paid by another level or policy")
        REVERSAL = "reversal", _("Correction of an entry")

    enterprise = models.ForeignKey(
        Beneficiary, models.PROTECT, related_name="entries", verbose_name=_("Supported enterprise")
    )
    matter = models.CharField(
        _("Matter"), max_length=120, help_text=_("What is supported: a project, a certificate, the fees.")
    )
    scheme = models.CharField(_("Document"), max_length=40, blank=True)
    """Family of the scheme; empty for a policy that is not kept here."""
    version = models.CharField(_("Version"), max_length=40, blank=True)
    clause = models.CharField(_("Clause"), max_length=20, blank=True)
    year = models.PositiveSmallIntegerField(
        _("Year of expenses"), default=0, help_text=_("0: the clause does not go by years.")
    )
    kind = models.CharField(_("Kind of payment"), max_length=10, choices=Kind.choices, default=Kind.PAID)
    amount = models.DecimalField(
        _("Amount (CNY)"),
        max_digits=15,
        decimal_places=2,
        validators=[MinValueValidator(-MOST), MaxValueValidator(MOST)],
        help_text=_("What was paid back or taken back is negative."),
    )
    basis = models.DecimalField(_("Basis"), max_digits=15, decimal_places=2, null=True, blank=True)
    """Expenses, investment or stars it was computed from."""
    paid_on = models.DateField(_("Date"))
    document = models.CharField(_("Number of the document"), max_length=120, blank=True)
    remark = models.CharField(_("Remark"), max_length=300, blank=True)
    corrects = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="corrected_by", verbose_name=_("Corrects")
    )

    objects = LedgerQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("Ledger of support")
        ordering = ("-paid_on", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(kind__in=("paid", "other"), amount__gt=0)
                | Q(kind="claw_back", amount__lt=0)
                | Q(kind="reversal", corrects__isnull=False),
                name="ledger_sign_fits_kind",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["enterprise", "matter"])]

    def __str__(self) -> str:
        return f"{self.enterprise} · {self.matter} · ¥{self.amount:,.2f}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Append; raises :class:`Conflict` for one that is there."""
        if self.pk is not None and not self._state.adding:
            raise _fixed()
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused."""
        raise _fixed()

    def entry(self) -> Entry:
        """As the rules know it."""
        return Entry(
            str(self.enterprise_id),
            matter_key(self.matter, self.year),
            self.scheme,
            self.clause,
            self.year,
            Decimal(self.amount),
            self.paid_on,
        )


class SchemeVersion(OwnedModel):
    """A version of a document made in the console: other figures than the one it is based on."""

    class State(models.TextChoices):
        """A version is in force only when a second person said so."""

        DRAFT = "draft", _("Draft, for what-if only")
        PROPOSED = "proposed", _("Proposed, waits for a second person")
        IN_FORCE = "in_force", _("In force")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    family = models.CharField(_("Document"), max_length=40)
    version = models.SlugField(_("Version"), max_length=40)
    based_on = models.CharField(_("Based on"), max_length=81)
    """Key of the version, such as ``qingpu-2022``."""
    changes = models.JSONField(_("Changes"), default=dict)
    """As :func:`.schemes.changed` takes them."""
    begins_on = models.DateField(_("In force from"))
    ends_on = models.DateField(_("In force until"))
    reason = models.CharField(_("Reason"), max_length=300)
    state = models.CharField(_("State"), max_length=10, choices=State.choices, default=State.DRAFT, editable=False)
    proposed_by = models.ForeignKey(
        User, models.PROTECT, null=True, editable=False, related_name="+", verbose_name=_("Proposed by")
    )
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, editable=False, related_name="+", verbose_name=_("Decided by")
    )
    decided_at = models.DateTimeField(_("Decided"), null=True, editable=False)

    class Meta:
        verbose_name = _("version of a document")
        verbose_name_plural = _("Versions of documents")
        ordering = ("family", "-begins_on")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "family", "version", name="scheme_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.family}-{self.version}"

    def period(self) -> tuple[dt.date, dt.date]:
        """First and last day."""
        return self.begins_on, self.ends_on


def entries(rows: Iterable[LedgerEntry]) -> list[Entry]:
    """As the rules know them."""
    return [row.entry() for row in rows]

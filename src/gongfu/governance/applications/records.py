"""What is kept beside an application: steps, papers, opinions, objections, instalments, changes of its account."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.files.storage import FileSystemStorage
from django.db import models
from django.utils.translation import gettext_lazy as _

from gongfu.governance.applications.procedure import NAMES, State
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.settings import settings

if TYPE_CHECKING:
    from gongfu.governance.applications.models import Application

_APPLICATION = "applications.Application"


def papers() -> FileSystemStorage:
    """Where attachments lie: below home, outside what the console serves, readable by the node's user only."""
    folder = settings().path("files", "applications")
    return FileSystemStorage(
        location=folder, base_url=None, file_permissions_mode=0o600, directory_permissions_mode=0o700
    )


def random_name(_instance: models.Model, filename: str) -> str:
    """A name that nobody guesses and that says nothing."""
    return secrets.token_hex(16)


class StepQuerySet(models.QuerySet["Step"]):
    """Steps; nothing changes or removes one."""

    def update(self, **_kwargs: Any) -> int:
        """Refused."""
        raise _fixed()

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refused."""
        raise _fixed()


def _fixed() -> Conflict:
    return Conflict(mark("A step that was taken is never changed or removed."))


CLOCK, PUBLIC, EXPERTS = "clock", "public", "expert-review"
"""Who acts where no account does."""
_NAMELESS = {
    CLOCK: mark("The node, by the clock"),
    PUBLIC: mark("A member of the public"),
    EXPERTS: mark("The panel of experts"),
}


class Step(models.Model):
    """Something that happened to an application. Append-only: the story is told from these."""

    application = models.ForeignKey(_APPLICATION, models.PROTECT, related_name="steps")
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=80)
    """Kept as text, so that it outlives the account."""
    actor_for = models.CharField(max_length=120, blank=True)
    """The organisation somebody acted for."""
    name = models.CharField(max_length=20)
    label = models.CharField(max_length=80)
    """A marked text."""
    source = models.CharField(max_length=14, blank=True)
    target = models.CharField(max_length=14, blank=True)
    deadline = models.DateTimeField(null=True)
    """The one that held when it was taken."""
    reason = models.TextField(max_length=4000, blank=True)
    document = models.CharField(max_length=120, blank=True)
    internal = models.BooleanField(default=False)
    """Not told to the applicant: what experts and departments said before the decision."""

    objects = StepQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.said

    @property
    def said(self) -> str:
        """What was done, in the reader's language."""
        return translate(self.label)

    @property
    def who(self) -> str:
        """Who did it, as readers are told."""
        return translate(_NAMELESS.get(self.actor_name, self.actor_name)) if self.actor_id is None else self.actor_name

    @property
    def into(self) -> str:
        """The stage it led to, empty when it stayed."""
        return translate(NAMES[State(self.target)]) if self.target and self.target != self.source else ""

    @property
    def late(self) -> bool:
        """Whether it came after its deadline."""
        return self.deadline is not None and self.at > self.deadline

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Append; raises :class:`Conflict` for one that is there."""
        if self.pk is not None and not self._state.adding:
            raise _fixed()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused."""
        raise _fixed()


class Attachment(models.Model):
    """A paper: checked by what is in it, kept under a random name."""

    application = models.ForeignKey(_APPLICATION, models.PROTECT, related_name="attachments")
    paper = models.CharField(_("Paper"), max_length=40)
    """Key of what the notice asks for; ``other`` for anything else."""
    name = models.CharField(_("File"), max_length=150)
    """As the applicant called it."""
    media_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField(_("Size"))
    sha256 = models.CharField(max_length=64)
    scanned = models.BooleanField(_("Scanned for viruses"))
    file = models.FileField(storage=papers, upload_to=random_name, max_length=100)
    added_at = models.DateTimeField(auto_now_add=True)
    added_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("pk",)
        verbose_name = _("attachment of an application")
        verbose_name_plural = _("Attachments of applications")

    def __str__(self) -> str:
        return self.name

    @property
    def organisation(self) -> Organisation:
        """The applicant."""
        found: Organisation = self.application.organisation
        return found


class Opinion(models.Model):
    """What a department was asked and said: at the joint check, or in the consultation."""

    class Verdict(models.TextChoices):
        """What it said."""

        AGREES = "agrees", _("Agrees")
        REMARKS = "remarks", _("Agrees with remarks")
        OBJECTS = "objects", _("Does not agree")

    application = models.ForeignKey(_APPLICATION, models.PROTECT, related_name="opinions")
    stage = models.CharField(max_length=14)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+", verbose_name=_("Department"))
    asked_at = models.DateTimeField(auto_now_add=True)
    deadline = models.DateTimeField(_("Deadline"))
    verdict = models.CharField(_("Opinion"), max_length=8, choices=Verdict.choices, blank=True)
    text = models.TextField(_("Reason"), max_length=4000, blank=True)
    given_at = models.DateTimeField(null=True)
    given_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("pk",)
        verbose_name = _("opinion of a department")
        verbose_name_plural = _("Opinions of departments")

    def __str__(self) -> str:
        return f"{self.organisation}: {self.get_verdict_display()}"


class Objection(models.Model):
    """What somebody holds against a public notice, and the answer."""

    publication = models.ForeignKey("applications.Publication", models.PROTECT, related_name="objections")
    application = models.ForeignKey(_APPLICATION, models.PROTECT, null=True, related_name="objections")
    number = models.CharField(max_length=40, unique=True)
    name = models.CharField(_("Name"), max_length=60)
    """Never shown to the public or to the applicant."""
    contact = models.CharField(_("Telephone or e-mail"), max_length=120)
    text = models.TextField(_("Objection"), max_length=4000)
    at = models.DateTimeField(auto_now_add=True)
    answer = models.TextField(_("Reply"), max_length=4000, blank=True)
    upheld = models.BooleanField(_("The objection is right"), default=False)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("pk",)
        verbose_name = _("objection")
        verbose_name_plural = _("Objections")

    def __str__(self) -> str:
        return self.number

    @property
    def organisation(self) -> Organisation:
        """The office that answers."""
        found: Organisation = self.publication.organisation
        return found


class Instalment(models.Model):
    """A part of the approved sum: when it falls due, and the entry of the ledger once it is paid."""

    application = models.ForeignKey(_APPLICATION, models.PROTECT, related_name="instalments")
    position = models.PositiveSmallIntegerField()
    amount = models.DecimalField(_("Amount (CNY)"), max_digits=15, decimal_places=2)
    due_on = models.DateField(_("Due on"))
    after = models.CharField(_("After"), max_length=120, blank=True)
    """The milestone it waits for, in words."""
    after_inspection = models.BooleanField(_("After the final inspection"), default=False)
    reached_on = models.DateField(_("Milestone reached on"), null=True, blank=True)
    paid_on = models.DateField(_("Paid on"), null=True, blank=True)
    document = models.CharField(_("Number of the document"), max_length=120, blank=True)
    payee = models.CharField(max_length=300, blank=True)
    """Holder, bank and account it was paid to."""
    entry = models.ForeignKey("support.LedgerEntry", models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("application", "position")
        verbose_name = _("instalment")
        verbose_name_plural = _("Instalments")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("application", "position", name="instalment_position_once"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="instalment_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.position} · ¥{self.amount:,.2f}"

    @property
    def organisation(self) -> Organisation:
        """The office that pays."""
        found: Organisation = self.application.office
        return found


class AccountChange(models.Model):
    """Another bank account after the approval: nothing is paid until two officials have confirmed it."""

    application = models.ForeignKey(_APPLICATION, models.PROTECT, related_name="account_changes")
    account_holder = models.CharField(_("Account holder"), max_length=120)
    bank = models.CharField(_("Bank"), max_length=120)
    account = models.CharField(_("Bank account"), max_length=40)
    reason = models.TextField(_("Reason"), max_length=2000)
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    checked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    checked_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    accepted = models.BooleanField(default=False)

    class Meta:
        ordering = ("pk",)
        verbose_name = _("change of a bank account")
        verbose_name_plural = _("Changes of bank accounts")

    def __str__(self) -> str:
        return f"{self.account_holder} · {self.bank} · {masked_account(self.account)}"

    @property
    def organisation(self) -> Organisation:
        """The applicant."""
        found: Organisation = self.application.organisation
        return found


def masked_account(account: str) -> str:
    """``6222…1234``: enough to compare, not enough to use."""
    return f"{account[:4]}…{account[-4:]}" if len(account) > 8 else "…"


def paid_so_far(application: Application) -> models.QuerySet[Instalment]:
    """Instalments that are paid."""
    return Instalment.objects.filter(application=application, paid_on__isnull=False)

"""Filings, and every message about them."""

from __future__ import annotations

import time
import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gongfu.identity.filing import rules, subjects, wire
from gongfu.identity.filing.rules import Kind
from gongfu.identity.filing.workflow import Direction, FilingWorkflow
from gongfu.identity.peers.models import Peer
from gongfu.identity.registry.models import Prefix
from gongfu.kernel.accounts.models import Organisation, OwnedModel, User
from gongfu.kernel.errors import unpacked
from gongfu.kernel.settings import settings


def new_id() -> str:
    """An identity that both nodes use."""
    return uuid.uuid4().hex


class Filing(FilingWorkflow, OwnedModel):
    """A prefix or an enterprise on its way through review: the same thing at two nodes, each with its copy.

    Filed by this node it belongs to the enterprise it is about; filed from below, to the operator of this node.
    """

    class About(models.TextChoices):
        """What is filed."""

        PREFIX = "prefix", _("Prefix")
        ENTERPRISE = "enterprise", _("Enterprise")

    uid = models.CharField(max_length=32, default=new_id, editable=False)
    direction = models.CharField(
        _("Direction"), max_length=4, choices=Direction.choices, default=Direction.UP, editable=False
    )
    peer = models.ForeignKey(
        Peer,
        models.PROTECT,
        related_name="filings",
        verbose_name=_("Other node"),
        limit_choices_to={"role": Peer.Role.ABOVE, "state": Peer.State.PAIRED},
    )
    about = models.CharField(_("Kind"), max_length=12, choices=About.choices, editable=False)
    name = models.CharField(_("Subject"), max_length=64, editable=False)
    prefix = models.ForeignKey(
        Prefix,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Prefix"),
        help_text=_("Empty: the enterprise itself is filed, with all its prefixes."),
    )
    contact = models.CharField(_("Contact"), max_length=80, blank=True)
    phone = models.CharField(_("Telephone"), max_length=40, blank=True)
    remark = models.TextField(_("Remark"), max_length=2000, blank=True)
    version = models.PositiveIntegerField(_("Version"), default=0, editable=False)
    content = models.TextField(blank=True, editable=False)
    """The version as it was sent: JSON of :data:`wire.Subject`."""
    number = models.CharField(_("Filing number"), max_length=64, blank=True, editable=False, db_index=True)
    reason = models.TextField(_("Reason"), blank=True, editable=False)
    """Of the last step that had one."""

    class Meta:
        verbose_name = _("filing")
        verbose_name_plural = _("Filings")
        ordering = ("-updated_at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["peer", "uid"], name="filing_once")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def subject(self) -> wire.Subject | None:
        """The version that was sent last."""
        return wire.subject(self.content.encode()) if self.content else None

    def compose(self) -> None:
        """The next version, of the prefix or the enterprise as it is now."""
        made = subjects.subject(self.organisation, self.prefix, self.contact, self.phone, self.remark)
        self.version += 1
        self.content = wire.encode_subject(made).decode()
        self.name = made.name

    def assign_number(self) -> None:
        """The next one of the year; whoever gives out another meanwhile waits for the end of this transaction."""
        if not self.number:
            Organisation.objects.select_for_update().filter(pk=self.organisation_id).first()
            node, year = settings().identifier_prefix, timezone.localtime().year
            before = rules.number(node, year, 0).removesuffix("000000")
            last = (
                Filing.objects.filter(direction=Direction.DOWN, number__startswith=before).order_by("-number").first()
            )
            count = int(last.number.removeprefix(before)) if last else 0
            self.number = rules.number(node, year, count + 1)

    def tell(self, kind: Kind, user: User, reason: str) -> None:
        """Queue the message; the worker carries it."""
        if reason:
            self.reason = reason
        message = wire.Message(
            id=new_id(),
            kind=kind,
            filing=self.uid,
            version=self.version,
            time=int(time.time()),
            by=str(user)[:200],
            subject=self.subject if kind in (Kind.SUBMIT, Kind.CORRECT) else None,
            reason=reason,
            number=self.number if kind is Kind.ACCEPT else "",
        )
        FilingMessage.objects.create(
            peer=self.peer,
            filing=self,
            uid=message.id,
            kind=kind.value,
            version=self.version,
            body=wire.encode(message).decode(),
        )


class FilingMessage(models.Model):
    """A message in the queue to another node, or one that came from there."""

    class Way(models.TextChoices):
        """Seen from here."""

        OUT = "out", _("Sent")
        IN = "in", _("Received")

    class State(models.TextChoices):
        """What became of it."""

        QUEUED = "queued", _("Waiting")
        DONE = "done", _("Delivered")
        LATE = "late", _("Too late, without effect")
        REFUSED = "refused", _("Refused")

    class KindChoice(models.TextChoices):
        """:class:`~gongfu.identity.filing.rules.Kind` with its names."""

        SUBMIT = Kind.SUBMIT.value, _("Submission")
        CORRECT = Kind.CORRECT.value, _("Correction")
        REVIEW = Kind.REVIEW.value, _("Review begun")
        RETURN = Kind.RETURN.value, _("Return for correction")
        ACCEPT = Kind.ACCEPT.value, _("Acceptance")
        REJECT = Kind.REJECT.value, _("Rejection")
        WITHDRAW = Kind.WITHDRAW.value, _("Withdrawal")

    peer = models.ForeignKey(Peer, models.CASCADE, related_name="+", verbose_name=_("Other node"))
    filing = models.ForeignKey(Filing, models.CASCADE, null=True, related_name="messages", verbose_name=_("filing"))
    way = models.CharField(_("Way"), max_length=4, choices=Way.choices, default=Way.OUT)
    uid = models.CharField(max_length=32)
    kind = models.CharField(_("Message"), max_length=12, choices=KindChoice.choices)
    version = models.PositiveIntegerField(_("Version"))
    body = models.TextField()
    state = models.CharField(_("State"), max_length=8, choices=State.choices, default=State.QUEUED, db_index=True)
    attempts = models.PositiveIntegerField(_("Attempts"), default=0)
    error = models.TextField(blank=True)
    """As :func:`gongfu.kernel.errors.packed` writes it."""
    receipt = models.TextField(blank=True)
    created_at = models.DateTimeField(_("Time"), auto_now_add=True)
    settled_at = models.DateTimeField(_("Delivered"), null=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("Messages between nodes")
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["peer", "way", "uid"], name="message_once")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.version}"

    @property
    def message(self) -> wire.Message:
        """What it says."""
        return wire.decode(self.body.encode())

    @property
    def trouble(self) -> str:
        """Why it was not delivered or was refused, in the reader's language."""
        return unpacked(self.error)

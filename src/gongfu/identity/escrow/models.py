"""Where this node's data goes, and every set that was made here or is kept for a node below."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from gongfu.identity.peers.models import Peer
from gongfu.kernel.accounts.models import OwnedModel
from gongfu.kernel.errors import unpacked
from gongfu.kernel.settings import settings


class EscrowPlan(OwnedModel):
    """Escrow with one node above."""

    peer = models.OneToOneField(Peer, models.PROTECT, related_name="+", verbose_name=_("Node above"))
    series = models.CharField(_("Series"), max_length=16, unique=True)
    recovery_key = models.CharField(max_length=64)
    """X25519 public key of the recovery text, hexadecimal; the private half is on paper only."""
    released = models.BooleanField(
        _("The node above may open it"),
        default=False,
        help_text=_("Otherwise it keeps what it cannot read, and only the recovery text opens it."),
    )
    every_minutes = models.PositiveIntegerField(
        _("Minutes between increments"), default=60, validators=[MinValueValidator(1), MaxValueValidator(43_200)]
    )
    snapshot_days = models.PositiveIntegerField(
        _("Days between snapshots"), default=30, validators=[MinValueValidator(1), MaxValueValidator(366)]
    )
    next_at = models.DateTimeField(_("Next set"), null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name = _("data escrow")
        verbose_name_plural = _("Data escrow")

    def __str__(self) -> str:
        return f"{self.peer} {self.series}"

    @property
    def folder(self) -> Path:
        """Where its sets lie at this node."""
        return settings().home / "escrow" / self.series

    @property
    def cursor(self) -> str:
        """Its name among the readers of the journal."""
        return f"escrow:{self.peer.node}"

    @property
    def trouble(self) -> str:
        """What went wrong last, in the reader's language."""
        return unpacked(self.last_error)


class EscrowSet(OwnedModel):
    """A snapshot or an increment."""

    class Way(models.TextChoices):
        """Seen from here."""

        UP = "up", _("Ours, at the node above")
        DOWN = "down", _("Kept for a node below")

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", _("On its way")
        STORED = "stored", _("Stored above")
        DAMAGED = "damaged", _("Damaged")

    class Kind(models.TextChoices):
        """:class:`gongfu.identity.escrow.wire.Kind`."""

        SNAPSHOT = "snapshot", _("Snapshot")
        INCREMENT = "increment", _("Increment")

    peer = models.ForeignKey(Peer, models.PROTECT, related_name="+", verbose_name=_("Other node"))
    way = models.CharField(_("Way"), max_length=4, choices=Way.choices)
    series = models.CharField(_("Series"), max_length=16)
    number = models.PositiveIntegerField(_("Number"))
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind.choices)
    first = models.PositiveBigIntegerField(_("First change"))
    last = models.PositiveBigIntegerField(_("Last change"))
    records = models.PositiveBigIntegerField(_("Records"))
    octets = models.PositiveBigIntegerField(_("Size"))
    parts = models.PositiveIntegerField(_("Chunks"))
    missing = models.PositiveIntegerField(_("Chunks still to send"), default=0)
    state = models.CharField(_("State"), max_length=8, choices=State.choices, default=State.WAITING)
    made_at = models.DateTimeField(_("Made"))
    verified_at = models.DateTimeField(_("Verified"), null=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name = _("escrow set")
        verbose_name_plural = _("Escrow sets")
        ordering = ("-made_at", "-number")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["peer", "way", "series", "number"], name="escrow_set_once")
        ]

    def __str__(self) -> str:
        return f"{self.series}/{self.number:06d}"

    @property
    def folder(self) -> Path:
        """The folder of its series."""
        home = settings().home
        return home / "escrow" / self.series if self.way == self.Way.UP else kept_folder(self.peer, self.series)

    @property
    def trouble(self) -> str:
        """What is wrong with it, in the reader's language."""
        return unpacked(self.error)


def kept_folder(peer: Peer, series: str) -> Path:
    """Where a series of a node below is kept here; thumbprint and series are checked before they become a path."""
    return settings().home / "escrow-kept" / peer.node / series

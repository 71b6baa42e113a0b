"""Paired nodes, and the numbers of requests that were received lately."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from gongfu.identity.peers import jws
from gongfu.identity.peers.channel import Remote
from gongfu.kernel.accounts.models import OwnedModel
from gongfu.kernel.errors import unpacked


class Peer(OwnedModel):
    """Another node: the one above, which reviews us, or one below, which we review. It belongs to our operator."""

    class Role(models.TextChoices):
        """Where it stands, seen from here."""

        ABOVE = "above", _("Above this node")
        BELOW = "below", _("Below this node")

    class State(models.TextChoices):
        """Whether it may talk to us."""

        INVITED = "invited", _("Invited")
        PAIRED = "paired", _("Paired")
        SUSPENDED = "suspended", _("Suspended")

    name = models.CharField(_("Name"), max_length=80)
    role = models.CharField(_("Above or below"), max_length=8, choices=Role.choices)
    url = models.CharField(
        _("Address"), max_length=200, help_text=_("As people open its console, such as https://node.example.com.")
    )
    state = models.CharField(_("State"), max_length=12, choices=State.choices, default=State.INVITED)
    public_key = models.CharField(_("Public key"), max_length=64, blank=True)
    """Ed25519, base64url; pinned at pairing."""
    exchange_key = models.CharField(max_length=64, blank=True)
    """X25519, base64url: data for this node alone is encrypted to it."""
    node = models.CharField(_("Key thumbprint"), max_length=64, blank=True, db_index=True)
    invitation = models.CharField(max_length=32, blank=True)
    secret_digest = models.CharField(max_length=64, blank=True)
    """SHA-256 of the one-time secret."""
    invited_until = models.DateTimeField(_("Invitation valid until"), null=True)
    heard_at = models.DateTimeField(_("Last heard of"), null=True)
    failures = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(_("Next attempt"), null=True)
    last_error = models.TextField(blank=True)
    """As :func:`gongfu.kernel.errors.packed` writes it."""

    class Meta:
        verbose_name = _("node")
        verbose_name_plural = _("Nodes above and below")
        ordering = ("role", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["node"], condition=~models.Q(node=""), name="peer_once")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def remote(self) -> Remote:
        """Where and whom to call."""
        return Remote(self.url, jws.decode64(self.public_key))

    @property
    def trouble(self) -> str:
        """What keeps it from being reached, in the reader's language; empty when nothing does."""
        return unpacked(self.last_error)


class Nonce(models.Model):
    """A request that was taken from a peer, remembered for as long as its time could be believed."""

    peer = models.ForeignKey(Peer, models.CASCADE, related_name="+")
    value = models.CharField(max_length=64)
    seen_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["peer", "value"], name="nonce_once")
        ]

    def __str__(self) -> str:
        return self.value

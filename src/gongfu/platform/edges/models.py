"""Edge nodes: how they join, what they said of themselves, and the orders they got. Rules: ``rule_models``."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import OwnedModel
from gongfu.kernel.errors import unpacked
from gongfu.network.edge.contract import ForwardOrder, Upgrade
from gongfu.platform.devices.models import Place
from gongfu.platform.edges import rules
from gongfu.platform.edges.rule_models import EdgeRule as EdgeRule  # Django finds models here
from gongfu.platform.edges.workflow import EdgeLife

revoked = Signal()
"""The credentials of ``edge`` are worthless, in a transaction that is not committed yet."""


class Edge(EdgeLife, OwnedModel):
    """A small machine near the devices that reads them, keeps what it read, and goes on when this node is away."""

    class UpgradeState(models.TextChoices):
        """How far an upgrade is, :class:`gongfu.network.edge.contract.Upgrade`."""

        NONE = Upgrade.NONE.value, _("None")
        FETCHING = Upgrade.FETCHING.value, _("Fetching")
        INSTALLING = Upgrade.INSTALLING.value, _("Installing")
        TRYING = Upgrade.TRYING.value, _("Being tried")
        DONE = Upgrade.DONE.value, _("Done")
        ROLLED_BACK = Upgrade.ROLLED_BACK.value, _("Rolled back")
        FAILED = Upgrade.FAILED.value, _("Failed")

    class Forwarding(models.TextChoices):
        """What is sent first when the link is back."""

        OLDEST = ForwardOrder.OLDEST.value, _("Oldest first")
        NEWEST = ForwardOrder.NEWEST.value, _("Newest first")

    code = models.CharField(
        _("Edge code"),
        max_length=40,
        unique=True,
        validators=[RegexValidator(rf"^{rules.CODE.pattern}\Z")],
        help_text=_("Lower-case letters, digits and dashes. Devices name it as their gateway; it never changes."),
    )
    name = models.CharField(_("Name"), max_length=80)
    place = models.ForeignKey(Place, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("Place"))
    remark = models.CharField(_("Remark"), max_length=200, blank=True)

    generation = models.PositiveIntegerField(_("Generation of credentials"), default=0, editable=False)
    """Counts joinings: what was handed out under another one is worthless."""
    admitted = models.BooleanField(default=False, editable=False)
    """Whether the credentials of this generation are in force."""
    state_since = models.DateTimeField(_("Since"), null=True, editable=False)
    joined_at = models.DateTimeField(_("Joined"), null=True, editable=False)
    last_seen_at = models.DateTimeField(_("Last seen"), null=True, editable=False)
    started_at = models.DateTimeField(_("Started at"), null=True, editable=False)
    host = models.CharField(_("Host name"), max_length=200, blank=True, editable=False)
    version = models.CharField(_("Version"), max_length=200, blank=True, editable=False)
    platform = models.CharField(_("Platform"), max_length=200, blank=True, editable=False)
    clock_offset = models.FloatField(_("Clock offset (s)"), null=True, editable=False)
    """Seconds to add to its clock to have this node's."""
    disk_free = models.BigIntegerField(_("Free disk (bytes)"), default=0, editable=False)
    backlog = models.BigIntegerField(_("Backlog (messages)"), default=0, editable=False)
    backlog_bytes = models.BigIntegerField(_("Backlog (bytes)"), default=0, editable=False)
    backlog_limit = models.BigIntegerField(default=0, editable=False)
    backlog_since = models.DateTimeField(_("Oldest of the backlog"), null=True, editable=False)
    forwarded = models.BigIntegerField(_("Readings forwarded"), default=0, editable=False)
    """Since it started."""
    forwarding = models.CharField(
        _("Forwarding"), max_length=8, choices=Forwarding.choices, default=Forwarding.OLDEST, editable=False
    )
    device_states = models.JSONField(default=dict, editable=False)
    """Status of a device → how many."""
    processes = models.JSONField(default=dict, editable=False)
    """Name → state, as its supervisor says."""
    errors = models.JSONField(default=list, editable=False)
    """The newest problems, packed."""
    upgrade = models.CharField(
        _("Upgrade"), max_length=12, choices=UpgradeState.choices, default=UpgradeState.NONE, editable=False
    )
    upgrade_detail = models.CharField(max_length=500, blank=True, editable=False)

    rules_version = models.PositiveIntegerField(_("Version of its rules"), default=0, editable=False)
    """The newest that this node made; grows with each change."""
    rules_content = models.TextField(default="", editable=False)
    """JSON of the rules of that version, unsigned."""
    rules_seen = models.PositiveIntegerField(_("Rules in force"), default=0, editable=False)
    """The version that it says it obeys."""
    rules_problem = models.CharField(_("Problem with its rules"), max_length=1000, blank=True, editable=False)
    rules_fired = models.BigIntegerField(_("Rules acted"), default=0, editable=False)

    class Meta:
        verbose_name = _("edge node")
        verbose_name_plural = _("Edge nodes")
        ordering = ("organisation", "code")

    def __str__(self) -> str:
        return self.name

    @property
    def has_joined(self) -> bool:
        """Whether a machine bears it now."""
        return self.state in (self.State.ONLINE, self.State.OFFLINE)

    @property
    def told(self) -> list[str]:
        """What is wrong with it, in the reader's language."""
        return [unpacked(text, get_language()) for text in [self.rules_problem, *self.errors] if text]

    @property
    def upgrade_told(self) -> str:
        """Which version is tried, or why it failed, in the reader's language."""
        return unpacked(self.upgrade_detail, get_language())

    def revoke(self) -> None:
        """As :class:`EdgeLife` says; an open invitation goes as well."""
        self.admitted = False
        self.tokens.filter(used_at=None).delete()
        revoked.send(Edge, edge=self)


class JoinToken(OwnedModel):
    """An invitation for one edge node. Only its digest is kept; it works once, and only for a while."""

    edge = models.ForeignKey(Edge, models.CASCADE, related_name="tokens", verbose_name=_("Edge node"))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(_("Valid until"))
    used_at = models.DateTimeField(_("Used"), null=True, editable=False)
    used_from = models.CharField(_("Used from"), max_length=45, blank=True, editable=False)

    class Meta:
        verbose_name = _("join token")
        verbose_name_plural = _("join tokens")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return str(self.edge)

    @property
    def is_open(self) -> bool:
        """Whether it can still be used."""
        return self.used_at is None and self.expires_at > timezone.now()


class Sample(models.Model):
    """What an edge node had not sent yet at some moment: a point of its chart."""

    KEPT: ClassVar[dt.timedelta] = dt.timedelta(hours=24)
    edge = models.ForeignKey(Edge, models.CASCADE, related_name="samples")
    at = models.DateTimeField()
    backlog = models.BigIntegerField()
    forwarded = models.BigIntegerField()

    class Meta:
        verbose_name = _("sample of a backlog")
        verbose_name_plural = _("samples of backlogs")
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["edge", "-at"], name="edge_samples")]

    def __str__(self) -> str:
        return f"{self.edge_id} {self.at:%H:%M:%S}"


class Happening(models.Model):
    """Something that happened to an edge node by itself; what people did stands in the audit log."""

    class Kind(models.TextChoices):
        """What."""

        JOINED = "joined", _("Joined")
        ONLINE = "online", _("Online")
        OFFLINE = "offline", _("Offline")
        RESTARTED = "restarted", _("Restarted")
        VERSION = "version", _("Another version")
        RULES = "rules", _("Rules in force")
        REFUSED = "refused", _("Rules refused")
        UPGRADE = "upgrade", _("Upgrade")
        CLOCK = "clock", _("Clock wrong")

    MOST: ClassVar[int] = 200
    edge = models.ForeignKey(Edge, models.CASCADE, related_name="happenings")
    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind.choices)
    detail = models.CharField(_("Detail"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("happening")
        verbose_name_plural = _("happenings")
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["edge", "-id"], name="edge_happenings")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.detail}".strip()

    def get_detail_display(self) -> str:
        """The detail in the reader's language."""
        return unpacked(self.detail, get_language())


class EdgeOrder(OwnedModel):
    """Something that somebody told an edge node to do, and what came of it."""

    class Kind(models.TextChoices):
        """What was ordered, :data:`gongfu.network.edge.contract.EdgeOrder`."""

        LOGS = "logs", _("Show its log")
        RESTART = "restart", _("Restart")
        FORWARD = "forward", _("Order of forwarding")
        UPGRADE = "upgrade", _("Upgrade")

    class State(models.TextChoices):
        """How it ended."""

        DONE = "done", _("Accepted")
        FAILED = "failed", _("Not done")

    edge = models.ForeignKey(Edge, models.CASCADE, related_name="orders", verbose_name=_("Edge node"))
    kind = models.CharField(_("Order"), max_length=8, choices=Kind.choices)
    detail = models.CharField(_("Detail"), max_length=500, blank=True)
    state = models.CharField(_("State"), max_length=8, choices=State.choices)
    problem = models.CharField(_("Problem"), max_length=1000, blank=True)
    """Packed error."""

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("Orders to edge nodes")
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["edge", "-id"], name="edge_orders")]

    def __str__(self) -> str:
        return f"{self.edge}: {self.get_kind_display()}"

    def get_problem_display(self) -> str:
        """Why it was not done, in the reader's language."""
        return unpacked(self.problem, get_language())

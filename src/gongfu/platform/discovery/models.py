"""Who may scan which networks, the scans, and what they found."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import OwnedModel
from gongfu.kernel.errors import GongfuError, unpacked
from gongfu.network.discovery import ranges
from gongfu.network.discovery.shapes import Order
from gongfu.network.drivers.contract import Point


def _check_networks(text: str) -> None:
    try:
        ranges.permitted([text])
    except GongfuError as error:
        raise ValidationError(error.text(get_language())) from error


class ScanPermit(OwnedModel):
    """The engineers of an organisation may look for devices, in these networks. Without one they may not."""

    enabled = models.BooleanField(_("Permitted"), default=False)
    networks = models.TextField(
        _("Networks"),
        max_length=2000,
        validators=[_check_networks],
        help_text=_(
            "Such as 192.168.1.0/24, one on a line. The gateway's setting discovery_ranges must hold them too."
        ),
    )
    gateway = models.SlugField(_("Gateway"), max_length=63, default="local")

    class Meta:
        verbose_name = _("permission to scan")
        verbose_name_plural = _("Networks for discovery")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", name="scan_permit_once_in_organisation")
        ]

    def __str__(self) -> str:
        return str(self.organisation)


class Scan(OwnedModel):
    """One scan that somebody started."""

    class State(models.TextChoices):
        """How far it is."""

        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    token = models.CharField(max_length=32, unique=True, editable=False)
    """By which the gateway knows it."""
    gateway = models.CharField(_("Gateway"), max_length=63)
    targets = models.CharField(_("Addresses"), max_length=2000)
    content = models.JSONField(default=dict, editable=False)
    """:class:`gongfu.network.discovery.shapes.Order` in JSON."""
    state = models.CharField(_("State"), max_length=8, choices=State.choices, default=State.RUNNING)
    tried = models.PositiveIntegerField(_("Tried"), default=0)
    total = models.PositiveIntegerField(_("To try"), default=0)
    current = models.CharField(max_length=60, blank=True)
    found = models.PositiveIntegerField(_("Found"), default=0)
    problem = models.CharField(_("Problem"), max_length=1000, blank=True)
    """Packed error."""
    heard_at = models.DateTimeField(null=True, editable=False)
    """When the gateway last told how far it is."""
    finished_at = models.DateTimeField(_("Ended at"), null=True, editable=False)

    class Meta:
        verbose_name = _("scan")
        verbose_name_plural = _("Scans")
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["organisation", "state"], name="scan_by_state")]

    def __str__(self) -> str:
        return self.targets[:80]

    @property
    def order(self) -> Order:
        """What was asked for."""
        return msgspec.convert(self.content, Order)

    @property
    def percent(self) -> int:
        """How far it is."""
        return 100 * self.tried // self.total if self.total else 0

    def get_problem_display(self) -> str:
        """What went wrong, in the reader's language."""
        return unpacked(self.problem, get_language())


class Finding(OwnedModel):
    """Something that answered to a scan."""

    class News(models.TextChoices):
        """Compared with what earlier scans of the organisation found there."""

        NEW = "new", _("New")
        KNOWN = "known", _("Known")
        CHANGED = "changed", _("Another device")

    scan = models.ForeignKey(Scan, models.CASCADE, related_name="findings", verbose_name=_("Scan"))
    number = models.PositiveIntegerField(editable=False)
    """0, 1, … within the scan."""
    address = models.CharField(_("Address"), max_length=45)
    port = models.PositiveIntegerField(_("Port"))
    probe = models.CharField(max_length=40, editable=False)
    protocol = models.CharField(_("Protocol"), max_length=80)
    driver = models.CharField(_("Driver"), max_length=40, blank=True)
    vendor = models.CharField(_("Manufacturer"), max_length=200, blank=True)
    product = models.CharField(_("Product model"), max_length=200, blank=True)
    version = models.CharField(_("Version"), max_length=200, blank=True)
    serial_number = models.CharField(_("Serial number"), max_length=200, blank=True)
    detail = models.CharField(_("Detail"), max_length=200, blank=True)
    news = models.CharField(_("Since the last scan"), max_length=8, choices=News.choices, default=News.NEW)
    options = models.JSONField(default=dict, editable=False)
    """Of the driver: how it is reached."""
    points_json = models.JSONField(default=list, editable=False)
    """What it holds: list of :class:`~gongfu.network.drivers.contract.Point` in JSON."""
    proposals = models.JSONField(default=list, editable=False)
    """Information models that may fit, best first: ``[type, score]`` each."""

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("Findings")
        ordering = ("-scan", "number")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["scan", "number"], name="finding_once_in_scan")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["organisation", "address", "port"], name="finding_by_address")
        ]

    def __str__(self) -> str:
        return f"{self.address}:{self.port} {self.product or self.protocol}"

    @property
    def key(self) -> tuple[str, int, str]:
        """Where and as what it was found."""
        return self.address, self.port, self.probe

    @property
    def points(self) -> list[Point]:
        """What it holds, the first ones."""
        return msgspec.convert(self.points_json, list[Point])

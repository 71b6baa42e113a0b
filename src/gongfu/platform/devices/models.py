"""Places, devices, their tags, and the outbox that carries configuration to gateways."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import OwnedModel
from gongfu.kernel.errors import unpacked
from gongfu.network.gateway.config import Status
from gongfu.platform.devices.workflow import LifeCycle


def _is_english() -> bool:
    return (get_language() or "").startswith("en")


class Place(OwnedModel):
    """Where devices stand: a site, a workshop in it, a line or cell in that."""

    class Kind(models.TextChoices):
        """Levels, after IEC 62264: site, area, line."""

        SITE = "site", _("Site")
        AREA = "area", _("Workshop")
        LINE = "line", _("Line or cell")

    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    kind = models.CharField(_("Kind"), max_length=8, choices=Kind.choices, default=Kind.AREA)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("Part of")
    )
    path = models.CharField(max_length=400, editable=False)
    """Names from the site down, joined by `` / ``: shown in lists without further queries."""
    path_en = models.CharField(max_length=400, editable=False, blank=True)
    """The same of the English names, Chinese where there is none."""

    class Meta:
        verbose_name = _("place")
        verbose_name_plural = _("Places")
        ordering = ("organisation", "path")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "path", name="place_once_in_organisation")
        ]

    def __str__(self) -> str:
        return (self.path_en if _is_english() else self.path) or self.name

    def tell_path(self) -> None:
        """Both paths follow from the names here and the paths of the place above."""
        above, english = (f"{self.parent.path} / ", f"{self.parent.path_en} / ") if self.parent else ("", "")
        self.path, self.path_en = above + self.name, english + (self.name_en or self.name)


class Device(LifeCycle, OwnedModel):
    """One machine: what it is, whose, where, how it is reached, and how it is doing."""

    class Connection(models.TextChoices):
        """What the gateway last said; unknown before it said anything."""

        UNKNOWN = "unknown", _("Not connected yet")
        CONNECTING = Status.CONNECTING.value, _("Connecting")
        ONLINE = Status.ONLINE.value, _("Online")
        OFFLINE = Status.OFFLINE.value, _("Offline")
        REFUSED = Status.REFUSED.value, _("Configuration refused")

    key = models.CharField(_("Key"), max_length=64, help_text=_("Short code, part of its identifier and topics."))
    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    type = models.CharField(_("Type"), max_length=64)
    place = models.ForeignKey(
        Place, models.PROTECT, null=True, blank=True, related_name="devices", verbose_name=_("Place")
    )
    manufacturer = models.CharField(_("Manufacturer"), max_length=80, blank=True)
    product = models.CharField(_("Product model"), max_length=80, blank=True)
    serial_number = models.CharField(_("Serial number"), max_length=80, blank=True)
    made_on = models.DateField(_("Date of manufacture"), null=True, blank=True)
    nameplate = models.JSONField(_("Nameplate"), default=dict, blank=True)
    """Further lines of the nameplate: key of the information model's field → text."""
    identifier = models.CharField(_("Identifier"), max_length=255, unique=True, null=True, editable=False)

    gateway = models.CharField(_("Gateway"), max_length=64, default="local")
    driver = models.CharField(_("Driver"), max_length=64)
    options = models.JSONField(_("Connection options"), default=dict, blank=True)
    secret_options = models.JSONField(default=dict, blank=True, editable=False)
    """Passwords among the options, by the driver's manifest: written by people, read only by the gateway."""
    interval = models.FloatField(
        _("Sampling interval (s)"), default=1.0, validators=[MinValueValidator(0.01), MaxValueValidator(86400)]
    )

    connection = models.CharField(
        _("Connection"), max_length=16, choices=Connection.choices, default=Connection.UNKNOWN, editable=False
    )
    connection_since = models.DateTimeField(_("Since"), null=True, editable=False)
    last_reading_at = models.DateTimeField(_("Last reading"), null=True, editable=False)
    problem = models.CharField(_("Problem"), max_length=500, blank=True, editable=False)

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("Devices")
        ordering = ("organisation", "key")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "key", name="device_key_once_in_organisation")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["life", "organisation", "connection"], name="device_overview"),
            models.Index(fields=["organisation", "type"], name="device_by_type"),
            models.Index(fields=["name", "id"], name="device_by_name"),
        ]

    def __str__(self) -> str:
        return self.name_en if self.name_en and _is_english() else self.name

    def get_problem_display(self) -> str:
        """What keeps it from working, in the reader's language."""
        return unpacked(self.problem, get_language())

    def tell_gateway(self) -> None:
        """Its configuration, or its withdrawal, reaches the gateway once this transaction commits."""
        Outbox.objects.create(gateway=self.gateway, device=self.pk)

    def leave(self, gateway: str) -> None:
        """It is taken from ``gateway``, which will forget it; how it does at the other one is not known yet."""
        Outbox.objects.create(gateway=gateway, device=self.pk)
        self.connection, self.connection_since, self.problem = self.Connection.UNKNOWN, None, ""


class Tag(OwnedModel):
    """One measured or computed quantity of a device. Its primary key is the series id in the store."""

    id = models.AutoField(primary_key=True)  # 32 bits: the store and the bus carry it as uint32

    class Kind(models.TextChoices):
        """What a value is."""

        NUMBER = "number", _("Number")
        BOOLEAN = "boolean", _("On/off")
        TEXT = "text", _("Text")
        ARRAY = "array", _("Array or waveform")

    NUMERIC: ClassVar[tuple[str, ...]] = (Kind.NUMBER, Kind.BOOLEAN)
    """Kinds that have a limit, a curve and a mean."""

    device = models.ForeignKey(Device, models.CASCADE, related_name="tags", verbose_name=_("Device"))
    key = models.CharField(_("Key"), max_length=64)
    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    kind = models.CharField(_("Kind"), max_length=8, choices=Kind.choices, default=Kind.NUMBER)
    unit = models.CharField(_("Unit"), max_length=20, blank=True)
    decimals = models.PositiveSmallIntegerField(_("Decimals"), default=1, validators=[MaxValueValidator(9)])
    role = models.CharField(_("Role"), max_length=32, blank=True)
    primary = models.BooleanField(_("Headline tag"), default=False)
    position = models.PositiveSmallIntegerField(_("Position"), default=0)

    address = models.CharField(_("Address"), max_length=255, blank=True)
    scale = models.FloatField(_("Scale"), default=1.0)
    offset = models.FloatField(_("Offset"), default=0.0)
    low = models.FloatField(_("Lowest plausible value"), null=True, blank=True)
    high = models.FloatField(_("Highest plausible value"), null=True, blank=True)

    deadband = models.FloatField(
        _("Dead-band"),
        default=0.0,
        validators=[MinValueValidator(0)],
        help_text=_("A value that moved by no more than this is not stored; 0 stores all."),
    )
    percent = models.BooleanField(_("Dead-band in percent"), default=False)
    silence = models.FloatField(
        _("Longest silence (s)"),
        default=60.0,
        validators=[MinValueValidator(0.001)],
        help_text=_("After so long a value within the dead-band is stored all the same."),
    )
    interval = models.FloatField(
        _("Interval of its own (s)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.001)],
        help_text=_("Seconds between two stored values, when longer than the device's."),
    )

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("Tags")
        ordering = ("device", "position", "key")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("device", "key", name="tag_key_once_in_device")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["role", "device"], name="tag_by_role"),
            models.Index(fields=["name", "id"], name="tag_by_name"),
        ]

    def __str__(self) -> str:
        return self.name_en if self.name_en and _is_english() else self.name


class Version(OwnedModel):
    """The whole configuration of a device as somebody made it, or proposes to make it."""

    class State(models.TextChoices):
        """Whether it was ever in force."""

        APPLIED = "applied", _("Applied")
        PROPOSED = "proposed", _("Proposed")
        REFUSED = "refused", _("Turned down")

    device = models.ForeignKey(
        Device, models.CASCADE, null=True, blank=True, related_name="versions", verbose_name=_("Device")
    )
    """None while a new device is only proposed."""
    key = models.CharField(_("Key"), max_length=64)
    number = models.PositiveIntegerField(_("Version"), default=0)
    """1, 2, … within a device; 0 while it is proposed."""
    base = models.PositiveIntegerField(default=0)
    """The version a proposal was made from; 0 for a new device."""
    state = models.CharField(_("State"), max_length=10, choices=State.choices, default=State.APPLIED)
    document = models.TextField(_("Configuration"))
    """Canonical JSON of :class:`gongfu.platform.devices.document.DeviceDocument`, without passwords."""
    secret_options = models.JSONField(default=dict, blank=True, editable=False)
    """Passwords that come with a proposal; gone once it is decided."""
    why = models.CharField(_("Why"), max_length=500, blank=True)
    actor = models.CharField(_("Who"), max_length=150)
    decided_by = models.CharField(_("Decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("Decided"), null=True, editable=False)

    class Meta:
        verbose_name = _("configuration version")
        verbose_name_plural = _("Configuration versions")
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["device", "-number"], name="version_of_device"),
            models.Index(fields=["organisation", "state"], name="version_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.number}" if self.number else self.key


class Approval(OwnedModel):
    """An organisation in which changes of devices take effect only when a second person agrees."""

    class Meta:
        verbose_name = _("approval of changes")
        verbose_name_plural = _("Approval of changes")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", name="approval_once_in_organisation")
        ]

    def __str__(self) -> str:
        return str(self.organisation)


class Import(OwnedModel):
    """A file of devices on its way in: looked at first, then applied, both in the background."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", _("Waiting")
        CHECKED = "checked", _("Looked at")
        APPLYING = "applying", _("Being applied")
        DONE = "done", _("Applied")
        FAILED = "failed", _("Failed")

    file_name = models.CharField(_("File"), max_length=200)
    state = models.CharField(_("State"), max_length=10, choices=State.choices, default=State.WAITING)
    why = models.CharField(_("Why"), max_length=500, blank=True)
    job = models.ForeignKey("tasks.Job", models.SET_NULL, null=True, related_name="+")
    report = models.JSONField(default=dict, editable=False)
    """JSON of :class:`gongfu.platform.devices.importing.Report`."""

    class Meta:
        verbose_name = _("import of devices")
        verbose_name_plural = _("Imports of devices")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.file_name


class Outbox(models.Model):
    """A device whose configuration must reach its gateway; removed when the bus has it.

    Written in the transaction that changed the device, so that no change is lost while the bus is down.
    It names a device by number because the device may be gone by then.
    """

    gateway = models.CharField(max_length=64)
    device = models.BigIntegerField()

    class Meta:
        verbose_name = _("configuration to publish")
        verbose_name_plural = _("configurations to publish")

    def __str__(self) -> str:
        return f"{self.gateway}.{self.device}"

"""Network equipment, links, plans of sites, what was measured, and how the network looked day by day."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import OwnedModel
from gongfu.network.map.addresses import of_text
from gongfu.network.map.measuring import Grade
from gongfu.network.map.shapes import Readiness
from gongfu.network.map.topology import Build
from gongfu.platform.devices.models import Device, Place


class BuildState(models.TextChoices):
    """How far a thing is built."""

    PLANNED = Build.PLANNED.value, _("Planned")
    BUILDING = Build.BUILDING.value, _("Being built")
    IN_USE = Build.IN_USE.value, _("In use")
    RETIRED = Build.RETIRED.value, _("Out of use")


def _check_address(text: str) -> None:
    if of_text(text) is None:
        raise ValidationError(_("Write an address such as 192.168.1.2, [fd00::1]:161 or switch-3:22."))


class Equipment(OwnedModel):
    """A switch, a router, an access point, a gateway: what stands between devices."""

    class Kind(models.TextChoices):
        """What it is."""

        SWITCH = "switch", _("Switch")
        CORE = "core", _("Core switch")
        ROUTER = "router", _("Router")
        FIREWALL = "firewall", _("Firewall")
        ACCESS_POINT = "access_point", _("Wi-Fi access point")
        BASE_STATION = "base_station", _("5G base station")
        TERMINAL = "terminal", _("5G terminal")
        SERIAL_SERVER = "serial_server", _("Serial server")
        CONVERTER = "converter", _("Media converter")
        GATEWAY = "gateway", _("Gateway")
        OTHER = "other", _("Other")

    key = models.CharField(
        _("Key"), max_length=64, help_text=_("Short code on its label. Of a gateway: the name devices know it by.")
    )
    name = models.CharField(_("Name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)
    kind = models.CharField(_("Kind"), max_length=16, choices=Kind.choices, default=Kind.SWITCH)
    place = models.ForeignKey(
        Place, models.PROTECT, null=True, blank=True, related_name="equipment", verbose_name=_("Place")
    )
    ports = models.PositiveSmallIntegerField(_("Ports"), null=True, blank=True, validators=[MaxValueValidator(2048)])
    address = models.CharField(
        _("Management address"),
        max_length=260,
        blank=True,
        validators=[_check_address],
        help_text=_("With a port when connections are to be measured, such as 192.168.1.2:443."),
    )
    manufacturer = models.CharField(_("Manufacturer"), max_length=80, blank=True)
    product = models.CharField(_("Product model"), max_length=80, blank=True)
    serial_number = models.CharField(_("Serial number"), max_length=80, blank=True)
    build = models.CharField(_("State"), max_length=10, choices=BuildState.choices, default=BuildState.IN_USE)
    planned_on = models.DateField(_("Planned date"), null=True, blank=True)
    built_on = models.DateField(_("In use since"), null=True, blank=True)

    class Meta:
        verbose_name = _("network equipment")
        verbose_name_plural = _("Network equipment")
        ordering = ("organisation", "key")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "key", name="equipment_key_once_in_organisation")
        ]

    def __str__(self) -> str:
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name


class Link(OwnedModel):
    """A cable, a fibre, a radio link, a serial line or a tunnel, from equipment to other equipment or a device."""

    class Kind(models.TextChoices):
        """Of what it is made."""

        WIRED = "wired", _("Copper cable")
        FIBRE = "fibre", _("Fibre")
        WIFI = "wifi", _("Wi-Fi")
        FIVE_G = "5g", _("5G")
        SERIAL = "serial", _("Serial line")
        VPN = "vpn", _("VPN")

    kind = models.CharField(_("Kind"), max_length=8, choices=Kind.choices, default=Kind.WIRED)
    a = models.ForeignKey(Equipment, models.CASCADE, related_name="links_from", verbose_name=_("From equipment"))
    a_port = models.CharField(_("Port there"), max_length=40, blank=True)
    b = models.ForeignKey(
        Equipment, models.CASCADE, null=True, blank=True, related_name="links_to", verbose_name=_("To equipment")
    )
    device = models.ForeignKey(
        Device, models.CASCADE, null=True, blank=True, related_name="links", verbose_name=_("To device")
    )
    b_port = models.CharField(_("Port at that end"), max_length=40, blank=True)
    bandwidth = models.FloatField(
        _("Bandwidth (Mbit/s)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0001), MaxValueValidator(10_000_000)],
    )
    medium = models.CharField(_("Medium"), max_length=60, blank=True, help_text=_("Such as Cat 6, OM3, n78, RS-485."))
    build = models.CharField(_("State"), max_length=10, choices=BuildState.choices, default=BuildState.IN_USE)
    planned_on = models.DateField(_("Planned date"), null=True, blank=True)
    built_on = models.DateField(_("In use since"), null=True, blank=True)

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("Links")
        ordering = ("organisation", "a", "pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(b__isnull=False, device__isnull=True) | Q(b__isnull=True, device__isnull=False),
                name="link_has_one_far_end",
            )
        ]

    def __str__(self) -> str:
        return f"{self.a} – {self.b or self.device}"


class Plan(OwnedModel):
    """A drawing of a site on which things are put where they stand."""

    place = models.ForeignKey(Place, models.CASCADE, related_name="plans", verbose_name=_("Place"))
    name = models.CharField(_("Name"), max_length=80)
    media = models.CharField(_("Format"), max_length=20, editable=False)
    width = models.PositiveIntegerField(_("Width"), editable=False)
    height = models.PositiveIntegerField(_("Height"), editable=False)
    data = models.BinaryField()

    class Meta:
        verbose_name = _("plan of a site")
        verbose_name_plural = _("Plans of sites")
        ordering = ("organisation", "place__path", "name")

    def __str__(self) -> str:
        return self.name


class Position(OwnedModel):
    """Where somebody put a node: on the drawing, or on a plan in points of the picture."""

    plan = models.ForeignKey(Plan, models.CASCADE, null=True, blank=True, related_name="positions")
    node = models.CharField(max_length=80)
    x = models.FloatField()
    y = models.FloatField()

    class Meta:
        verbose_name = _("position on the map")
        verbose_name_plural = _("positions on the map")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "plan", "node", name="position_once_on_plan"),
            models.UniqueConstraint(
                fields=["organisation", "node"], condition=Q(plan__isnull=True), name="position_once_on_drawing"
            ),
        ]

    def __str__(self) -> str:
        return self.node


class Measuring(OwnedModel):
    """Whether gateways send probes to the devices of an organisation. Without this they only watch what passes."""

    enabled = models.BooleanField(
        _("Send probes"), default=False, help_text=_("Off: quality follows from the polling of devices alone.")
    )
    minutes = models.PositiveSmallIntegerField(
        _("Every … minutes"), default=5, validators=[MinValueValidator(1), MaxValueValidator(1440)]
    )
    probes = models.PositiveSmallIntegerField(
        _("Probes each time"), default=5, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    gateway = models.SlugField(
        _("Gateway for equipment"), max_length=63, default="local", help_text=_("Devices are measured by their own.")
    )
    measured_at = models.DateTimeField(_("Last measured"), null=True, editable=False)

    class Meta:
        verbose_name = _("measuring of an organisation")
        verbose_name_plural = _("Measuring")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", name="measuring_once_in_organisation")
        ]

    def __str__(self) -> str:
        return str(self.organisation)


class Quality(OwnedModel):
    """The newest that is known of the way to a node: milliseconds, shares, amounts a second."""

    node = models.CharField(max_length=80)
    at = models.DateTimeField()
    grade = models.CharField(max_length=10, default=Grade.UNKNOWN.value)
    method = models.CharField(max_length=8, blank=True)
    probed_at = models.DateTimeField(null=True)
    latency = models.FloatField(null=True)
    p95 = models.FloatField(null=True)
    jitter = models.FloatField(null=True)
    loss = models.FloatField(null=True)
    connect = models.FloatField(null=True)
    service = models.CharField(max_length=8, blank=True)
    ipv6 = models.CharField(max_length=10, default=Readiness.UNKNOWN.value)
    mtu = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True)
    round_trip = models.FloatField(null=True)
    """Of a round of polling."""
    late = models.FloatField(null=True)
    """Share of rounds that were left out since the last look."""
    reconnects = models.PositiveIntegerField(default=0)
    rate = models.FloatField(null=True)
    volume = models.FloatField(null=True)

    class Meta:
        verbose_name = _("quality of a link")
        verbose_name_plural = _("qualities of links")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "node", name="quality_once_of_node")
        ]

    def __str__(self) -> str:
        return self.node


class QualityDay(OwnedModel):
    """A day of measurements of one node: :class:`gongfu.network.map.days.Day`."""

    node = models.CharField(max_length=80)
    day = models.DateField()
    packed = models.BinaryField()

    class Meta:
        verbose_name = _("day of measurements")
        verbose_name_plural = _("days of measurements")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "node", "day", name="quality_day_once_of_node")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["day"], name="quality_day_by_day")]

    def __str__(self) -> str:
        return f"{self.node} {self.day}"


class Snapshot(OwnedModel):
    """How the network looked on a day, as it stood when last taken on that day."""

    day = models.DateField(_("Day"))
    taken_at = models.DateTimeField(_("Taken"))
    entries = models.JSONField(default=dict, editable=False)
    """Node or link → :class:`gongfu.network.map.differing.Entry` in JSON."""

    class Meta:
        verbose_name = _("picture of the network")
        verbose_name_plural = _("pictures of the network")
        ordering = ("organisation", "-day")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", "day", name="snapshot_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.organisation} {self.day}"

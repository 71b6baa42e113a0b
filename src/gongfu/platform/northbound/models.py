"""What an organisation offers to programs of other makers."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import OwnedModel

_PORTS = [MinValueValidator(1), MaxValueValidator(65535)]


class Offer(OwnedModel):
    """All devices of one organisation that are in service, in up to three protocols; REST is always there."""

    opcua_port = models.PositiveIntegerField(_("OPC UA port"), null=True, blank=True, validators=_PORTS)
    modbus_port = models.PositiveIntegerField(_("Modbus TCP port"), null=True, blank=True, validators=_PORTS)
    sparkplug = models.BooleanField(
        _("Sparkplug B"), default=False, help_text=_("As an edge node on the node's own MQTT port.")
    )
    writes = models.BooleanField(
        _("Writing"), default=False, help_text=_("Clients may set set-points, checked as a person's command is.")
    )
    units = models.JSONField(default=dict, editable=False)
    """Device number → Modbus unit; kept when a device goes, so that no unit ever means another device."""

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("Northbound serving")
        ordering = ("organisation",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("organisation", name="northbound_once_in_organisation"),
            models.UniqueConstraint("opcua_port", name="northbound_opcua_port_once"),
            models.UniqueConstraint("modbus_port", name="northbound_modbus_port_once"),
        ]

    def __str__(self) -> str:
        return str(self.organisation)

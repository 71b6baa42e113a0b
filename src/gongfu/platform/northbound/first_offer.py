"""The first device of an organisation is served to other programs as soon as it is set up, if its maker wants that."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import SIMULATOR_PORTS, settings
from gongfu.platform.devices.beside import Beside
from gongfu.platform.devices.models import Device
from gongfu.platform.northbound import services
from gongfu.platform.northbound.models import Offer

_PORTS: Final = 200
"""How many ports behind those of the demonstration plant are tried."""


def _useful(organisation: Organisation) -> bool:
    return not Offer.objects.filter(organisation=organisation).exists()


def _perform(user: User, device: Device) -> str:
    organisation = device.organisation
    if not can_edit.test(user, organisation):
        raise Forbidden(mark("You may not change devices of {organisation}."), organisation=organisation)
    offer = Offer(organisation=organisation, opcua_port=_free_port(), created_by=user)
    services.prepare(offer)
    audit.record(user, "create", offer, after=audit.state(offer))
    return _("Other programs can read it as OPC UA on port %(port)d.") % {"port": offer.opcua_port}


def _free_port() -> int:
    first = settings().simulator_base_port + SIMULATOR_PORTS
    taken = {port for pair in Offer.objects.values_list("opcua_port", "modbus_port") for port in pair}
    for port in range(first, min(first + _PORTS, 65_536)):
        if port not in taken:
            return port
    raise Conflict(mark("No port is left for OPC UA."), remedy=mark("Make the offer by hand, with a port of your own."))


BESIDE = Beside(
    name="northbound",
    label=gettext_lazy("Serve to other programs"),
    hint=gettext_lazy("All devices of the organisation as OPC UA, for reading; more under “Northbound serving”."),
    useful=_useful,
    perform=_perform,
    position=20,
)

"""Which devices an edge node reads: what devices ask when they choose a gateway."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet

from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.settings import settings
from gongfu.network.edge import contract
from gongfu.network.gateway import tickets
from gongfu.platform.devices.models import Device
from gongfu.platform.edges import rules
from gongfu.platform.edges.models import Edge


class Edges:
    """:class:`gongfu.platform.devices.gateways.Registry` of the edge nodes."""

    def of(self, organisation: Organisation) -> Sequence[tuple[str, str]]:
        """Those of ``organisation`` itself; one that is above or below it reads no devices of it."""
        found = Edge.objects.filter(organisation=organisation).values_list("code", "name")
        return [(code, f"{name} ({code})") for code, name in found]

    def owner(self, gateway: str) -> int | None:
        """Whose edge node it is."""
        return Edge.objects.filter(code=gateway).values_list("organisation", flat=True).first()

    def signing(self, gateway: str) -> bytes | None:
        """The key that the edge node was given when it joined."""
        edge = Edge.objects.filter(code=gateway).only("code", "generation").first()
        return None if edge is None else ticket_key(edge).encode()


def ticket_key(edge: Edge) -> str:
    """The secret of ``edge`` as it joined last: it signs write tickets and rules for it."""
    return contract.ticket_key(tickets.key(settings().home), rules.ticket_name(edge.code, edge.generation))


def devices(edge: Edge) -> QuerySet[Device]:
    """What it reads."""
    return Device.objects.filter(organisation=edge.organisation_id, gateway=edge.code)

"""The only door to offers: make one, tell the northbound process, decide over what clients want written."""

from __future__ import annotations

import math
from typing import Final

from django.db import transaction

from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import Conflict, GongfuError, Invalid, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.store import StoreClient, client
from gongfu.network.gateway.asking import Failed
from gongfu.network.serving import offers
from gongfu.network.serving.offers import (
    NewestRequest,
    Partly,
    Permitted,
    Stored,
    StoredValue,
    Verdict,
    WriteRequest,
)
from gongfu.platform.commands import services as commands
from gongfu.platform.devices.models import Device
from gongfu.platform.northbound.models import Offer

MOST_UNITS = 247
"""Modbus has units 1 to 247 (V1.02 over serial line §2.2); devices beyond that are served otherwise."""
_NEWEST: Final = (
    "SELECT series, toUnixTimestamp64Micro(ts) AS t, value, text, quality FROM latest FINAL"
    " WHERE org = {org:UInt32} AND series IN {series:Array(UInt32)} AND length = 0"
)
_ANSWER_BYTES = 900_000
"""Of an answer on the bus, which carries 1 MB."""


def prepare(offer: Offer) -> None:
    """Check and save an offer; raises :class:`Invalid`, :class:`Conflict`."""
    if offer.opcua_port is not None and offer.opcua_port == offer.modbus_port:
        raise Invalid(
            mark("Port {port} is named twice."), remedy=mark("Give each protocol a port."), port=offer.opcua_port
        )
    others = Offer.objects.exclude(pk=offer.pk)
    if others.filter(organisation=offer.organisation).exists():
        raise Conflict(
            mark("{organisation} has an offer already."),
            remedy=mark("Change that one."),
            organisation=offer.organisation,
        )
    taken = {port for pair in others.values_list("opcua_port", "modbus_port") for port in pair if port}
    for port in (offer.opcua_port, offer.modbus_port):
        if port in taken:
            raise Conflict(
                mark("Port {port} is used by another offer."), remedy=mark("Choose another port."), port=port
            )
    offer.save()


def offer_all(organisation: Organisation, opcua_port: int, modbus_port: int) -> Offer:
    """An offer in every protocol, with writing; what the demonstration begins with. An existing one is kept."""
    found = Offer.objects.filter(organisation=organisation).first()
    if found is None:
        found = Offer(
            organisation=organisation, opcua_port=opcua_port, modbus_port=modbus_port, sparkplug=True, writes=True
        )
        prepare(found)
    return found


def wanted() -> dict[int, offers.Offer]:
    """What the northbound process is to serve, by organisation; devices without a Modbus unit get one."""
    found: dict[int, offers.Offer] = {}
    with transaction.atomic():
        for offer in Offer.objects.select_related("organisation"):
            _allot(offer)
            found[offer.organisation_id] = offers.Offer(
                org=offer.organisation_id,
                org_code=offer.organisation.code,
                opcua_port=offer.opcua_port or 0,
                modbus_port=offer.modbus_port or 0,
                sparkplug=offer.sparkplug,
                writes=offer.writes,
                units=offer.units,
            )
    return found


def decide(wish: WriteRequest) -> Verdict:
    """Have a client's values written as commands of a person would be, all or none, and say what became of them."""
    try:
        offer = Offer.objects.filter(organisation_id=wish.org, writes=True).first()
        if offer is None:
            return Failed(problem="forbidden: Writing is not offered.")
        values = [(one.series, one.value) for one in wish.wishes]
        written, problem = commands.set_for_client(wish.org, values, wish.by)
    except GongfuError as error:
        return Failed(problem=packed(error, 1000))
    if not problem:
        return Permitted()
    return Partly(written=written, problem=problem) if written else Failed(problem=problem)


def newest(asked: NewestRequest, store: StoreClient | None = None) -> Stored:
    """The last stored readings of series of one organisation; raises :class:`Unavailable`."""
    table = (store or client()).query_arrow(_NEWEST, {"org": asked.org, "series": asked.series}, orgs=[asked.org])
    columns = (table.column(name).to_pylist() for name in ("series", "t", "value", "text", "quality"))
    values: list[StoredValue] = []
    rest: list[int] = []
    room = _ANSWER_BYTES
    for series, time, number, text, quality in zip(*columns, strict=True):
        value: float | str | None = text or (number if math.isfinite(number) else None)
        need = 60 + 6 * len(text)  # as JSON writes it at worst
        if need > room:
            rest.append(series)
            continue
        room -= need
        values.append(StoredValue(series, time, value, quality))
    return Stored(values=values, rest=rest)


def _allot(offer: Offer) -> None:
    if offer.modbus_port is None:
        return
    devices = Device.objects.filter(organisation_id=offer.organisation_id).order_by("pk").values_list("pk", flat=True)
    new = [pk for pk in devices if str(pk) not in offer.units]
    used = len(offer.units)
    for unit, pk in enumerate(new, used + 1):
        if unit > MOST_UNITS:
            break
        offer.units[str(pk)] = unit
    if len(offer.units) != used:
        offer.save(update_fields=["units"])


def doors(organisation: Organisation) -> list[str]:
    """Protocols in which the devices of ``organisation`` are offered, each with its port."""
    offer = Offer.objects.filter(organisation=organisation).first()
    if offer is None:
        return []
    ports = (("OPC UA", offer.opcua_port), ("Modbus TCP", offer.modbus_port))
    return [f"{name} ({port})" for name, port in ports if port] + ["Sparkplug B"] * offer.sparkplug

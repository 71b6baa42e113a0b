"""A sheet of machines into the inventory: all of it, or nothing and every wrong cell."""

from __future__ import annotations

import msgspec
from django.db import transaction

from gongfu.data.retrofit import services
from gongfu.data.retrofit.models import Machine
from gongfu.data.retrofit.sheet import Fault, Row, read
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Forbidden, Invalid
from gongfu.kernel.i18n import mark
from gongfu.platform.devices import applying
from gongfu.platform.devices.models import Device

_PLAIN = ("name", "name_en", "type", "year", "controller", "interfaces", "plan", "obstacles", "planned_on", "cost")


class Imported(msgspec.Struct, frozen=True):
    """What became of a sheet; with ``faults`` nothing was changed."""

    created: int
    changed: int
    unchanged: int
    faults: list[Fault]


def take(user: User, organisation: Organisation, data: bytes, name: str) -> Imported:
    """Bring the machines of a sheet in, known by their numbers. Raises :class:`Forbidden`, :class:`Invalid`."""
    if not can_edit.test(user, organisation):
        raise Forbidden(mark("You may not change machines of {organisation}."), organisation=organisation.name)
    rows, faults = read(data, name)
    known = {machine.number: machine for machine in Machine.objects.filter(organisation=organisation)}
    devices = {device.key: device for device in Device.objects.filter(organisation=organisation)}
    linked = {machine.device_id: machine.number for machine in known.values() if machine.device_id}
    for row in rows:
        if row.number not in known and not row.name:
            faults.append(Fault(row.line, "name", "", Invalid(mark("A new machine needs a name."))))
        if row.device and row.device not in devices:
            faults.append(Fault(row.line, "device", row.device, Invalid(mark("There is no such device here."))))
        elif row.device and linked.setdefault(devices[row.device].pk, row.number) != row.number:
            faults.append(
                Fault(row.line, "device", row.device, Invalid(mark("It is another machine's device already.")))
            )
    if faults:
        return Imported(0, 0, 0, sorted(faults, key=lambda fault: fault.line))
    created = changed = 0
    with transaction.atomic():
        for row in rows:
            machine = known.get(row.number)
            if machine is None:
                machine = Machine(organisation=organisation, number=row.number, created_by=user)
                _fill(machine, row, organisation, devices)
                services.prepare(machine)
                audit.record(user, "create", machine, after=audit.state(machine))
                created += 1
                continue
            before = audit.state(machine)
            _fill(machine, row, organisation, devices)
            after = audit.state(machine)
            if after != before:
                services.prepare(machine)
                audit.record(user, "change", machine, before=before, after=after)
                changed += 1
    return Imported(created, changed, len(rows) - created - changed, [])


def _fill(machine: Machine, row: Row, organisation: Organisation, devices: dict[str, Device]) -> None:
    for field in _PLAIN:
        value = getattr(row, field)
        if value is not None:
            setattr(machine, field, value)
    if row.place is not None:
        machine.place = applying.place_called(organisation, row.place)
    if row.device:
        machine.device = devices[row.device]

"""A sheet of links onto the map: all of it, or nothing and every wrong cell."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.platform.devices import applying
from gongfu.platform.devices.models import Device
from gongfu.platform.map import services
from gongfu.platform.map.models import Equipment, Link
from gongfu.platform.map.sheet import End, Fault, Row, read

T = TypeVar("T", Equipment, Link)


class Imported(msgspec.Struct, frozen=True):
    """What became of a sheet; with ``faults`` nothing was changed."""

    created: int
    changed: int
    unchanged: int
    faults: list[Fault]


class _Halt(Exception):
    """Nothing of a sheet with faults is kept."""


class _Taking:
    """One sheet on its way in."""

    def __init__(self, user: User, organisation: Organisation) -> None:
        self.user = user
        self.organisation = organisation
        self.equipment = {one.key: one for one in Equipment.objects.filter(organisation=organisation)}
        self.devices = {one.key: one for one in Device.objects.filter(organisation=organisation)}
        self.created = self.changed = self.unchanged = 0

    def row(self, row: Row) -> None:
        """Bring one in; raises :class:`GongfuError`."""
        a = self._equipment(row.a, row.build)
        if row.b is None:
            return
        far = self._far(row.b, row.build)
        known = Link.objects.filter(organisation=self.organisation, a=a, a_port=row.a.port, b_port=row.b.port)
        known = known.filter(device=far) if isinstance(far, Device) else known.filter(b=far)
        link = known.first() or Link(organisation=self.organisation, created_by=self.user, a=a)
        before = audit.state(link)
        if isinstance(far, Device):
            link.device = far
        else:
            link.b = far
        link.a_port, link.b_port, link.kind, link.build = row.a.port, row.b.port, row.kind, row.build
        link.medium = row.medium or link.medium
        link.bandwidth = row.bandwidth if row.bandwidth is not None else link.bandwidth
        link.planned_on = row.planned_on or link.planned_on
        self._keep(link, before)

    def _far(self, end: End, build: str) -> Equipment | Device:
        if end.kind == "device" or (not end.kind and end.key in self.devices and end.key not in self.equipment):
            if end.key not in self.devices:
                raise Invalid(mark("There is no such device here."))
            return self.devices[end.key]
        return self._equipment(end, build)

    def _equipment(self, end: End, build: str) -> Equipment:
        """The equipment of that key; new, it is built as far as the first link to it."""
        known = self.equipment.get(end.key)
        if end.kind == "device":
            raise Invalid(
                mark("A link begins at a switch, a gateway or other equipment."),
                remedy=mark("Draw it from there to the device."),
            )
        one = known or Equipment(
            organisation=self.organisation, created_by=self.user, key=end.key, name=end.name or end.key, build=build
        )
        before = audit.state(one)
        one.name = end.name or one.name
        one.kind = end.kind or one.kind
        one.address = end.address or one.address
        if end.place:
            one.place = applying.place_called(self.organisation, end.place)
        try:
            one.clean_fields(exclude=["organisation"])
        except ValidationError as error:
            raise Invalid(mark("{reason}"), reason=" ".join(error.messages)) from error
        if known is None or audit.state(one) != before:
            self._keep(one, before)
        self.equipment[end.key] = one
        return one

    def _keep(self, thing: T, before: audit.State) -> None:
        new = thing.pk is None
        if not new and audit.state(thing) == before:
            self.unchanged += 1
            return
        if isinstance(thing, Link):
            services.save_link(thing, self.user, new)
        else:
            services.save_equipment(thing, self.user, new)
        after = audit.state(thing)
        audit.record(self.user, "create" if new else "change", thing, before=None if new else before, after=after)
        self.created += new
        self.changed += not new


def take(user: User, organisation: Organisation, data: bytes, name: str) -> Imported:
    """Bring the links of a sheet in, with the equipment at their ends, known by its key.

    Raises :class:`Forbidden`, :class:`Invalid`.
    """
    services.require_edit(user, organisation)
    rows, faults = read(data, name)
    taking = _Taking(user, organisation)
    try:
        with transaction.atomic():
            for row in rows:
                try:
                    taking.row(row)
                except GongfuError as error:
                    problem = error if isinstance(error, Invalid) else _as_invalid(error)
                    column = "b" if row.b is not None else "a"
                    faults.append(Fault(row.line, column, (row.b or row.a).key, problem))
            if faults:
                raise _Halt
    except _Halt:
        return Imported(0, 0, 0, sorted(faults, key=lambda fault: fault.line))
    return Imported(taking.created, taking.changed, taking.unchanged, [])


def _as_invalid(error: GongfuError) -> Invalid:
    return Invalid(mark("{reason}"), reason=error.text())

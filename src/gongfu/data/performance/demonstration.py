"""Shifts, ideal cycles and stop reasons of the demonstration plant."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from gongfu.data.performance.models import Capability, Reject, Shift, StopReason, WorkCalendar
from gongfu.kernel.accounts.models import Organisation
from gongfu.platform.devices.models import Device

# Three shifts on every day, so that the demonstration shows figures whenever somebody looks.
_SHIFTS = (
    ("早班", "Morning shift", dt.time(8), dt.time(16), "12:00-12:30"),
    ("中班", "Afternoon shift", dt.time(16), dt.time(0), "19:30-20:00"),
    ("夜班", "Night shift", dt.time(0), dt.time(8), "03:30-04:00"),
)
_REASONS = (
    ("设备故障", "Machine fault", "breakdown"),
    ("换型调试", "Changeover", "setup"),
    ("更换刀具、模具", "Tool or mould change", "setup"),
    ("待料", "Waiting for material", "idling"),
    ("待检", "Waiting for inspection", "idling"),
    ("缺员", "No operator", "idling"),
    ("计划保养", "Planned maintenance", "planned"),
    ("无生产任务", "No order", "planned"),
)
_CYCLES = {"cnc-machining-centre": (230.0, 75.0), "injection-moulding-machine": (21.5, 85.0)}
"""Type → ideal seconds per piece, wanted OEE in percent. Robots have none: theirs is estimated."""


def seed(organisation: Organisation) -> None:
    """Enter them for ``organisation``, unless it has a calendar."""
    if WorkCalendar.objects.filter(organisation=organisation).exists():
        return
    calendar = WorkCalendar.objects.create(
        organisation=organisation, name="三班制", name_en="Three shifts", holidays=False
    )
    for name, name_en, begins, ends, breaks in _SHIFTS:
        Shift.objects.create(
            organisation=organisation,
            calendar=calendar,
            name=name,
            name_en=name_en,
            begins=begins,
            ends=ends,
            breaks=breaks,
            weekdays="1234567",
        )
    for position, (name, name_en, loss) in enumerate(_REASONS):
        StopReason.objects.create(organisation=organisation, name=name, name_en=name_en, loss=loss, position=position)
    now = timezone.now()
    for device in Device.objects.filter(organisation=organisation, type__in=_CYCLES):
        cycle, target = _CYCLES[device.type]
        Capability.objects.get_or_create(
            device=device, defaults={"organisation": organisation, "cycle": cycle, "target": target}
        )
        # Nobody counts rejects there; an operator reported that there were none so far.
        Reject.objects.create(organisation=organisation, device=device, at=now, quantity=0)

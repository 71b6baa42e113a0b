"""Machines of the demonstration plant that nobody has connected yet."""

from __future__ import annotations

import datetime as dt

from gongfu.data.retrofit import services
from gongfu.data.retrofit.models import Machine
from gongfu.kernel.accounts.models import Organisation
from gongfu.platform.devices.models import Place

_MACHINES = (
    (
        "CL-0901",
        "C620 普通车床",
        "C620 engine lathe",
        "cnc-lathe",
        1986,
        "",
        "motor",
        "none",
        "操作工倾向于手写记录",
        1000,
    ),
    ("PR-0902", "J23-63 冲床", "J23-63 press", "mechanical-press", 1998, "", "pulse,motor", "planned", "", 700),
    (
        "ML-0903",
        "XK5040 数控铣床",
        "XK5040 milling machine",
        "cnc-machining-centre",
        2009,
        "FANUC 0i-MD",
        "serial,stack_light",
        "planned",
        "网口未选配",
        800,
    ),
    (
        "IM-0904",
        "震雄 JM168 注塑机",
        "JM168 moulding machine",
        "injection-moulding-machine",
        2006,
        "CDC3000",
        "stack_light,motor",
        "running",
        "",
        900,
    ),
    (
        "GR-0905",
        "M7130 平面磨床",
        "M7130 surface grinder",
        "surface-grinder",
        1992,
        "",
        "motor",
        "never",
        "两年内报废",
        None,
    ),
)


def seed(organisation: Organisation) -> None:
    """Enter them for ``organisation``, unless they are there."""
    place = Place.objects.filter(organisation=organisation, kind=Place.Kind.AREA).order_by("path").first()
    for number, name, name_en, kind, year, controller, interfaces, plan, obstacles, cost in _MACHINES:
        if Machine.objects.filter(organisation=organisation, number=number).exists():
            continue
        services.prepare(
            Machine(
                organisation=organisation,
                number=number,
                name=name,
                name_en=name_en,
                type=kind,
                place=place,
                year=year,
                controller=controller,
                interfaces=interfaces,
                plan=plan,
                obstacles=obstacles,
                planned_on=dt.date(2027, 3, 31) if plan in ("planned", "running") else None,
                cost=cost,
            )
        )

"""Its resources."""

from __future__ import annotations

from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Action, Column, Filter, Resource, Section
from sample.models import Line, Machine


def _double(user: User, machine: Machine) -> None:
    if machine.slots > 100:
        raise Conflict(mark("{name} has too many slots."), name=machine.name)
    machine.slots *= 2
    machine.save()


LINES: Resource[Line] = Resource(
    model=Line, room="sample", slug="lines", columns=[Column("name")], search=["name"], form=[Section("Line", ["name"])]
)
MACHINES: Resource[Machine] = Resource(
    model=Machine,
    room="sample",
    slug="machines",
    columns=[
        Column("name"),
        Column("kind"),
        Column("line"),
        Column("state"),
        Column("power"),
        Column("organisation"),
        Column("notes", shown=False),
    ],
    search=["name", "notes"],
    filters=[
        "kind",
        "state",
        "line",
        "organisation",
        "spare",
        "bought",
        Filter(
            "size",
            "Size",
            lambda rows, values: rows.filter(slots__gt=10) if "large" in values else rows.filter(slots__lte=10),
            lambda user: [("small", "Small"), ("large", "Large")],
        ),
    ],
    form=[
        Section("Basics", ["name", "kind", "line"], help="What it is."),
        Section("Data", ["power", "slots", "bought", "spare", "options", "access_token", "notes"]),
    ],
    detail=["name", "kind", "line", "state", "power", "slots", "bought", "spare", "options", "organisation", "notes"],
    actions=[Action("double", "Double slots", _double)],
)
RESOURCES = [LINES, MACHINES]

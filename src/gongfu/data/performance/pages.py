"""Performance in the console: its lists and the addresses of its pages."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models
from django.urls import path
from django.utils.translation import gettext_lazy as _

from gongfu.data.performance import views
from gongfu.data.performance.forms import CapabilityForm, OwnedForm, PlannedStopForm, ShiftForm
from gongfu.data.performance.models import (
    CalendarDay,
    Capability,
    Cycle,
    PlannedStop,
    Reject,
    Shift,
    Stop,
    StopReason,
    WorkCalendar,
)
from gongfu.kernel.accounts.permissions import can_operate, nobody
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section

_BY_OPERATORS = Permissions(add=can_operate, change=can_operate, delete=can_operate)

CALENDARS: Resource[WorkCalendar] = Resource(
    model=WorkCalendar,
    room="data",
    slug="calendars",
    icon="clock",
    columns=[Column("name", render=str), Column("place"), Column("holidays"), Column("organisation", shown=False)],
    search=["name", "name_en"],
    filters=["place", "organisation"],
    form=[Section(_("Work calendar"), ["name", "name_en", "organisation", "place", "holidays"])],
    form_class=OwnedForm,  # type: ignore[arg-type]
    empty=_("A work calendar says when machines are meant to work. Without one all time counts as planned."),
)
SHIFTS: Resource[Shift] = Resource(
    model=Shift,
    room="data",
    slug="shifts",
    icon="users",
    columns=[
        Column("calendar"),
        Column("name", render=str),
        *(Column("begins"), Column("ends"), Column("breaks"), Column("weekdays")),
        Column("organisation", shown=False),
    ],
    filters=["calendar", "organisation"],
    form=[
        Section(_("Shift"), ["calendar", "organisation", "name", "name_en"]),
        Section(
            _("When"), ["begins", "ends", "weekdays", "breaks"], _("A shift belongs to the day on which it begins.")
        ),
    ],
    form_class=ShiftForm,
    empty=_("Shifts of a work calendar, with their breaks."),
)
DAYS: Resource[CalendarDay] = Resource(
    model=CalendarDay,
    room="data",
    slug="calendar-days",
    icon="clipboard-list",
    columns=[
        *(Column("day"), Column("calendar"), Column("works"), Column("why")),
        Column("organisation", shown=False),
    ],
    filters=["calendar", "works", "organisation"],
    ordering="-day",
    form=[Section(_("Special day"), ["calendar", "organisation", "day", "works", "why"])],
    form_class=OwnedForm,  # type: ignore[arg-type]
    empty=_("Days that differ from the rule: a Sunday that is worked, a day off. Public holidays are known already."),
)
PLANNED: Resource[PlannedStop] = Resource(
    model=PlannedStop,
    room="data",
    slug="planned-stops",
    icon="player-pause",
    columns=[
        *(Column("begins"), Column("ends"), Column("device"), Column("place"), Column("why")),
        Column("organisation", shown=False),
    ],
    search=["why"],
    filters=["device", "place", "organisation"],
    ordering="-begins",
    form=[
        Section(_("What"), ["why", "organisation", "device", "place"], _("Neither: the whole organisation.")),
        Section(_("When"), ["begins", "ends"]),
    ],
    form_class=PlannedStopForm,
    empty=_("Maintenance, trials, no orders: time in which a machine is not meant to work is no loss."),
)
REASONS: Resource[StopReason] = Resource(
    model=StopReason,
    room="data",
    slug="stop-reasons",
    icon="tags",
    columns=[Column("name", render=str), Column("loss"), Column("position"), Column("organisation", shown=False)],
    search=["name", "name_en"],
    filters=["loss", "organisation"],
    ordering="position",
    form=[Section(_("Stop reason"), ["name", "name_en", "organisation", "loss", "position"])],
    empty=_("The reasons operators choose from, six to twelve: fewer are told more truly."),
)
STOPS: Resource[Stop] = Resource(
    model=Stop,
    room="data",
    slug="classified-stops",
    icon="history",
    columns=[
        *(Column("begins"), Column("ends"), Column("device"), Column("reason"), Column("note")),
        *(Column("created_by", _("By")), Column("organisation", shown=False)),
    ],
    filters=["reason", "device", "organisation"],
    ordering="-begins",
    permissions=Permissions(add=nobody, change=nobody, delete=can_operate),
    empty=_("Stops for which somebody gave a reason on the page “Stops”."),
)
CAPABILITIES: Resource[Capability] = Resource(
    model=Capability,
    room="data",
    slug="capabilities",
    icon="gauge",
    columns=[
        *(Column("device"), Column("cycle"), Column("pieces"), Column("target")),
        *(Column("count_tag"), Column("reject_tag"), Column("organisation", shown=False)),
    ],
    filters=["device", "organisation"],
    form=[
        Section(_("Machine"), ["device", "organisation"]),
        Section(_("At best"), ["cycle", "pieces", "target"]),
        Section(
            _("Where figures come from"),
            ["state_tag", "count_tag", "reject_tag", "energy_tag", "product_tag"],
            _("Keys of tags; empty: by their role in the information model."),
        ),
    ],
    form_class=CapabilityForm,
    empty=_("Nothing needs to be entered here; an ideal cycle and a target make figures sharper."),
)
CYCLES: Resource[Cycle] = Resource(
    model=Cycle,
    room="data",
    slug="cycles",
    icon="refresh",
    columns=[Column("device"), Column("product"), Column("seconds"), Column("organisation", shown=False)],
    search=["product"],
    filters=["device", "organisation"],
    form=[Section(_("Ideal cycle"), ["device", "organisation", "product", "seconds"])],
    form_class=OwnedForm,  # type: ignore[arg-type]
    empty=_("Where products take different times, each has its ideal cycle; which one is on, the product tag says."),
)
REJECTS: Resource[Reject] = Resource(
    model=Reject,
    room="data",
    slug="rejects",
    icon="x",
    columns=[
        *(Column("at"), Column("device"), Column("quantity"), Column("start_up"), Column("why")),
        *(Column("created_by", _("By")), Column("organisation", shown=False)),
    ],
    filters=["device", "start_up", "organisation"],
    ordering="-at",
    form=[Section(_("Rejects"), ["device", "organisation", "at", "quantity", "start_up", "why"])],
    form_class=OwnedForm,  # type: ignore[arg-type]
    permissions=_BY_OPERATORS,
    empty=_("Where no tag counts rejects, people report them here; 0 says that there were none."),
)

RESOURCES: Sequence[Resource[models.Model]] = (  # type: ignore[assignment]
    *(CALENDARS, SHIFTS, DAYS, PLANNED, REASONS, STOPS, CAPABILITIES, CYCLES, REJECTS),
)

urlpatterns = [
    path("data/performance", views.overview_page, name="data-performance"),
    path("data/performance/heat", views.heat_page, name="data-performance-heat"),
    path("data/performance/energy", views.energy_page, name="data-performance-energy"),
    path("data/performance/stops", views.stops_page, name="data-performance-stops"),
    path("data/performance/shift", views.shift_page, name="data-performance-shift"),
    path("data/performance/export.<slug:kind>", views.export_file, name="data-performance-export"),
]

"""The network map in the console: one page with three views, the side panel, what changed, and the lists behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import models
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_administer, can_edit, nobody
from gongfu.kernel.errors import NotFound, unpacked
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section
from gongfu.network.map.measuring import Grade, worst
from gongfu.network.map.topology import Build, Layer, Node
from gongfu.platform.devices.models import Device
from gongfu.platform.map import drawing_pages, history, looks, plan_pages, services, sheet_pages, using
from gongfu.platform.map.drawing_pages import owner_of, view_of
from gongfu.platform.map.gathering import Gathered, gather
from gongfu.platform.map.models import Equipment, Link, Measuring, Plan

_LISTED = 60
"""Things of one cell that the list names."""
_CHANGES = 300


@dataclass
class Cell:
    """A place with what stands in it, for the list."""

    key: str
    name: str
    grade: Grade = Grade.UNKNOWN
    nodes: list[Node] = field(default_factory=list)
    count: int = 0
    planned: int = 0

    @property
    def more(self) -> int:
        """How many are not listed."""
        return self.count - len(self.nodes)


@dataclass
class Site:
    """A site with its indicators."""

    key: str
    name: str
    figures: services.Figures
    cells: list[Cell]
    built: int
    planned: int


@require_GET
def map_page(request: HttpRequest) -> HttpResponse:
    """The map of one organisation; ``view`` is build, run or use, ``plan`` one of its plans."""
    user = accounts.user_of(request)
    owner, view = owner_of(request), view_of(request)
    everything = gather(owner, everything=True)
    now = gather(owner) if view != "build" else everything
    plans = list(Plan.objects.filter(organisation=owner).select_related("place").defer("data"))
    plan = next((one for one in plans if str(one.pk) == request.GET.get("plan")), None)
    if request.GET.get("plan") and plan is None:
        raise NotFound(mark("There is no plan {pk}."), pk=request.GET["plan"][:20])
    before, _after, changed = history.changes(owner)
    context = {
        "owner": owner,
        "owners": _owners(user),
        "view": view,
        "views": [(name, label) for name, label in looks.view_names().items()],
        "plan": plan,
        "plans": plans,
        "figures": services.figures(now),
        "sites": _sites(now),
        "shapes": [(grade, looks.SHAPES[Grade(grade)], name) for grade, name in looks.grade_names().items()],
        "kinds": looks.kind_names(),
        "changed": len(changed),
        "since": before,
        "may": can_edit.test(user, owner),
        "measuring": Measuring.objects.filter(organisation=owner, enabled=True).first(),
        "empty": not everything.devices and not everything.equipment,
        "using": using.heaviest(now) if view == "use" else [],
        "offers": using.offers(owner) if view == "use" else [],
        "link_kinds": Link.Kind.choices,
        "node": request.GET.get("node", "")[:80],
    }
    part = request.headers.get("HX-Target") == "map-list"
    return render(request, "map/_list.html" if part else "map/map.html", context)


def _owners(user: User) -> list[Organisation]:
    """Organisations with something on the map."""
    visible = Organisation.objects.visible_to(user)
    having = Device.objects.values("organisation").annotate(n=Count("pk")).values("organisation")
    return list(visible.filter(pk__in=having) | visible.filter(pk__in=Equipment.objects.values("organisation")))


def _sites(gathered: Gathered) -> list[Site]:
    """Everything by site and cell, for the list that needs no drawing."""
    names = {node.key: node.name for node in gathered.topology.nodes if node.layer <= Layer.CELL}
    cells: dict[str, dict[str, Cell]] = {}
    rows: dict[tuple[str, str], list[Node]] = {}
    for node in gathered.topology.nodes:
        if node.layer > Layer.CELL:
            rows.setdefault((node.site, node.cell), []).append(node)
    for (site, cell), nodes in rows.items():
        order = sorted(nodes, key=lambda node: (node.layer, node.name))
        cells.setdefault(site, {})[cell] = Cell(
            key=cell,
            name=names.get(cell, ""),
            grade=worst([node.grade for node in nodes]),
            nodes=order[:_LISTED],
            count=len(nodes),
            planned=sum(node.build is not Build.IN_USE for node in nodes),
        )
    found = []
    for site, inside in cells.items():
        members = [node for (where, _cell), nodes in rows.items() if where == site for node in nodes]
        found.append(
            Site(
                key=site,
                name=names.get(site, ""),
                figures=services.figures(gathered, site) if site else services.figures(gathered),
                cells=sorted(inside.values(), key=lambda one: (not one.key, one.name)),
                built=sum(node.build is Build.IN_USE for node in members),
                planned=sum(node.build in (Build.PLANNED, Build.BUILDING) for node in members),
            )
        )
    return sorted(found, key=lambda site: (not site.key, site.name))


@require_GET
def node_panel(request: HttpRequest) -> HttpResponse:
    """The side panel of one node or link."""
    user, owner = accounts.user_of(request), owner_of(request)
    key = request.GET.get("node", "")[:120]
    gathered = gather(owner, everything=True)
    context: dict[str, object] = {
        "owner": owner,
        "key": key,
        "may": can_edit.test(user, owner),
        "builds": looks.build_names(),
        "grades": looks.grade_names(),
        "kinds": looks.kind_names(),
    }
    if link := gathered.links.get(key):
        edge = next((one for one in gathered.topology.edges if one.key == key), None)
        return render(request, "map/_link.html", {**context, "link": link, "edge": edge})
    node = gathered.nodes.get(key)
    if node is None:
        raise NotFound(mark("{node} is not on the map."), node=key)
    device, equipment = gathered.devices.get(key), gathered.equipment.get(key)
    quality = gathered.qualities.get(key)
    gateway = equipment.key if equipment else key.removeprefix("g:")
    behind = [one for one in gathered.devices.values() if gathered.gateways[one.gateway] == key]
    beside = [
        (gathered.nodes[edge.b if edge.a == key else edge.a], edge)
        for edge in gathered.topology.edges
        if key in (edge.a, edge.b) and not edge.derived
    ]
    inside = [one for one in gathered.topology.nodes if key in (one.cell, one.site) and one.layer > Layer.CELL]
    context |= {
        "node": node,
        "device": device,
        "equipment": equipment,
        "quality": quality,
        "address": gathered.addresses.get(key),
        "gateway": gateway,
        "behind": len(behind),
        "behind_online": sum(one.connection == Device.Connection.ONLINE for one in behind),
        "beside": beside[:40],
        "problem": unpacked(quality.problem, get_language()) if quality else "",
        "ipv6": looks.ipv6_names()[quality.ipv6] if quality else "",
        "service": looks.service_names().get(quality.service, "") if quality else "",
        "latency": looks.milliseconds(quality.latency) if quality else "",
        "p95": looks.milliseconds(quality.p95) if quality else "",
        "jitter": looks.milliseconds(quality.jitter) if quality else "",
        "round_trip": looks.milliseconds(quality.round_trip) if quality else "",
        "loss": _percent(quality.loss) if quality else "",
        "late": _percent(quality.late) if quality else "",
        "volume": looks.volume(quality.volume) if quality else "",
        "uses": using.of(owner, device) if device else [],
        "inside": inside[:40],
        "figures": services.figures(gathered, key) if node.layer is Layer.SITE else None,
    }
    return render(request, "map/_node.html", context)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


@require_GET
def changes_page(request: HttpRequest) -> HttpResponse:
    """What changed between two days; by default since yesterday."""
    owner = owner_of(request)
    known = history.days(owner)
    before, after, changed = history.changes(owner, _day(request, "before"), _day(request, "after"))
    names = looks.news_names()
    counts = [(names[news], sum(one.news is news for one in changed)) for news in names]
    context = {
        "owner": owner,
        "owners": _owners(accounts.user_of(request)),
        "days": known,
        "before": before,
        "after": after,
        "lines": [(names[one.news], one, looks.sentence(one)) for one in changed[:_CHANGES]],
        "counts": [(name, count) for name, count in counts if count],
        "more": max(0, len(changed) - _CHANGES),
    }
    return render(request, "map/changes.html", context)


def _day(request: HttpRequest, name: str) -> dt.date | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise NotFound(mark("{day} is no day."), remedy=mark("Write it like 2026-11-20."), day=text[:20]) from None


EQUIPMENT: Resource[Equipment] = Resource(
    model=Equipment,
    room="network",
    slug="equipment",
    icon="router",
    columns=[
        Column("name", render=str),
        Column("key"),
        Column("kind"),
        Column("place"),
        Column("address"),
        Column("ports", shown=False),
        Column("build"),
        Column("planned_on", shown=False),
        Column("product", shown=False),
        Column("organisation"),
    ],
    search=["key", "name", "name_en", "address", "serial_number"],
    filters=["kind", "build", "place", "organisation"],
    queryset=lambda user: Equipment.objects.visible_to(user).select_related("organisation", "place"),
    ordering="name",
    form=[
        Section(_("Basics"), ["organisation", "key", "name", "name_en", "kind", "place"]),
        Section(_("What it is"), ["manufacturer", "product", "serial_number", "ports", "address"]),
        Section(_("How far it is"), ["build", "planned_on", "built_on"]),
    ],
    save=services.save_equipment,
    empty=_("Switches, routers, access points and gateways belong here: enter them, or import a spreadsheet."),
)

LINKS: Resource[Link] = Resource(
    model=Link,
    room="network",
    slug="links",
    icon="link",
    columns=[
        Column("a"),
        Column("a_port"),
        Column("b"),
        Column("device"),
        Column("b_port"),
        Column("kind"),
        Column("bandwidth"),
        Column("medium", shown=False),
        Column("build"),
        Column("organisation"),
    ],
    search=["a__name", "a__key", "b__name", "b__key", "device__name", "device__key", "medium"],
    filters=["kind", "build", "organisation"],
    queryset=lambda user: Link.objects.visible_to(user).select_related("organisation", "a", "b", "device"),
    form=[
        Section(_("From where to where"), ["organisation", "a", "a_port", "b", "device", "b_port"]),
        Section(_("Of what"), ["kind", "medium", "bandwidth"]),
        Section(_("How far it is"), ["build", "planned_on", "built_on"]),
    ],
    save=services.save_link,
    empty=_("Links from gateways to devices follow by themselves. Cables between switches are entered here."),
)

PLANS: Resource[Plan] = Resource(
    model=Plan,
    room="network",
    slug="plans",
    icon="photo",
    columns=[
        Column("name"),
        Column("place"),
        Column("media"),
        Column("width"),
        Column("height"),
        Column("organisation"),
    ],
    search=["name", "place__path"],
    filters=["organisation"],
    queryset=lambda user: Plan.objects.visible_to(user).select_related("organisation", "place").defer("data"),
    detail=["name", "place", "media", "width", "height", "organisation", "created_at"],
    summary="map/plan_summary.html",
    permissions=Permissions(add=nobody),
    form=[Section(_("Name"), ["name"])],
    empty=_("A plan is a picture of a site on which devices stand where they are. Send one from the map."),
)

MEASURING: Resource[Measuring] = Resource(
    model=Measuring,
    room="network",
    slug="measuring",
    icon="gauge",
    columns=[Column("organisation"), Column("enabled"), Column("minutes"), Column("probes"), Column("measured_at")],
    form=[
        Section(
            _("Measuring"),
            ["organisation", "enabled", "minutes", "probes", "gateway"],
            _(
                "Gateways then send ICMP echo, or open TCP connections, to the addresses of your devices, and to the"
                " equipment that lies in networks permitted for discovery: at most 40 packets a second."
            ),
        )
    ],
    permissions=Permissions(add=can_administer, change=can_administer, delete=can_administer),
    empty=_("Nothing is sent until an administrator of the organisation wants it; polling is watched all the same."),
)

RESOURCES: Sequence[Resource[models.Model]] = (EQUIPMENT, LINKS, PLANS, MEASURING)  # type: ignore[assignment]
urlpatterns = [
    path("network/map/", map_page, name="network-map"),
    path("network/map/node", node_panel, name="network-map-node"),
    path("network/map/changes/", changes_page, name="network-map-changes"),
    *drawing_pages.urlpatterns,
    *plan_pages.urlpatterns,
    *sheet_pages.urlpatterns,
]

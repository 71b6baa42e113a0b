"""The only door to the network map: whose it is, what it shows, how it is changed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.map import images
from gongfu.network.map.layout import layout
from gongfu.network.map.measuring import Grade
from gongfu.network.map.shapes import Readiness
from gongfu.network.map.topology import Build, Layer, Topology, folded
from gongfu.platform.devices.models import Device, Place
from gongfu.platform.map.gathering import Gathered, gather
from gongfu.platform.map.models import Equipment, Link, Plan, Position

MOST_MOVED = 2000
"""Positions that one drag may change."""
_FAR = 1e7


@dataclass(frozen=True)
class Drawing:
    """The network as it is drawn: nodes with places, links between them."""

    gathered: Gathered
    shown: Topology
    places: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Figures:
    """The indicators of a network, or of one site of it."""

    devices: int
    online: int
    graded: Mapping[Grade, int]
    ipv6_ready: int
    ipv6_known: int
    links: int
    """Drawn ones that are in use, and those that follow from devices."""
    links_planned: int
    latency: float | None
    """Mean of the medians, milliseconds."""
    loss: float | None

    @property
    def ipv6_rate(self) -> float | None:
        """Percent of the hosts whose readiness is known."""
        return round(100 * self.ipv6_ready / self.ipv6_known, 1) if self.ipv6_known else None


def owner_for(user: User, pk: int | None, active: Organisation | None = None) -> Organisation | None:
    """Whose map to show: the one asked for, the active one, else the one with most devices; None when there is none.

    Raises :class:`NotFound` for one that ``user`` may not know of.
    """
    visible = Organisation.objects.visible_to(user)
    if pk is not None:
        found = visible.filter(pk=pk).first()
        if found is None:
            raise NotFound(mark("There is no organisation {pk}."), pk=pk)
        return found
    if active is not None and Device.objects.filter(organisation=active).exists():
        return active
    below = visible.filter(path__startswith=active.path) if active else visible
    most = (
        Device.objects.filter(organisation__in=below.values("pk"))
        .values_list("organisation")
        .annotate(n=Count("pk"))
        .order_by("-n", "organisation")
        .first()
    )
    return visible.filter(pk=most[0]).first() if most else active or visible.first()


def drawing(organisation: Organisation, *, everything: bool = False, opened: Collection[str] = ()) -> Drawing:
    """The drawn network of ``organisation``; with ``everything`` also what is planned."""
    gathered = gather(organisation, everything=everything)
    shown = folded(gathered.topology, opened)
    moved = {
        position.node: (position.x, position.y)
        for position in Position.objects.filter(organisation=organisation, plan=None)
    }
    return Drawing(gathered, shown, layout(shown, moved))


def figures(gathered: Gathered, site: str = "") -> Figures:
    """Indicators; of one ``site`` when its key is given."""
    inside = [node for node in gathered.topology.nodes if not site or node.site == site]
    now = [node for node in inside if node.build in (Build.IN_USE, Build.BUILDING)]
    devices = [node for node in now if node.layer is Layer.DEVICE]
    keys = {node.key for node in inside}
    measured = [gathered.qualities[node.key] for node in now if node.key in gathered.qualities]
    known = [one for one in measured if one.ipv6 != Readiness.UNKNOWN.value]
    latencies = [one.latency for one in measured if one.latency is not None]
    losses = [one.loss for one in measured if one.loss is not None]
    edges = [edge for edge in gathered.topology.edges if edge.a in keys or edge.b in keys]
    return Figures(
        devices=len(devices),
        online=sum(gathered.devices[node.key].connection == Device.Connection.ONLINE for node in devices),
        graded={one: sum(node.grade is one for node in devices) for one in Grade},
        ipv6_ready=sum(one.ipv6 == Readiness.READY.value for one in known),
        ipv6_known=len(known),
        links=sum(edge.build in (Build.IN_USE, Build.BUILDING) for edge in edges),
        links_planned=sum(edge.build is Build.PLANNED for edge in edges),
        latency=sum(latencies) / len(latencies) if latencies else None,
        loss=sum(losses) / len(losses) if losses else None,
    )


def plan_for(user: User, pk: int) -> Plan:
    """The plan; raises :class:`NotFound` also when it is another organisation's."""
    found = Plan.objects.visible_to(user).select_related("organisation", "place").filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no plan {pk}."), pk=pk)
    return found


def require_edit(user: User, organisation: Organisation) -> None:
    """Raise :class:`Forbidden` unless ``user`` may change the network of ``organisation``."""
    if not can_edit.test(user, organisation):
        raise Forbidden(
            mark("You may not change the network of {organisation}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            organisation=organisation,
        )


def put_plan(user: User, place: Place, name: str, data: bytes) -> Plan:
    """A new plan of ``place``; raises :class:`Forbidden`, :class:`Invalid`."""
    require_edit(user, place.organisation)
    picture = images.checked(data)
    with transaction.atomic():
        plan = Plan.objects.create(
            organisation=place.organisation,
            created_by=user if user.pk else None,
            place=place,
            name=name.strip()[:80] or str(place)[:80],
            media=picture.media,
            width=picture.width,
            height=picture.height,
            data=picture.data,
        )
        audit.record(user, "create", plan, after={"name": plan.name, "place": str(place), "format": plan.media})
    return plan


def move(user: User, organisation: Organisation, places: Mapping[str, tuple[float, float]], plan: Plan | None) -> int:
    """Remember where nodes were put; returns how many. Raises :class:`Forbidden`, :class:`Invalid`."""
    require_edit(user, organisation)
    if plan is not None and plan.organisation_id != organisation.pk:
        raise NotFound(mark("There is no plan {pk}."), pk=plan.pk)
    if len(places) > MOST_MOVED:
        raise Invalid(mark("At most {most} things can be moved at once."), most=MOST_MOVED)
    known = gather(organisation, everything=True).nodes
    for node, place in places.items():
        if node not in known:
            raise NotFound(mark("{node} is not on the map."), node=node[:80])
        if not all(math.isfinite(part) and abs(part) < _FAR for part in place):
            raise Invalid(mark("{place} is no place on the map."), place=str(place)[:80])
        if plan is not None and not (0 <= place[0] <= plan.width and 0 <= place[1] <= plan.height):
            raise Invalid(mark("{place} is no place on the map."), place=str(place)[:80])
    with transaction.atomic():
        Position.objects.filter(organisation=organisation, plan=plan, node__in=list(places)).delete()
        Position.objects.bulk_create(
            [
                Position(organisation=organisation, created_by=user, plan=plan, node=node, x=x, y=y)
                for node, (x, y) in places.items()
            ]
        )
    return len(places)


def forget(user: User, organisation: Organisation, plan: Plan | None, nodes: Iterable[str] = ()) -> int:
    """Put nodes back where the drawing would have them; all when none is named. Returns how many were moved."""
    require_edit(user, organisation)
    found = Position.objects.filter(organisation=organisation, plan=plan)
    if wanted := list(nodes):
        found = found.filter(node__in=wanted)
    return found.delete()[0]


def connect(user: User, organisation: Organisation, a: str, b: str, kind: str = Link.Kind.WIRED) -> Link:
    """A new link between two nodes that somebody drew; a gateway that was only a name becomes equipment.

    Raises :class:`Forbidden`, :class:`NotFound`, :class:`Invalid`, :class:`Conflict`.
    """
    require_edit(user, organisation)
    gathered = gather(organisation, everything=True)
    for key in (a, b):
        if key not in gathered.nodes:
            raise NotFound(mark("{node} is not on the map."), node=key[:80])
    with transaction.atomic():
        ends = [_end(user, organisation, gathered, key) for key in (a, b)]
        if isinstance(ends[0], Device):
            ends.reverse()
        near, far = ends
        if not isinstance(near, Equipment) or near == far:
            raise Invalid(
                mark("A link begins at a switch, a gateway or other equipment."),
                remedy=mark("Draw it from there to the device."),
            )
        link = Link(organisation=organisation, created_by=user, a=near, kind=kind)
        if isinstance(far, Device):
            link.device = far
        else:
            link.b = far
        save_link(link, user, True)
        audit.record(user, "create", link, after=audit.state(link))
    return link


def _end(user: User, organisation: Organisation, gathered: Gathered, key: str) -> Equipment | Device:
    if key in gathered.devices:
        return gathered.devices[key]
    if key in gathered.equipment:
        return gathered.equipment[key]
    if key.startswith("g:"):
        name = key.removeprefix("g:")
        made = Equipment(organisation=organisation, created_by=user, key=name, name=name, kind=Equipment.Kind.GATEWAY)
        save_equipment(made, user, True)
        audit.record(user, "create", made, after=audit.state(made))
        Position.objects.filter(organisation=organisation, node=key).update(node=f"e{made.pk}")
        return made
    raise Invalid(
        mark("A link begins at a switch, a gateway or other equipment."),
        remedy=mark("Draw it from there to the device."),
    )


def save_link(link: Link, _user: User, _new: bool) -> None:
    """Check and store; raises :class:`Invalid`, :class:`Conflict`, :class:`NotFound` for what is another's."""
    if (link.b_id is None) == (link.device_id is None):
        raise Invalid(
            mark("A link has one far end."), remedy=mark("Name either the equipment or the device that it leads to.")
        )
    if link.b_id is not None and link.a_id == link.b_id:
        raise Invalid(mark("A link cannot lead back to {equipment}."), equipment=link.a)
    for end in (link.a, link.b, link.device):
        if end is not None and end.organisation_id != link.organisation_id:
            raise NotFound(mark("{thing} belongs to another organisation."), thing=end)
    others = Link.objects.exclude(pk=link.pk).exclude(build=Build.RETIRED.value)
    same = others.filter(a=link.a_id, b=link.b_id, device=link.device_id, a_port=link.a_port, b_port=link.b_port)
    if link.build != Build.RETIRED.value and same.exists():
        raise Conflict(
            mark("{link} is there already."), remedy=mark("Name the ports when there are several."), link=str(link)
        )
    for end, port in ((link.a, link.a_port), (link.b, link.b_port)):
        if end is not None and port and link.build != Build.RETIRED.value:
            taken = others.filter(a=end, a_port=port) | others.filter(b=end, b_port=port)
            if taken.exists():
                raise Conflict(
                    mark("Port {port} of {equipment} is taken."),
                    remedy=mark("Take the other link out of use, or choose another port."),
                    port=port,
                    equipment=end,
                )
    link.save()


def save_equipment(equipment: Equipment, _user: User, _new: bool) -> None:
    """Check and store; raises :class:`NotFound` for another organisation's place."""
    if equipment.place is not None and equipment.place.organisation_id != equipment.organisation_id:
        raise NotFound(mark("{thing} belongs to another organisation."), thing=equipment.place)
    before = Equipment.objects.filter(pk=equipment.pk).values_list("organisation", flat=True).first()
    if before is not None and before != equipment.organisation_id and Link.objects.filter(a=equipment).exists():
        raise Conflict(mark("{equipment} has links."), remedy=mark("Remove them first."), equipment=equipment)
    equipment.save()

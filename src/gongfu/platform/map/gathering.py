"""From records to the pure picture of a network: nodes, links, grades. Six queries, whatever its size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import QuerySet

from gongfu.kernel.accounts.models import Organisation
from gongfu.network.drivers import registry
from gongfu.network.map.addresses import Address, address_of, of_text
from gongfu.network.map.measuring import Grade, grade
from gongfu.network.map.topology import Build, Edge, Layer, Node, Topology, connected, on_the_way
from gongfu.platform.devices.models import Device, Place
from gongfu.platform.map.models import Equipment, Link, Quality

_LAYERS: Mapping[str, Layer] = {
    Equipment.Kind.CORE: Layer.CORE,
    Equipment.Kind.ROUTER: Layer.CORE,
    Equipment.Kind.FIREWALL: Layer.CORE,
    Equipment.Kind.GATEWAY: Layer.GATEWAY,
}
_LIVES: Mapping[str, Build] = {
    "planned": Build.PLANNED,
    "in_service": Build.IN_USE,
    "suspended": Build.RETIRED,
    "retired": Build.RETIRED,
}
_NOW = (Build.IN_USE, Build.BUILDING)


@dataclass
class Gathered:
    """A network with the records behind its nodes, by their keys."""

    organisation: Organisation
    topology: Topology
    devices: dict[str, Device] = field(default_factory=dict)
    equipment: dict[str, Equipment] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    qualities: dict[str, Quality] = field(default_factory=dict)
    gateways: dict[str, str] = field(default_factory=dict)
    """Name by which devices know a gateway → its node."""
    addresses: dict[str, Address] = field(default_factory=dict)

    @property
    def nodes(self) -> dict[str, Node]:
        """Nodes by key."""
        return {node.key: node for node in self.topology.nodes}


def gather(organisation: Organisation, *, everything: bool = False) -> Gathered:
    """The network of ``organisation``: what is in use, with ``everything`` also what is planned and what is over."""
    places = {f"p{place.pk}": place for place in Place.objects.filter(organisation=organisation)}
    found = Gathered(organisation, Topology([], []), places=places)
    found.qualities = {one.node: one for one in Quality.objects.filter(organisation=organisation)}
    for one in _wanted(Equipment.objects.filter(organisation=organisation), everything):
        found.equipment[f"e{one.pk}"] = one
        if address := of_text(one.address):
            found.addresses[f"e{one.pk}"] = address
    for device in Device.objects.filter(organisation=organisation).defer("nameplate", "secret_options"):
        if everything or _LIVES[device.life] in _NOW:
            found.devices[f"d{device.pk}"] = device
            if address := address_of(device.driver, device.options):
                found.addresses[f"d{device.pk}"] = address
    for link in _wanted(Link.objects.filter(organisation=organisation), everything):
        found.links[f"l{link.pk}"] = link
    named = {one.key: key for key, one in found.equipment.items() if one.kind == Equipment.Kind.GATEWAY}
    for device in found.devices.values():
        found.gateways.setdefault(device.gateway, named.get(device.gateway, f"g:{device.gateway}"))
    found.topology = _topology(found)
    return found


def _wanted(found: QuerySet[Equipment] | QuerySet[Link], everything: bool) -> Iterable:  # type: ignore[type-arg]
    return found if everything else found.filter(build__in=[one.value for one in _NOW])


def _topology(found: Gathered) -> Topology:
    site = _sites(found.places)
    nodes: list[Node] = []
    online: set[str] = set()
    for key, device in found.devices.items():
        graded = grade_of(device, found.qualities.get(key))
        if device.connection == Device.Connection.ONLINE:
            online.add(key)
        cell = f"p{device.place_id}" if device.place_id else ""
        nodes.append(
            Node(
                key=key,
                layer=Layer.DEVICE,
                kind="device",
                name=str(device),
                site=site(cell),
                cell=cell,
                grade=graded,
                build=_LIVES[device.life],
            )
        )
    drawn = [_edge(key, link) for key, link in found.links.items()]
    reading = {found.gateways[device.gateway] for key, device in found.devices.items() if key in online}
    alive = reading | on_the_way(drawn, reading, online)
    for key, one in found.equipment.items():
        cell = f"p{one.place_id}" if one.place_id else ""
        nodes.append(
            Node(
                key=key,
                layer=_LAYERS.get(one.kind, Layer.ACCESS),
                kind=one.kind,
                name=str(one),
                site=site(cell),
                cell=cell,
                grade=_equipment_grade(key, found.qualities, alive),
                build=Build(one.build),
            )
        )
    for name, key in found.gateways.items():
        if key not in found.equipment:
            state = Grade.GOOD if key in alive else Grade.UNKNOWN
            nodes.append(Node(key=key, layer=Layer.GATEWAY, kind="gateway", name=name, grade=state))
    used = {node.cell for node in nodes} | {node.site for node in nodes}
    for key, place in found.places.items():
        if key in used:
            root = place.parent_id is None
            layer = Layer.SITE if root else Layer.CELL
            nodes.append(Node(key=key, layer=layer, kind=place.kind, name=_short(place), site=site(key), cell=key))
    logical = [
        Edge(key=f"v{key}", a=found.gateways[device.gateway], b=key, kind=_kind(key, found), derived=True)
        for key, device in found.devices.items()
        if _LIVES[device.life] in _NOW
    ]
    return _graded(connected(nodes, drawn, logical))


def _edge(key: str, link: Link) -> Edge:
    far = f"e{link.b_id}" if link.b_id else f"d{link.device_id}"
    return Edge(key=key, a=f"e{link.a_id}", b=far, kind=link.kind, build=Build(link.build))


def _graded(topology: Topology) -> Topology:
    """A link is as good as the end that is farther from the core: that one is measured through it."""
    nodes = {node.key: node for node in topology.nodes}

    def graded(edge: Edge) -> Edge:
        far = max(nodes[edge.b], nodes[edge.a], key=lambda node: node.layer)
        state = far.grade if edge.build in _NOW else Grade.UNKNOWN
        return Edge(
            key=edge.key, a=edge.a, b=edge.b, kind=edge.kind, derived=edge.derived, build=edge.build, grade=state
        )

    return Topology(topology.nodes, [graded(edge) for edge in topology.edges])


def grade_of(device: Device, quality: Quality | None) -> Grade:
    """Of a device: its connection, and what was measured."""
    online: bool | None = None
    if device.connection in (Device.Connection.ONLINE, Device.Connection.OFFLINE, Device.Connection.REFUSED):
        online = device.connection == Device.Connection.ONLINE
    if quality is None:
        return grade(online=online)
    loss = [share for share in (quality.loss, quality.late) if share is not None]
    if online and quality.loss == 1.0:
        loss = [share for share in (quality.late,) if share is not None]  # it answers polls: only probes are dropped
    return grade(online=online, loss=max(loss, default=None), p95=quality.p95)


def _equipment_grade(key: str, qualities: Mapping[str, Quality], alive: set[str]) -> Grade:
    quality = qualities.get(key)
    if quality is not None and quality.loss is not None and not (quality.loss == 1.0 and key in alive):
        return grade(online=None, loss=quality.loss, p95=quality.p95)
    return Grade.GOOD if key in alive else Grade.UNKNOWN


def _kind(key: str, found: Gathered) -> str:
    """Of what a link that nobody drew seems to be."""
    if key in found.addresses:
        return "wired"
    driver = found.devices[key].driver
    options = registry.manifest(driver).options if driver in registry.names() else {}
    return "serial" if "port" in options and isinstance(found.devices[key].options.get("port"), str) else "bus"


def _sites(places: Mapping[str, Place]) -> Callable[[str], str]:
    """Place → the site it lies in."""
    known: dict[str, str] = {"": ""}

    def site(key: str) -> str:
        if key not in known:
            place = places.get(key)
            above = f"p{place.parent_id}" if place and place.parent_id else ""
            known[key] = key if not above else site(above)
        return known[key]

    return site


def _short(place: Place) -> str:
    """Without the site that stands above it already."""
    return str(place).partition(" / ")[2] or str(place)

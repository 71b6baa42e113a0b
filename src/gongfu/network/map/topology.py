"""The network as nodes and links: what people drew, what follows from the devices, and what is folded away. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import IntEnum, StrEnum

import msgspec

from gongfu.network.map.measuring import Grade, worst

MOST_IN_CELL = 40
"""Devices of one cell that are drawn one by one."""
MOST_DRAWN = 800
"""Nodes of one drawing; beyond, every cell is folded, and then every site."""


class Build(StrEnum):
    """How far a thing is built."""

    PLANNED = "planned"
    BUILDING = "building"
    IN_USE = "in_use"
    RETIRED = "retired"


class Layer(IntEnum):
    """Rows of the drawing, from above."""

    SITE = 0
    CELL = 1
    CORE = 2
    ACCESS = 3
    GATEWAY = 4
    DEVICE = 5


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One thing on the map."""

    key: str
    """``d12`` a device, ``e5`` equipment, ``g:name`` a gateway, ``p7`` a place; unique in an organisation."""
    layer: Layer
    kind: str
    name: str
    site: str = ""
    """Key of its site's node, empty when nobody said where it stands."""
    cell: str = ""
    """Key of the node of the place it stands in."""
    grade: Grade = Grade.UNKNOWN
    build: Build = Build.IN_USE
    count: int = 1
    """Things behind it: more than one when it is folded."""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A link between two nodes."""

    key: str
    a: str
    b: str
    kind: str = "wired"
    derived: bool = False
    """It follows from a device's configuration: nobody drew it."""
    grade: Grade = Grade.UNKNOWN
    build: Build = Build.IN_USE
    count: int = 1


class Topology(msgspec.Struct, frozen=True):
    """Nodes in a stable order, and links whose ends are both there."""

    nodes: list[Node]
    edges: list[Edge]


def connected(nodes: Iterable[Node], drawn: Sequence[Edge], logical: Sequence[Edge]) -> Topology:
    """What people drew, and of the ``logical`` links gateway–device those that no drawn way explains.

    Links that are only planned or out of use explain nothing.
    """
    found = sorted(nodes, key=lambda node: (node.layer, node.name, node.key))
    known = {node.key for node in found}
    real = [edge for edge in drawn if edge.a in known and edge.b in known and edge.a != edge.b]
    group = _groups(edge for edge in real if edge.build in (Build.IN_USE, Build.BUILDING))
    edges = [
        edge
        for edge in logical
        if edge.a in known and edge.b in known and group.get(edge.a, edge.a) != group.get(edge.b, edge.b)
    ]
    return Topology(found, sorted([*real, *edges], key=lambda edge: edge.key))


def _groups(edges: Iterable[Edge]) -> dict[str, str]:
    """Node → what stands for everything it is connected with."""
    above: dict[str, str] = {}

    def top(key: str) -> str:
        while above.setdefault(key, key) != key:
            above[key] = above[above[key]]
            key = above[key]
        return key

    for edge in edges:
        above[top(edge.a)] = top(edge.b)
    return {key: top(key) for key in list(above)}


def on_the_way(edges: Iterable[Edge], gateways: Collection[str], reached: Iterable[str]) -> set[str]:
    """What lies on a shortest drawn way from a gateway to something that is ``reached``: it works, or nothing would."""
    beside: defaultdict[str, list[str]] = defaultdict(list)
    for edge in edges:
        if edge.build in (Build.IN_USE, Build.BUILDING):
            beside[edge.a].append(edge.b)
            beside[edge.b].append(edge.a)
    came: dict[str, str] = dict.fromkeys(gateways, "")
    row = deque(came)
    while row:
        here = row.popleft()
        for there in beside[here]:
            if there not in came:
                came[there] = here
                row.append(there)
    found: set[str] = set()
    for end in reached:
        here = end
        while here in came and here not in found:
            found.add(here)
            here = came[here]
    return found


def folded(whole: Topology, opened: Collection[str] = (), most: int = MOST_DRAWN) -> Topology:
    """The same with the devices of full cells as one node each; when that is not enough, of every cell, every site.

    ``opened`` are keys of places that somebody wants to see whole: their devices are drawn as long as there is room.
    """
    size = Counter(node.cell for node in whole.nodes if node.layer is Layer.DEVICE)
    away = {cell for cell, count in size.items() if count > MOST_IN_CELL and cell not in opened}
    result = _fold(whole, away)
    if len(result.nodes) > most:
        result = _fold(whole, {cell for cell in size if cell not in opened})
    if len(result.nodes) > most:
        result = _fold(whole, set(size), by_site=True)
    return result


def _fold(whole: Topology, cells: Collection[str], *, by_site: bool = False) -> Topology:
    if not cells:
        return whole
    into: dict[str, str] = {}
    members: defaultdict[str, list[Node]] = defaultdict(list)
    for node in whole.nodes:
        if node.layer is Layer.DEVICE and node.cell in cells:
            into[node.key] = f"f:{node.site if by_site else node.cell}"
        elif by_site and node.layer is Layer.CELL:
            into[node.key] = node.site or node.key
        if node.key in into and node.layer is Layer.DEVICE:
            members[into[node.key]].append(node)
    nodes = [node for node in whole.nodes if node.key not in into]
    for key, inside in members.items():
        first = inside[0]
        nodes.append(
            Node(
                key=key,
                layer=Layer.DEVICE,
                kind="fold",
                name="",
                site=first.site,
                cell=first.site if by_site else first.cell,
                grade=worst([node.grade for node in inside]),
                count=len(inside),
            )
        )
    if by_site:
        nodes = [msgspec.structs.replace(n, cell=n.site) if n.layer is not Layer.CELL else n for n in nodes]
    return Topology(nodes, _merged(whole.edges, into))


def _merged(edges: Iterable[Edge], into: Mapping[str, str]) -> list[Edge]:
    """Links of folded nodes, one for each pair of ends."""
    kept: list[Edge] = []
    together: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        a, b = into.get(edge.a, edge.a), into.get(edge.b, edge.b)
        if a == edge.a and b == edge.b:
            kept.append(edge)
        elif a != b:
            together.setdefault((a, b), []).append(edge)
    for (a, b), found in together.items():
        kept.append(
            Edge(
                key=f"f:{a}>{b}",
                a=a,
                b=b,
                kind=found[0].kind,
                derived=all(edge.derived for edge in found),
                grade=worst([edge.grade for edge in found]),
                count=len(found),
            )
        )
    return kept

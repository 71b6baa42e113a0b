"""Where each node stands: a band for every cell, a row for every layer, always the same for the same network. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from gongfu.network.map.topology import Layer, Node, Topology

ACROSS, DOWN = 110.0, 100.0
"""Distance of two nodes in a row, and of two layers, in the drawing's own units."""
BETWEEN = 60.0
"""Between two bands."""
_DEVICE_DOWN = 84.0

Place = tuple[float, float]


def layout(topology: Topology, moved: Mapping[str, Place] | None = None) -> dict[str, Place]:
    """Position of every node; ``moved`` are those that people dragged elsewhere."""
    places: dict[str, Place] = {}
    start = 0.0
    for cell, members in _bands(topology.nodes):
        width = _band(cell, members, start, places)
        start += width + BETWEEN
    _sites(topology.nodes, places)
    _free(topology, places)
    return places | {key: place for key, place in (moved or {}).items() if key in places}


def _bands(nodes: Sequence[Node]) -> list[tuple[str, list[Node]]]:
    """What stands in each place, sites together, in the order of their names; what stands nowhere comes last."""
    names = {node.key: node.name for node in nodes if node.layer <= Layer.CELL}
    found: defaultdict[tuple[bool, str, str, str, str], list[Node]] = defaultdict(list)
    for node in nodes:
        if node.layer is Layer.SITE:
            continue
        cell = node.key if node.layer is Layer.CELL else node.cell
        if node.layer in (Layer.CELL, Layer.DEVICE) or (cell and cell != node.site):
            order = (not node.site, names.get(node.site, ""), node.site, names.get(cell, ""), cell)
            found[order].append(node)
    return [(order[4], found[order]) for order in sorted(found)]


def _band(cell: str, members: Sequence[Node], start: float, places: dict[str, Place]) -> float:
    """Place the ``members`` of one cell from ``start`` on; returns how wide it is."""
    rows: defaultdict[Layer, list[Node]] = defaultdict(list)
    for node in members:
        if node.key != cell:
            rows[node.layer].append(node)
    devices = rows.pop(Layer.DEVICE, [])
    columns = max(1, min(7, round(math.sqrt(len(devices)))))
    widest = max([min(columns, len(devices) or 1), *(len(row) for row in rows.values())])
    width = widest * ACROSS
    for layer, row in rows.items():
        _spread(row, start, width, layer * DOWN, places)
    for first in range(0, len(devices), columns):
        row_number = first // columns
        _spread(
            devices[first : first + columns],
            start,
            width,
            Layer.DEVICE * DOWN + row_number * _DEVICE_DOWN,
            places,
            columns if len(devices) > columns else 0,
        )
    if any(node.key == cell for node in members):
        places[cell] = (start + width / 2, Layer.CELL * DOWN)
    return width


def _spread(
    row: Iterable[Node], start: float, width: float, y: float, places: dict[str, Place], columns: int = 0
) -> None:
    """Evenly over the width; in a grid of ``columns`` from its left."""
    found = list(row)
    step = width / (columns or len(found))
    for number, node in enumerate(found):
        places[node.key] = (start + step * (number + 0.5), y)


def _sites(nodes: Sequence[Node], places: dict[str, Place]) -> None:
    """Each site over the middle of what it holds."""
    held: defaultdict[str, list[float]] = defaultdict(list)
    for node in nodes:
        if node.layer is not Layer.SITE and node.site and node.key in places:
            held[node.site].append(places[node.key][0])
    last = max((x for x, _y in places.values()), default=0.0)
    for node in nodes:
        if node.layer is Layer.SITE:
            inside = held.get(node.key)
            if inside:
                x = (min(inside) + max(inside)) / 2
            else:
                last += ACROSS
                x = last
            places[node.key] = (x, Layer.SITE * DOWN)


def _free(topology: Topology, places: dict[str, Place]) -> None:
    """Switches and gateways of no cell: over the middle of their neighbours, side by side."""
    beside: defaultdict[str, list[str]] = defaultdict(list)
    for edge in topology.edges:
        beside[edge.a].append(edge.b)
        beside[edge.b].append(edge.a)
    for layer in (Layer.GATEWAY, Layer.ACCESS, Layer.CORE):
        wished: list[tuple[float, str, str]] = []
        for node in topology.nodes:
            if node.layer is not layer or node.key in places:
                continue
            near = [places[key][0] for key in beside[node.key] if key in places]
            if not near and node.site in places:
                near = [places[node.site][0]]
            middle = sum(near) / len(near) if near else 0.0
            wished.append((middle, node.name, node.key))
        taken = sorted(x for key, (x, y) in places.items() if y == layer * DOWN)
        for middle, _name, key in sorted(wished):
            x = _room(middle, taken)
            taken.append(x)
            places[key] = (x, layer * DOWN)


def _room(wished: float, taken: Sequence[float]) -> float:
    """The nearest x to ``wished`` that is far enough from all of ``taken``."""
    if all(abs(wished - x) >= ACROSS for x in taken):
        return wished
    around = [x + side * ACROSS for x in taken for side in (-1, 1)]
    free = [x for x in around if all(abs(x - other) >= ACROSS - 1e-6 for other in taken)]
    return min(free, key=lambda x: (abs(x - wished), x))

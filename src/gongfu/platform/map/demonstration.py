"""The network of a demonstration enterprise: switches, cables, what is planned, and a plan drawn by ourselves."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Sequence
from xml.sax.saxutils import escape

from gongfu.kernel.accounts.models import Organisation
from gongfu.network.map import images
from gongfu.platform.devices.models import Device, Place
from gongfu.platform.map.models import BuildState, Equipment, Link, Measuring, Plan, Position

_ROOM_W, _ROOM_H, _GAP, _EDGE = 520, 300, 24, 40
_PLANNED = dt.date(2027, 3, 31)
_BUILT = dt.date(2024, 6, 1)


def seed(organisation: Organisation, gateway: str) -> None:
    """Enter it for ``organisation``, whose devices are there, unless it has equipment already."""
    if Equipment.objects.filter(organisation=organisation).exists():
        return
    sites = list(Place.objects.filter(organisation=organisation, parent=None).order_by("path"))
    if not sites:
        return
    core = _equipment(organisation, "SW-CORE", "核心交换机", "Core switch", Equipment.Kind.CORE, sites[0], ports=48)
    edge = _equipment(organisation, gateway, "边缘网关", "Edge gateway", Equipment.Kind.GATEWAY, sites[0])
    _link(organisation, core, edge, Link.Kind.WIRED, "Cat 6A", 10_000, a_port="48", b_port="eth0")
    devices: defaultdict[int, list[Device]] = defaultdict(list)
    for device in Device.objects.filter(organisation=organisation).select_related("place__parent__parent"):
        if device.place is not None:
            devices[_room(device.place).pk].append(device)
    rooms = [place for place in Place.objects.filter(organisation=organisation) if place.pk in devices]
    rooms.sort(key=lambda place: place.path)
    switches: dict[int, Equipment] = {}
    for number, room in enumerate(rooms, start=1):
        name, name_en = f"{room.name}交换机", f"{room.name_en or room.name} switch"
        switch = _equipment(
            organisation, f"SW-{number:02}", name[:80], name_en[:80], Equipment.Kind.SWITCH, room, ports=24
        )
        switches[room.pk] = switch
        _link(organisation, core, switch, Link.Kind.FIBRE, "OM3", 10_000, a_port=str(number), b_port="25")
        for port, device in enumerate(sorted(devices[room.pk], key=lambda one: one.key), start=1):
            over_air = device.driver in ("mqtt", "sparkplug")
            Link.objects.create(
                organisation=organisation,
                a=switch,
                a_port=str(port),
                device=device,
                kind=Link.Kind.FIVE_G if over_air else Link.Kind.WIRED,
                medium="n78" if over_air else "Cat 6",
                bandwidth=100 if over_air else 1000,
                built_on=_BUILT,
            )
    planned = _equipment(
        organisation, "5G-01", "5G 室内基站", "5G indoor station", Equipment.Kind.BASE_STATION, sites[0], planned=True
    )
    _link(organisation, core, planned, Link.Kind.FIBRE, "OM3", 10_000, a_port="47", planned=True)
    Measuring.objects.get_or_create(
        organisation=organisation, defaults={"enabled": True, "minutes": 1, "probes": 5, "gateway": gateway}
    )
    _plan(organisation, sites[0], rooms, switches, devices)


def _room(place: Place) -> Place:
    """The workshop a place lies in, or the site when there is none between."""
    while place.parent is not None and place.parent.parent_id is not None:
        place = place.parent
    return place


def _equipment(
    organisation: Organisation,
    key: str,
    name: str,
    name_en: str,
    kind: Equipment.Kind,
    place: Place,
    *,
    ports: int | None = None,
    planned: bool = False,
) -> Equipment:
    return Equipment.objects.create(
        organisation=organisation,
        key=key,
        name=name,
        name_en=name_en,
        kind=kind,
        place=place,
        ports=ports,
        build=BuildState.PLANNED if planned else BuildState.IN_USE,
        planned_on=_PLANNED if planned else None,
        built_on=None if planned else _BUILT,
    )


def _link(
    organisation: Organisation,
    a: Equipment,
    b: Equipment,
    kind: Link.Kind,
    medium: str,
    bandwidth: float,
    *,
    a_port: str = "",
    b_port: str = "",
    planned: bool = False,
) -> None:
    Link.objects.create(
        organisation=organisation,
        a=a,
        b=b,
        kind=kind,
        medium=medium,
        bandwidth=bandwidth,
        a_port=a_port,
        b_port=b_port,
        build=BuildState.PLANNED if planned else BuildState.IN_USE,
        planned_on=_PLANNED if planned else None,
        built_on=None if planned else _BUILT,
    )


def _plan(
    organisation: Organisation,
    site: Place,
    rooms: Sequence[Place],
    switches: dict[int, Equipment],
    devices: dict[int, list[Device]],
) -> None:
    """A floor plan with one room for each workshop, and everything in its room."""
    across = 2 if len(rooms) > 1 else 1
    corners = {
        room.pk: (_EDGE + number % across * (_ROOM_W + _GAP), _EDGE + number // across * (_ROOM_H + _GAP))
        for number, room in enumerate(rooms)
    }
    width = 2 * _EDGE + across * (_ROOM_W + _GAP) - _GAP
    height = 2 * _EDGE + math.ceil(max(len(rooms), 1) / across) * (_ROOM_H + _GAP) - _GAP
    picture = images.checked(drawn(width, height, [(room.name, *corners[room.pk]) for room in rooms]).encode())
    plan = Plan.objects.create(
        organisation=organisation,
        place=site,
        name=site.name,
        media=picture.media,
        width=picture.width,
        height=picture.height,
        data=picture.data,
    )
    placed: list[Position] = []
    for room in rooms:
        left, top = corners[room.pk]
        things = [f"e{switches[room.pk].pk}", *(f"d{device.pk}" for device in devices[room.pk])]
        for number, node in enumerate(things):
            x = left + (number % 3 + 0.5) * _ROOM_W / 3
            y = top + 70 + number // 3 * 72
            placed.append(Position(organisation=organisation, plan=plan, node=node, x=x, y=min(y, top + _ROOM_H - 16)))
    Position.objects.bulk_create(placed)


def drawn(width: int, height: int, rooms: Sequence[tuple[str, int, int]]) -> str:
    """The floor plan as SVG: walls, and the name of each room with its left and top edge."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f'<rect x="6" y="6" width="{width - 12}" height="{height - 12}" fill="#f7f8fa" stroke="#8a94a0" '
        'stroke-width="6"/>',
    ]
    for name, left, top in rooms:
        parts += [
            f'<rect x="{left}" y="{top}" width="{_ROOM_W}" height="{_ROOM_H}" fill="#ffffff" stroke="#8a94a0" '
            'stroke-width="3"/>',
            f'<text x="{left + 14}" y="{top + 28}" font-size="18" font-family="sans-serif" fill="#5f6b7a">'
            f"{escape(name)}</text>",
            f'<path d="M {left + _ROOM_W // 2 - 26} {top + _ROOM_H} h 52" stroke="#ffffff" stroke-width="6"/>',
        ]
    return "".join([*parts, "</svg>"])

"""What a probe says of devices, as the console wants it: a tree, an identity, places of data items. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gongfu.network.drivers.contract import Identity, Point
from gongfu.network.drivers.mtconnect.wire import Component, DataItem

_UNITS = {
    "MILLIMETER": "mm",
    "MILLIMETER/SECOND": "mm/s",
    "MILLIMETER/SECOND^2": "mm/s2",
    "MILLIMETER/REVOLUTION": "mm/r",
    "DEGREE": "°",
    "DEGREE/SECOND": "°/s",
    "REVOLUTION/MINUTE": "r/min",
    "REVOLUTION/SECOND": "r/s",
    "CELSIUS": "°C",
    "PERCENT": "%",
    "SECOND": "s",
    "AMPERE": "A",
    "VOLT": "V",
    "WATT": "W",
    "WATT_SECOND": "J",
    "VOLT_AMPERE": "VA",
    "VOLT_AMPERE_REACTIVE": "var",
    "HERTZ": "Hz",
    "NEWTON": "N",
    "NEWTON_METER": "N·m",
    "PASCAL": "Pa",
    "KILOGRAM": "kg",
    "LITER": "L",
    "LITER/SECOND": "L/s",
    "DECIBEL": "dB",
    "COUNT": "1",
}
"""Units of Part 2 that have a short sign; the others are shown as they are."""
_COUNTS = {
    "PART_COUNT",
    "LINE",
    "LINE_NUMBER",
    "BLOCK_COUNT",
    "CYCLE_COUNT",
    "TOOL_NUMBER",
    "AXIS_FEEDRATE_OVERRIDE",
    "PATH_FEEDRATE_OVERRIDE",
    "ROTARY_VELOCITY_OVERRIDE",
}
"""Events whose value is a number although they have no unit."""


def identity(device: Component) -> Identity:
    """Vendor, product and serial number of ``device``."""
    return Identity(vendor=device.manufacturer, product=device.model or device.name, serial_number=device.serial_number)


def places(devices: tuple[Component, ...]) -> dict[str, tuple[str, str, str]]:
    """Data item id → name, uuid and id of its device."""
    return {
        item.id: (device.name, device.uuid, device.id)
        for device in devices
        for component in _all(device)
        for item in component.items
    }


def points(devices: tuple[Component, ...], parent: str) -> list[Point]:
    """What stands in the folder ``parent``, the id of a device or component; the devices when it is empty."""
    if not parent:
        return [_folder(device) for device in devices]
    for device in devices:
        for component in _all(device):
            if component.id == parent:
                return [*map(_folder, component.components), *map(_value, component.items)]
    return []


def _all(component: Component) -> Iterator[Component]:
    yield component
    for child in component.components:
        yield from _all(child)


def _folder(component: Component) -> Point:
    # <Axes> and <Components> often have no name of their own.
    made_by = " ".join(part for part in (component.manufacturer, component.model) if part)
    detail = component.kind if not made_by else f"{component.kind}, {made_by}"
    return Point(address=component.id, name=component.name or component.kind, folder=True, detail=detail)


def _value(item: DataItem) -> Point:
    series = item.representation in ("DATA_SET", "TABLE")
    number = item.category == "SAMPLE" or bool(item.units) or item.type in _COUNTS
    words = (item.category, item.type, item.subtype, item.representation)
    return Point(
        address=item.id,
        name=item.name or item.id,
        kind="number" if number and not series else "text",
        unit=_UNITS.get(item.units, item.units),
        low=item.low,
        high=item.high,
        detail=" ".join(word for word in words if word),
    )

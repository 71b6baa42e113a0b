"""Questions to a device: who it is, what it holds, a reading, a write."""

from __future__ import annotations

from collections.abc import Sequence

from bacpypes3.basetypes import PropertyIdentifier
from bacpypes3.primitivedata import ObjectIdentifier, ObjectType

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.bacnet import units, values
from gongfu.network.drivers.bacnet.address import DEVICE, PRESENT_VALUE, Item, Property, parse
from gongfu.network.drivers.bacnet.client import Client, Declined, Peer, Result
from gongfu.network.drivers.bacnet.options import Setup
from gongfu.network.drivers.bacnet.reader import Reader
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Identity, Point, Refusal, Sample
from gongfu.network.drivers.values import fit
from gongfu.network.gateway.config import TagConfig

_MOST = 20_000
"""Objects of a device that are listed."""


def _number(name: str) -> int:
    return int(PropertyIdentifier(name))


_OBJECT_LIST, _NAME, _DESCRIPTION = _number("object-list"), _number("object-name"), _number("description")
_UNITS, _LOW, _HIGH = _number("units"), _number("min-pres-value"), _number("max-pres-value")
_PRIORITIES, _FLAGS, _RELIABILITY = _number("priority-array"), _number("status-flags"), _number("reliability")
_BOOLEANS = {int(ObjectType(f"binary-{kind}")) for kind in ("input", "output", "value", "lighting-output")}
_TEXTS = {int(ObjectType(kind)) for kind in ("characterstring-value", "bitstring-value")}
_DATES = {int(ObjectType(f"{kind}-value")) for kind in ("date", "time", "datetime", "date-pattern", "time-pattern")}
_NUMBERS = {
    int(ObjectType(kind))
    for kind in (
        *("analog-input", "analog-output", "analog-value", "large-analog-value", "integer-value"),
        *("positive-integer-value", "multi-state-input", "multi-state-output", "multi-state-value"),
        *("accumulator", "averaging", "pulse-converter", "loop", "lighting-output", "life-safety-point"),
    )
}


class DeviceSession:
    """One after the other."""

    def __init__(self, setup: Setup, shared: Client, peer: Peer, instance: int) -> None:
        self._setup = setup
        self._client = shared
        self._peer = peer
        self._device = Item(DEVICE, instance)
        self._reader = Reader(shared, peer, setup.options.batch)

    async def identify(self) -> Identity:
        """From the device object (clause 12.11)."""
        names = ("vendor-name", "model-name", "firmware-revision", "serial-number")
        wanted = [Property(self._device, _number(name)) for name in names]
        found = await self._reader.read(wanted)
        vendor, product, version, serial = (_text(found[one]) for one in wanted)
        return Identity(vendor=vendor, product=product, version=version, serial_number=serial)

    async def browse(self, parent: str) -> Sequence[Point]:
        """Every object of the device; they are no tree."""
        if parent:
            raise BadConfiguration(mark("{address} holds nothing to browse."), address=parent[:100])
        items = [item for item in await self._objects() if item.type != DEVICE]
        wanted = [Property(item, number) for item in items for number in (_NAME, _DESCRIPTION, _UNITS, _LOW, _HIGH)] + [
            Property(item, _PRIORITIES, 1) for item in items if _is_commandable(item)
        ]
        wanted.sort(key=lambda one: one.item)
        found = await self._reader.read(wanted)
        return [_point(item, found) for item in items]

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """Each tag now."""
        properties = [parse(tag.address) for tag in tags]
        wanted: dict[Property, None] = {}
        for one in sorted(properties, key=lambda one: one.item):
            wanted[one] = None
            if one.is_present_value:
                wanted |= dict.fromkeys((Property(one.item, _FLAGS), Property(one.item, _RELIABILITY)))
        found = await self._reader.read(list(wanted))
        return [_sample(tag, one, found) for tag, one in zip(tags, properties, strict=True)]

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Return when the device has acknowledged; ``null`` gives up our place in the priority array."""
        target = parse(tag.address)
        try:
            before = await self._client.read(self._peer, target)
            await self._client.write(self._peer, target, values.like(before, value), self._setup.options.priority)
        except Declined as declined:
            raise Refusal(
                mark("The device declines to write {address}: {reason}."),
                remedy=mark("Check that the property can be written, and that the priority is allowed."),
                address=tag.address,
                reason=declined,
            ) from declined

    async def _objects(self) -> list[Item]:
        """The object list, as a whole or, where it does not fit, entry by entry (clause 12.11.13)."""
        try:
            found = await self._client.read(self._peer, Property(self._device, _OBJECT_LIST))
        except Declined:
            found = await self._objects_one_by_one()
        return [Item(int(each[0]), each[1]) for each in found if isinstance(each, ObjectIdentifier)][:_MOST]

    async def _objects_one_by_one(self) -> list[ObjectIdentifier]:
        try:
            length = values.content(await self._client.read(self._peer, Property(self._device, _OBJECT_LIST, 0)))
        except Declined as declined:
            raise DeviceUnavailable(
                mark("The BACnet device at {name} does not list its objects: {reason}."),
                remedy=mark("Fill in the option instance."),
                name=self._peer.name,
                reason=declined,
            ) from declined
        count = int(length) if isinstance(length, float) else 0
        wanted = [Property(self._device, _OBJECT_LIST, index) for index in range(1, min(count, _MOST) + 1)]
        found = await self._reader.read(wanted)
        return [each for one in wanted for each in found[one] if not isinstance(each, str)]


def _is_commandable(item: Item) -> bool:
    return str(ObjectType(item.type)).endswith(("-output", "-value"))


def _point(item: Item, found: dict[Property, Result]) -> Point:
    unit = found[Property(item, _UNITS)]
    number = values.content(unit) if isinstance(unit, list) else None
    return Point(
        address=str(item),
        name=_text(found[Property(item, _NAME)]) or str(item),
        kind=_kind(item),
        unit=units.symbol(int(number)) if isinstance(number, float) else "",
        low=_float(found[Property(item, _LOW)]),
        high=_float(found[Property(item, _HIGH)]),
        writable=isinstance(found.get(Property(item, _PRIORITIES, 1)), list),
        detail=_text(found[Property(item, _DESCRIPTION)]),
    )


def _kind(item: Item) -> str:
    if item.type in _BOOLEANS:
        return "boolean"
    if item.type in _TEXTS | _DATES:
        return "text"
    return "number" if item.type in _NUMBERS else ""


def _text(result: Result) -> str:
    value = values.content(result) if isinstance(result, list) else None
    return value if isinstance(value, str) else ""


def _float(result: Result) -> float | None:
    value = values.content(result) if isinstance(result, list) else None
    return value if isinstance(value, float) else None


def _sample(tag: TagConfig, one: Property, found: dict[Property, Result]) -> Sample:
    result = found[one]
    value = fit(tag.kind, values.content(result)) if isinstance(result, list) else None
    if value is None:
        return Sample(tag.series, None, quality=Quality.BAD)
    grade = Quality.GOOD
    if one.number == PRESENT_VALUE:
        grade = values.quality(found.get(Property(one.item, _FLAGS)), found.get(Property(one.item, _RELIABILITY)))
    return Sample(tag.series, value, quality=grade)

"""Addresses of properties as people write them: ``analog-input,3``, ``analog-value,7:reliability``. Pure.

``<object type>,<instance>[:<property>[\\[<index>\\]]]``; types and properties by their names in ANSI/ASHRAE 135
(clause 21, ``analog-input``, ``present-value``) or, for a vendor's own, by their numbers. Without a property it is
the present value.
"""

from __future__ import annotations

import re

import msgspec
from bacpypes3.basetypes import PropertyIdentifier
from bacpypes3.primitivedata import ObjectType

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration

PRESENT_VALUE = int(PropertyIdentifier("present-value"))
DEVICE = int(ObjectType("device"))
ANY = 4194303
"""The instance that stands for a device whose number is not known (clause 12.11.1)."""
_LAST_TYPE = 1023
_PATTERN = re.compile(
    r"(?P<type>[a-z][a-z0-9-]*|[0-9]{1,4}),(?P<instance>[0-9]{1,7})"
    r"(?::(?P<property>[a-z][a-z0-9-]*|[0-9]{1,7})(?:\[(?P<index>[0-9]{1,9})\])?)?"
)
_REMEDY = mark("Write for example analog-input,3, binary-value,1:out-of-service, multi-state-input,2:state-text[1].")


class Item(msgspec.Struct, frozen=True, order=True):
    """An object of a device: its type and instance by number."""

    type: int
    instance: int

    def __str__(self) -> str:
        return f"{ObjectType(self.type)},{self.instance}"


class Property(msgspec.Struct, frozen=True):
    """A property of an object, or one entry of it; ``index`` 0 is how many an array has."""

    item: Item
    number: int = PRESENT_VALUE
    index: int | None = None

    @property
    def is_present_value(self) -> bool:
        """Whether it is what the object is there for."""
        return self.number == PRESENT_VALUE and self.index is None


def parse(text: str) -> Property:
    """``text`` as :class:`Property`; raises :class:`BadConfiguration` for anything else."""
    match = _PATTERN.fullmatch(text.strip().lower())
    if match is None:
        raise BadConfiguration(mark("{address} is not a BACnet address."), remedy=_REMEDY, address=text)
    kind = _number(text, match["type"], ObjectType, _LAST_TYPE)
    instance = int(match["instance"])
    if instance > ANY:
        raise BadConfiguration(mark("{address}: instances are 0 to {last}."), address=text, last=ANY)
    name, index = match["property"], match["index"]
    number = PRESENT_VALUE if name is None else _number(text, name, PropertyIdentifier, ANY)
    return Property(Item(kind, instance), number, None if index is None else int(index))


def _number(text: str, name: str, names: type[ObjectType] | type[PropertyIdentifier], last: int) -> int:
    try:
        number = int(name) if name.isdecimal() else int(names(name))
    except ValueError as error:
        raise BadConfiguration(
            mark("{address}: BACnet knows no {name}."), remedy=_REMEDY, address=text, name=name
        ) from error
    if number > last:
        raise BadConfiguration(mark("{address}: {name} is more than {last}."), address=text, name=name, last=last)
    return number

"""Values of BACnet as samples have them. Decoded by their tags, whatever type the standard gives a property."""

from __future__ import annotations

from collections.abc import Sequence

from bacpypes3.constructeddata import Any
from bacpypes3.primitivedata import (
    Atomic,
    BitString,
    Boolean,
    CharacterString,
    Double,
    Enumerated,
    Integer,
    Null,
    ObjectIdentifier,
    Real,
    TagClass,
    Unsigned,
)

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Refusal
from gongfu.network.drivers.writing import number, out_of_range, text, truth

_FAULT, _OVERRIDDEN, _OUT_OF_SERVICE = 1, 2, 3
"""Bits of Status_Flags; 0 is in-alarm, which says nothing against the value (clause 21, BACnetStatusFlags)."""
_NO_FAULT = 0
_LONGEST_TEXT = 1000
"""Bytes of a text that surely fits one request."""
_LARGEST_REAL = 3.4028234e38
RELINQUISH = "null"
"""Written to a tag that is no text: give up our place in the priority array."""


def atoms(value: Any) -> list[Atomic] | str:
    """The application-tagged values in ``value``, or what is wrong with it."""
    try:
        tags = list(value.tagList or ())
        if tags and tags[0].tag_class == TagClass.opening and tags[-1].tag_class == TagClass.closing:
            tags = tags[1:-1]
        if any(tag.tag_class != TagClass.application for tag in tags):
            return "the value is constructed"
        return [tag.app_to_object() for tag in tags]
    except Exception as error:
        return f"the value cannot be read: {error}"


def content(found: Sequence[Atomic]) -> float | bool | str | None:
    """One value of Python; None for Null, for none and for more than one."""
    if len(found) != 1:
        return None
    match found[0]:
        case Boolean():
            return bool(found[0])
        case Real() | Double():
            return float(found[0])
        case Unsigned() | Integer() | Enumerated():
            return float(int(found[0]))
        case CharacterString():
            return str(found[0])
        case BitString():
            return "".join(str(int(bit)) for bit in found[0])
        case Null() | None:
            return None
        case other:
            return str(other)


def instance(found: Sequence[Atomic]) -> int | None:
    """The instance in an object identifier; None when it is no such thing."""
    return found[0][1] if len(found) == 1 and isinstance(found[0], ObjectIdentifier) else None


def quality(flags: Sequence[Atomic] | str | None, reliability: Sequence[Atomic] | str | None) -> Quality:
    """Fault or a reliability other than no-fault-detected is bad; overridden or out of service is uncertain."""
    if isinstance(flags, list) and len(flags) == 1 and isinstance(flags[0], BitString) and len(flags[0]) == 4:
        if flags[0][_FAULT]:
            return Quality.BAD
        if flags[0][_OVERRIDDEN] or flags[0][_OUT_OF_SERVICE]:
            return Quality.UNCERTAIN
        return Quality.GOOD
    if isinstance(reliability, list) and len(reliability) == 1 and isinstance(reliability[0], Enumerated):
        return Quality.GOOD if int(reliability[0]) == _NO_FAULT else Quality.BAD
    return Quality.GOOD


def like(before: Sequence[Atomic], value: float | bool | str) -> Atomic:
    """``value`` in the type of what the property holds; raises :class:`Refusal`."""
    if len(before) != 1:
        raise Refusal(mark("{value} cannot be written to a property that holds a list."), value=value)
    pattern = before[0]
    if isinstance(pattern, CharacterString):
        return CharacterString(text(value, "utf-8", _LONGEST_TEXT))
    if value == RELINQUISH:
        return Null(())
    kind = type(pattern).__name__
    match pattern:
        case Boolean():
            return Boolean(int(truth(value)))
        case Real() if abs(wanted := number(value, kind, whole=False)) <= _LARGEST_REAL:
            return Real(wanted)
        case Double():
            return Double(number(value, kind, whole=False))
        case Unsigned() | Enumerated() if 0 <= (wanted := number(value, kind, whole=True)) < 1 << 32:
            return type(pattern)(int(wanted))
        case Integer() if -(1 << 31) <= (wanted := number(value, kind, whole=True)) < 1 << 31:
            return Integer(int(wanted))
        case Real() | Unsigned() | Enumerated() | Integer():
            raise out_of_range(value, kind)
    raise Refusal(mark("A property that holds {type} cannot be written from here."), type=kind)

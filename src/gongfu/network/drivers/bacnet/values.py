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

_FAULT, _OVERRIDDEN, _OUT_OF_SERVICE = 1, 2, 3
"""Bits of Status_Flags; 0 is in-alarm, which says nothing against the value (clause 21, BACnetStatusFlags)."""
_NO_FAULT = 0
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
    pattern = before[0] if len(before) == 1 else None
    try:
        match pattern:
            case CharacterString():
                return CharacterString(str(value))
            case _ if value == RELINQUISH:
                return Null(())
            case Boolean() if value in (0, 1):
                return Boolean(int(value))
            case Real() if not isinstance(value, str):
                return Real(float(value))
            case Double() if not isinstance(value, str):
                return Double(float(value))
            case Unsigned() if not isinstance(value, str) and value >= 0 and float(value).is_integer():
                return Unsigned(int(value))
            case Integer() if not isinstance(value, str) and float(value).is_integer():
                return Integer(int(value))
            case Enumerated() if not isinstance(value, str) and value >= 0 and float(value).is_integer():
                return Enumerated(int(value))
    except (ValueError, OverflowError, TypeError) as error:
        raise _misfit(pattern, value) from error
    raise _misfit(pattern, value)


def _misfit(pattern: Atomic | None, value: object) -> Refusal:
    return Refusal(
        mark("{value} cannot be written to a property that holds {type}."),
        value=value,
        type="a list" if pattern is None else type(pattern).__name__,
    )

"""From an OPC UA ``DataValue`` to a sample."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from asyncua import ua

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.values import fit, numbers
from gongfu.network.gateway.config import TagConfig

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OVERFLOW = 0x480
"""InfoType DataValue with the overflow bit (Part 4 §7.39.2): the server's queue has lost values."""
_PENDING = ua.StatusCodes.BadWaitingForInitialData


def has_overflow(value: ua.DataValue) -> bool:
    """Whether values were lost before this one."""
    return value.StatusCode is not None and int(value.StatusCode.value) & _OVERFLOW == _OVERFLOW


def quality(code: int) -> Quality:
    """The severity bits of a status code (Part 4 §7.39.1)."""
    return (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)[code >> 30 & 3]


def microseconds(time: datetime | None) -> int:
    """Microseconds UTC; 0 for none and for clocks that were never set (before 1970)."""
    if time is None:
        return 0
    known = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return max(0, (known - _EPOCH) // _MICROSECOND)


def read(
    tag: TagConfig, value: ua.DataValue, time: int | None = None, index: int | None = None
) -> tuple[Sample | None, str]:
    """The sample of ``tag``, and what is wrong with its type; ``time`` replaces the source timestamp.

    ``index``: the tag is that element of an array.

    No sample when the server has had no value yet. A value of another kind than the tag's becomes *bad*.
    """
    code = 0 if value.StatusCode is None else int(value.StatusCode.value)
    if code == _PENDING:
        return None, ""
    at = microseconds(value.SourceTimestamp) if time is None else time
    grade = quality(code)
    if grade is Quality.BAD:
        return Sample(tag.series, None, at, grade), ""
    found = None if value.Value is None else value.Value.Value
    if index is not None:
        if not isinstance(found, list) or index >= len(found):
            length = f"has {len(found)} elements" if isinstance(found, list) else "is no array"
            return Sample(tag.series, None, at, Quality.BAD), f"the value {length}, the tag is element {index}"
        found = found[index]
    content = numbers(found) if tag.kind == "array" else fit(tag.kind, _scalar(found))
    if content is not None:
        return Sample(tag.series, content, at, grade), ""
    name = "nothing" if value.Value is None else _type_name(value.Value)
    return Sample(tag.series, None, at, Quality.BAD), f"the value is {name}, the tag is a {tag.kind}"


def _scalar(value: object) -> object:
    match value:
        case ua.LocalizedText():
            return value.Text
        case datetime():
            return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).isoformat()
        case IntEnum():
            return int(value)
        case uuid.UUID():
            return str(value)
        case _:
            return value


def _type_name(variant: ua.Variant) -> str:
    name = str(getattr(variant.VariantType, "name", variant.VariantType))
    return f"an array of {name}" if isinstance(variant.Value, list) else name

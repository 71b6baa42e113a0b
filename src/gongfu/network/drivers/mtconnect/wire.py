"""Documents of an MTConnect agent ↔ dataclasses. Pure, fuzzed.

MTConnect Standard Part 1 (protocol, header, errors), Part 2 (devices), Part 3 (streams); versions 1.0 to 2.x are
told apart by their namespace only, which is not looked at: elements are known by their local name, and what is not
known is passed over, as vendors may extend both documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

LIMIT = 32_000_000
"""Bytes of one document."""
_DEPTH = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
UNAVAILABLE = "UNAVAILABLE"
LEVELS = ("Normal", "Warning", "Fault", "Unavailable")


class BadDocument(Invalid):
    """What an agent sent is no MTConnect document."""


class Header(msgspec.Struct, frozen=True):
    """Of a streams document: which life of the agent it is, and which part of its buffer."""

    instance: int
    first: int
    last: int
    next: int
    size: int
    """Observations that the agent keeps; it refuses to send more at once."""


class DataItem(msgspec.Struct, frozen=True, kw_only=True):
    """What a device can say (Part 2)."""

    id: str
    category: str
    type: str
    name: str = ""
    subtype: str = ""
    units: str = ""
    representation: str = ""
    low: float | None = None
    high: float | None = None


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A device, or a part of one. ``kind`` is the element's name: Device, Axes, Linear, Controller …"""

    id: str
    kind: str
    name: str = ""
    uuid: str = ""
    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    items: tuple[DataItem, ...] = ()
    components: tuple[Component, ...] = ()


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One value (Part 3). ``level`` is set for conditions only; ``entries`` for data sets and tables."""

    item: str
    sequence: int
    time: int
    """Microseconds since 1970 UTC."""
    text: str = ""
    level: str = ""
    code: str = ""
    """``nativeCode``, or ``conditionId``: which of several active conditions it is."""
    qualifier: str = ""
    entries: dict[str, str] | None = None


class Devices(msgspec.Struct, frozen=True):
    """The answer to *probe*."""

    devices: tuple[Component, ...]


class Streams(msgspec.Struct, frozen=True):
    """The answer to *current* and *sample*; observations in the order of their sequence."""

    header: Header
    observations: tuple[Observation, ...]


class Errors(msgspec.Struct, frozen=True):
    """The agent declines. ``code``: OUT_OF_RANGE, NO_DEVICE, INVALID_XPATH …; of the first error."""

    code: str
    text: str


Document = Devices | Streams | Errors


def parse(data: bytes) -> Document:
    """One document; raises :class:`BadDocument`."""
    if len(data) > LIMIT:
        raise BadDocument(mark("The document of the agent is longer than {limit} bytes."), limit=LIMIT)
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BadDocument(mark("The agent's answer is not XML: {reason}."), reason=str(error)[:200]) from error
    match _local(root):
        case "MTConnectDevices":
            return Devices(tuple(_component(found, 0) for part in _all(root, "Devices") for found in part))
        case "MTConnectStreams":
            return _streams(root)
        case "MTConnectError":
            return _errors(root)
        case other:
            raise BadDocument(mark("The agent's answer is no MTConnect document but {name}."), name=other[:80])


def moment(text: str) -> int:
    """A ``timestamp`` in microseconds since 1970 UTC; raises :class:`BadDocument`. Without a zone it is UTC."""
    try:
        parsed = datetime.fromisoformat(text.partition("@")[0].strip())
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return (parsed - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError) as error:
        raise BadDocument(mark("The agent sent the time {text}."), text=repr(text[:60])) from error


def _streams(root: Element) -> Streams:
    header = next(_all(root, "Header"), None)
    if header is None:
        raise BadDocument(mark("The agent's document has no header."))
    observations = [
        _observation(element, _local(group) == "Condition")
        for streams in _all(root, "Streams")
        for device in _all(streams, "DeviceStream")
        for component in _all(device, "ComponentStream")
        for group in component
        if _local(group) in ("Samples", "Events", "Condition")
        for element in group
        if element.get("dataItemId")
    ]
    observations.sort(key=lambda observation: observation.sequence)
    numbers = [
        _integer(header, name) for name in ("instanceId", "firstSequence", "lastSequence", "nextSequence", "bufferSize")
    ]
    return Streams(Header(*numbers), tuple(observations))


def _observation(element: Element, condition: bool) -> Observation:
    name, text = _local(element), (element.text or "").strip()
    if condition and name not in LEVELS:
        raise BadDocument(mark("The agent sent a condition of the level {name}."), name=name[:80])
    entries = None
    if len(element):
        entries = {
            entry.get("key", ""): _entry(entry)
            for entry in _all(element, "Entry")
            if entry.get("removed", "false") != "true"
        }
    return Observation(
        item=element.get("dataItemId", ""),
        sequence=_integer(element, "sequence"),
        time=moment(element.get("timestamp", "")),
        text=text,
        level=name if condition else "",
        code=element.get("conditionId") or element.get("nativeCode") or "",
        qualifier=element.get("qualifier", ""),
        entries=entries,
    )


def _entry(element: Element) -> str:
    if not len(element):
        return (element.text or "").strip()
    return " ".join(f"{cell.get('key', '')}={(cell.text or '').strip()}" for cell in _all(element, "Cell"))


def _component(element: Element, depth: int) -> Component:
    if depth > _DEPTH:
        raise BadDocument(mark("The agent's devices are nested too deep."))
    description = next(_all(element, "Description"), None)
    about = {} if description is None else description.attrib
    return Component(
        id=element.get("id", ""),
        kind=_local(element),
        name=element.get("name", ""),
        uuid=element.get("uuid", ""),
        manufacturer=about.get("manufacturer", ""),
        model=about.get("model", ""),
        serial_number=about.get("serialNumber", ""),
        items=tuple(_item(item) for part in _all(element, "DataItems") for item in _all(part, "DataItem")),
        components=tuple(_component(child, depth + 1) for part in _all(element, "Components") for child in part),
    )


def _item(element: Element) -> DataItem:
    limits = next(_all(element, "Constraints"), None)
    return DataItem(
        id=element.get("id", ""),
        category=element.get("category", ""),
        type=element.get("type", ""),
        name=element.get("name", ""),
        subtype=element.get("subType", ""),
        units=element.get("units", ""),
        representation=element.get("representation", ""),
        low=_limit(limits, "Minimum"),
        high=_limit(limits, "Maximum"),
    )


def _limit(limits: Element | None, name: str) -> float | None:
    found = None if limits is None else next(_all(limits, name), None)
    try:
        return None if found is None else float(found.text or "")
    except ValueError:
        return None


def _errors(root: Element) -> Errors:
    found = [error for error in root.iter() if _local(error) == "Error"]
    # Since 2.6 the code is the element's name: <Errors><OutOfRange errorCode="OUT_OF_RANGE"><ErrorMessage>…
    found = found or [error for error in root.iter() if error.get("errorCode")]
    if not found:
        return Errors("", "")
    text = "".join(found[0].itertext()).strip()
    return Errors(found[0].get("errorCode", ""), " ".join(text.split())[:300])


def _integer(element: Element, name: str) -> int:
    text = element.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise BadDocument(mark("The agent sent {name} {text}."), name=name, text=repr(text[:40]))
    return int(text)


def _local(element: Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _all(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if _local(child) == name)

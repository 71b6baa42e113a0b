"""Addresses of OPC UA tags as text: ``ns=2;s=CNC1.SpindleSpeed``, ``event:i=2253``. Pure.

Node ids are in the notation of OPC UA Part 6 §5.3.1.10: identifier types ``i`` (number), ``s`` (string),
``g`` (GUID), ``b`` (bytes in Base64). ``nsu=`` names the namespace by its URI and survives a server that renumbers.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import uuid
from enum import StrEnum
from urllib.parse import quote, unquote

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration


class IdType(StrEnum):
    """Kind of identifier."""

    NUMBER = "i"
    STRING = "s"
    GUID = "g"
    BYTES = "b"


_NODE = r"(?:ns=[0-9]{1,5};|nsu=[^;]+;)?[isgb]=.+"
_PATTERN = re.compile(r"(?:ns=(?P<ns>[0-9]{1,5});|nsu=(?P<uri>[^;]+);)?(?P<type>[isgb])=(?P<value>.+)", re.DOTALL)
_METHOD = re.compile(rf"(?P<object>.+)/(?P<method>{_NODE})", re.DOTALL)
_WISHES = re.compile(r"(?P<node>.+?)\s+\|\s+(?P<wishes>[a-z]+=\S+(?:\s+[a-z]+=\S+)*)", re.DOTALL)
_DEADBAND = re.compile(r"(?P<value>[0-9]{1,12}(?:\.[0-9]{1,12})?)(?P<percent>%?)")
_REMEDY = mark("Write for example ns=2;s=CNC1.SpindleSpeed, nsu=urn:maker:press;i=1042 or i=2258.")
_LONGEST = 4096
"""Characters of a string identifier (Part 3 §8.2.4)."""


class Address(msgspec.Struct, frozen=True):
    """A node. ``uri`` is empty when the namespace is given by its index."""

    namespace: int
    uri: str
    type: IdType
    value: int | str | uuid.UUID | bytes


class Deadband(msgspec.Struct, frozen=True):
    """How far a value must move to be told: in its own unit, or percent of its EURange (Part 8 §6.2)."""

    value: float = 0.0
    percent: bool = False


class Variable(msgspec.Struct, frozen=True):
    """A variable's value, or one element of it. ``sampling`` in seconds, None for the device's interval."""

    node: Address
    sampling: float | None = None
    queue: int | None = None
    """None: the device's option, as for ``deadband``."""
    deadband: Deadband | None = None
    index: int | None = None
    """Which element of an array, from 0; None for a value that is none."""


class Events(msgspec.Struct, frozen=True):
    """What a node notifies: events, alarms and conditions."""

    node: Address


class Method(msgspec.Struct, frozen=True):
    """A method of an object; writing to it calls it."""

    object: Address
    method: Address


Target = Variable | Events | Method


def parse_target(text: str) -> Target:
    """The address of a tag; raises :class:`BadConfiguration` for anything else."""
    text = text.strip()
    if text.startswith("event:"):
        return Events(parse(text.removeprefix("event:")))
    if text.startswith("method:"):
        match = _METHOD.fullmatch(text.removeprefix("method:"))
        if match is None:
            raise BadConfiguration(
                mark("{address} is not an OPC UA method."),
                remedy=mark("Write the object and the method: method:ns=2;s=Press/ns=2;s=Press.Start."),
                address=text[:200],
            )
        return Method(parse(match["object"]), parse(match["method"]))
    match = _WISHES.fullmatch(text)
    if match is None:
        return Variable(parse(text))
    wishes = dict(wish.split("=", 1) for wish in match["wishes"].split())
    sampling, queue, deadband = wishes.pop("sampling", ""), wishes.pop("queue", ""), wishes.pop("deadband", "")
    index = wishes.pop("index", "")
    if wishes:
        raise _wrong_wish(text, next(iter(wishes)))
    return Variable(
        parse(match["node"]),
        _number(text, "sampling", sampling, 0, 3600) if sampling else None,
        int(_number(text, "queue", queue, 1, 100_000)) if queue else None,
        parse_deadband(deadband) if deadband else None,
        int(_number(text, "index", index, 0, 1_000_000)) if index else None,
    )


def parse_deadband(text: str) -> Deadband:
    """``0.5`` or ``2%``; nothing is no dead-band. Raises :class:`BadConfiguration`."""
    if not text.strip():
        return Deadband()
    match = _DEADBAND.fullmatch(text.strip())
    if match is None or (match["percent"] and float(match["value"]) > 100):
        raise BadConfiguration(
            mark("{deadband} is not a dead-band."),
            remedy=mark("Write 0.5 for a distance in the value's unit, 2% for a part of its range."),
            deadband=text[:50],
        )
    return Deadband(float(match["value"]), bool(match["percent"]))


def parse(text: str) -> Address:
    """A node id as :class:`Address`; raises :class:`BadConfiguration` for anything else."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise _wrong(text)
    namespace = int(match["ns"] or 0)
    if namespace > 65535:
        raise _wrong(text)
    return Address(namespace, unquote(match["uri"] or ""), IdType(match["type"]), _identifier(text, match))


def write(address: Address) -> str:
    """The text of ``address``, as :func:`parse` reads it."""
    value = base64.b64encode(address.value).decode() if isinstance(address.value, bytes) else address.value
    space = f"nsu={quote(address.uri, safe=':/?#[]@!$&()*+,=~')};" if address.uri else f"ns={address.namespace};"
    return f"{'' if space == 'ns=0;' else space}{address.type}={value}"


def _identifier(text: str, match: re.Match[str]) -> int | str | uuid.UUID | bytes:
    value = match["value"]
    try:
        match IdType(match["type"]):
            case IdType.NUMBER:
                if re.fullmatch(r"[0-9]{1,10}", value) is None or int(value) > 0xFFFFFFFF:
                    raise _wrong(text)
                return int(value)
            case IdType.GUID:
                return uuid.UUID(value)
            case IdType.BYTES:
                return base64.b64decode(value, validate=True)
            case IdType.STRING:
                if len(value) > _LONGEST:
                    raise _wrong(text)
                return value
    except (ValueError, binascii.Error) as error:
        raise _wrong(text) from error


def _number(text: str, name: str, value: str, low: float, high: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise _wrong_wish(text, name)
    return number


def _wrong_wish(text: str, name: str) -> BadConfiguration:
    return BadConfiguration(
        mark("{name} in the address {address} is wrong."),
        remedy=mark("Behind the node id and | may stand: sampling=0.1 queue=100 deadband=0.5 (or 2%) index=0."),
        name=name[:50],
        address=text[:200],
    )


def _wrong(text: str) -> BadConfiguration:
    return BadConfiguration(mark("{address} is not an OPC UA node id."), remedy=_REMEDY, address=text[:200])

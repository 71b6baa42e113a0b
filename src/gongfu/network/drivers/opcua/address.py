"""OPC UA node ids as text: ``ns=2;s=CNC1.SpindleSpeed``, ``nsu=urn:maker:press;i=1042``. Pure.

The notation of OPC UA Part 6 §5.3.1.10: identifier types ``i`` (number), ``s`` (string), ``g`` (GUID),
``b`` (bytes in Base64). ``nsu=`` names the namespace by its URI and survives a server that renumbers.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from enum import StrEnum
from urllib.parse import unquote

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration


class IdType(StrEnum):
    """Kind of identifier."""

    NUMBER = "i"
    STRING = "s"
    GUID = "g"
    BYTES = "b"


_PATTERN = re.compile(r"(?:ns=(?P<ns>[0-9]{1,5});|nsu=(?P<uri>[^;]+);)?(?P<type>[isgb])=(?P<value>.+)", re.DOTALL)
_REMEDY = mark("Write for example ns=2;s=CNC1.SpindleSpeed, nsu=urn:maker:press;i=1042 or i=2258.")
_LONGEST = 4096
"""Characters of a string identifier (Part 3 §8.2.4)."""


class Address(msgspec.Struct, frozen=True):
    """A node. ``uri`` is empty when the namespace is given by its index."""

    namespace: int
    uri: str
    type: IdType
    value: int | str | uuid.UUID | bytes


def parse(text: str) -> Address:
    """``text`` as :class:`Address`; raises :class:`BadConfiguration` for anything else."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise _wrong(text)
    namespace = int(match["ns"] or 0)
    if namespace > 65535:
        raise _wrong(text)
    return Address(namespace, unquote(match["uri"] or ""), IdType(match["type"]), _identifier(text, match))


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


def _wrong(text: str) -> BadConfiguration:
    return BadConfiguration(mark("{address} is not an OPC UA node id."), remedy=_REMEDY, address=text[:200])

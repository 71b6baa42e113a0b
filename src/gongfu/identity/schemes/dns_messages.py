"""DNS questions and answers as octets. Pure.

Sources: RFC 1035 §4 (messages, compression of names), RFC 3596 (AAAA), RFC 3403 §4.1 (NAPTR, which the OID resolution
system uses). Only what a stub resolver needs; everything else in an answer is skipped.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from dataclasses import dataclass
from enum import IntEnum

from gongfu.identity.schemes.errors import Unreachable
from gongfu.kernel.i18n import mark

_HEAD = struct.Struct(">HHHHHH")
_FIXED = struct.Struct(">HHIH")
_RESPONSE, _TRUNCATED, _WANT_RECURSION, _CODE = 0x8000, 0x0200, 0x0100, 0x000F
_INTERNET = 1
_POINTER = 0xC0
MOST_RECORDS = 200


class Kind(IntEnum):
    """Types of records."""

    A = 1
    CNAME = 5
    AAAA = 28
    NAPTR = 35


@dataclass(frozen=True, slots=True)
class Record:
    """One record of an answer; ``value`` as people read it."""

    name: str
    kind: Kind
    ttl: int
    value: str


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: ``code`` 0 is good, 3 means that there is no such name."""

    code: int
    truncated: bool
    records: tuple[Record, ...]


def question(number: int, name: str, kind: Kind) -> bytes:
    """A question for ``name``, an ASCII name that :mod:`gongfu.identity.schemes.dns` found good."""
    return _HEAD.pack(number, _WANT_RECURSION, 1, 0, 0, 0) + _asked(name, kind)


def _asked(name: str, kind: Kind) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split("."))
    return labels + b"\0" + struct.pack(">HH", kind, _INTERNET)


def answer(octets: bytes, number: int, name: str, kind: Kind) -> Response | None:
    """The answer in ``octets``; None when it answers something else. Raises :class:`Unreachable` for a broken one."""
    try:
        return _answer(octets, number, name, kind)
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise Unreachable(
            mark("The answer of the DNS server cannot be read."), remedy=mark("Check the setting dns_server.")
        ) from error


def _answer(octets: bytes, number: int, name: str, kind: Kind) -> Response | None:
    found, flags, questions, answers, _, _ = _HEAD.unpack_from(octets)
    asked = _asked(name, kind)
    echoed = octets[_HEAD.size : _HEAD.size + len(asked)]
    if found != number or not flags & _RESPONSE or questions != 1 or echoed.lower() != asked.lower():
        return None
    place = _HEAD.size + len(asked)
    records = []
    for _ in range(min(answers, MOST_RECORDS)):
        owner, place = _name(octets, place)
        code, group, ttl, length = _FIXED.unpack_from(octets, place)
        place += _FIXED.size
        if place + length > len(octets):
            raise ValueError("short")
        if group == _INTERNET and code in set(Kind):
            records.append(Record(owner, Kind(code), ttl, _value(octets, place, length, Kind(code))))
        place += length
    return Response(flags & _CODE, bool(flags & _TRUNCATED), tuple(records))


def _name(octets: bytes, place: int) -> tuple[str, int]:
    """The name at ``place`` and where what follows it begins. A pointer may only lead back."""
    labels: list[str] = []
    after, limit = -1, place
    while octets[place]:
        length = octets[place]
        if length & _POINTER == _POINTER:
            target = (length & 0x3F) << 8 | octets[place + 1]
            if target >= limit:
                raise ValueError("loop")
            after = after if after >= 0 else place + 2
            place = limit = target
            continue
        if length & _POINTER or len(labels) > 127:
            raise ValueError("label")
        label = octets[place + 1 : place + 1 + length]
        if len(label) != length:
            raise ValueError("short")
        labels.append(label.decode("ascii").replace("\\", "\\\\"))
        place += 1 + length
    return ".".join(labels), (after if after >= 0 else place + 1)


def _value(octets: bytes, place: int, length: int, kind: Kind) -> str:
    data = octets[place : place + length]
    if kind in (Kind.A, Kind.AAAA):
        return str(ipaddress.IPv4Address(data) if kind is Kind.A else ipaddress.IPv6Address(data))
    if kind is Kind.CNAME:
        return _name(octets, place)[0]
    return _naptr(octets, place)


def _naptr(octets: bytes, place: int) -> str:
    """Order, preference, flags, service, expression, replacement; as a zone file writes them."""
    order, preference = struct.unpack_from(">HH", octets, place)
    place += 4
    texts = []
    for _ in range(3):
        size = octets[place]
        texts.append(octets[place + 1 : place + 1 + size].decode("utf-8"))
        place += 1 + size
    replacement, _ = _name(octets, place)
    flags, service, expression = texts
    return f'{order} {preference} "{flags}" "{service}" "{expression}" {replacement or "."}'


_NAPTR = re.compile(r'\d+ \d+ "([^"]*)" "([^"]*)" "(.*)" \S+')
_MOST_EXPRESSION = 500


def naptr_target(record: Record) -> tuple[str, str]:
    """Service and address of a terminal NAPTR record ``!^.*$!https://…!`` (X.672 §6.3.2); empty when it has none."""
    found = _NAPTR.fullmatch(record.value)
    if found is None or len(found[3]) > _MOST_EXPRESSION:
        return "", ""
    expression = found[3]
    parts = expression[1:].split(expression[:1]) if expression else []
    # Only the two whole-string patterns of X.672 are followed; a regular expression of a stranger is never run.
    whole = len(parts) >= 2 and parts[0] in ("^.*$", ".*", "^(.*)$") and "\\" not in parts[1]
    return found[2], parts[1] if whole else ""

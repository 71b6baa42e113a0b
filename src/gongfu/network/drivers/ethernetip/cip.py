"""CIP messages: paths, requests, replies, several in one, and connections. Pure.

The CIP Networks Library, Volume 1: Common Industrial Protocol, chapters 2 and 3, appendices A to C.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

import msgspec

from gongfu.network.drivers.ethernetip.wire import Malformed

REPLY = 0x80
"""Added to the service of a request (§2-4.2)."""
LARGE_CONNECTION, SMALL_CONNECTION = 4000, 500
"""Bytes of a message that Logix grants with Large Forward Open and with Forward Open."""
_TICK, _MULTIPLIER, _CLASS_3 = 0x0A, 7, 0xA3
"""Ticks of 1.024 s; 512 intervals until a connection is given up; explicit messages."""
_INTERVAL = 2_000_000
"""Microseconds; with the multiplier a connection lives 1024 s without a message."""
DIRECT = "direct"
"""A route of no segments: the device at the address is meant."""
_VENDOR = 0xFFFF
_LINK = re.compile("[0-9a-zA-Z.:-]{1,60}")


class Service(IntEnum):
    """Services that this driver asks for (appendix A; Logix: 1756-PM020)."""

    GET_ATTRIBUTES_ALL = 0x01
    GET_ATTRIBUTE_LIST = 0x03
    MULTIPLE_SERVICE_PACKET = 0x0A
    GET_ATTRIBUTE_SINGLE = 0x0E
    SET_ATTRIBUTE_SINGLE = 0x10
    READ_TAG = 0x4C
    WRITE_TAG = 0x4D
    READ_MODIFY_WRITE = 0x4E
    """At a tag; at the connection manager the same number closes a connection."""
    READ_TAG_FRAGMENTED = 0x52
    """At a tag; at the connection manager the same number sends unconnected."""
    WRITE_TAG_FRAGMENTED = 0x53
    FORWARD_OPEN = 0x54
    GET_INSTANCE_ATTRIBUTE_LIST = 0x55
    LARGE_FORWARD_OPEN = 0x5B


UNCONNECTED_SEND, FORWARD_CLOSE = 0x52, 0x4E


class Segment(IntEnum):
    """Kinds of segments in a path, by their first byte without its format bits (appendix C)."""

    CLASS = 0x20
    INSTANCE = 0x24
    ELEMENT = 0x28
    ATTRIBUTE = 0x30
    SYMBOL = 0x91


class Request(msgspec.Struct, frozen=True):
    """A service asked of what ``path`` leads to."""

    service: int
    path: bytes
    data: bytes = b""


class Reply(msgspec.Struct, frozen=True):
    """An answer. ``status``: 0, or a general status code (appendix B); ``extended`` says more."""

    service: int
    status: int
    data: bytes = b""
    extended: tuple[int, ...] = ()


class Opened(msgspec.Struct, frozen=True):
    """A connection: the identifier to send with, the one that answers carry, and its serial number."""

    send: int
    receive: int
    serial: int


def logical(segment: Segment, number: int) -> bytes:
    """A segment that names a class, instance, attribute or element by ``number``."""
    if number < 0x100:
        return bytes([segment, number])
    if number < 0x10000:
        return struct.pack("<BBH", segment | 1, 0, number)
    return struct.pack("<BBI", segment | 2, 0, number)


def path_of(class_id: int, instance: int, attribute: int | None = None) -> bytes:
    """The path to an instance or one of its attributes."""
    path = logical(Segment.CLASS, class_id) + logical(Segment.INSTANCE, instance)
    return path if attribute is None else path + logical(Segment.ATTRIBUTE, attribute)


def symbol(name: str) -> bytes:
    """A segment that names a tag or a member."""
    data = name.encode("ascii")
    return bytes([Segment.SYMBOL, len(data)]) + data + bytes(len(data) % 2)


def route(text: str) -> bytes:
    """Port segments: ``1,0`` is backplane, slot 0; none for ``direct``. Raises ``ValueError`` for no list of pairs."""
    if text.strip().lower() in ("", DIRECT):
        return b""
    parts = [part.strip() for part in re.split(r"[,/]", text)]
    if len(parts) % 2:
        raise ValueError(f"{text} is no list of port and address")
    made = b""
    for port, link in zip(parts[::2], parts[1::2], strict=True):
        if not (
            re.fullmatch("[0-9]{1,2}", port) and 1 <= int(port) <= 14 and re.fullmatch("[0-9a-zA-Z.:-]{1,60}", link)
        ):
            raise ValueError(f"{port},{link} is no port and address")
        if link.isdecimal() and int(link) < 256:
            made += bytes([int(port), int(link)])
        else:
            made += bytes([0x10 | int(port), len(link)]) + link.encode() + bytes(len(link) % 2)
    return made


def decode_path(path: bytes) -> list[tuple[Segment, int | str]]:
    """The segments of a path without ports."""
    segments: list[tuple[Segment, int | str]] = []
    at = 0
    while at < len(path):
        first = path[at]
        if first == Segment.SYMBOL:
            length = path[at + 1] if at + 1 < len(path) else 0
            name = path[at + 2 : at + 2 + length]
            if not length or len(name) != length or not name.isascii():
                raise Malformed("a symbol that is cut short")
            segments.append((Segment.SYMBOL, name.decode()))
            at += 2 + length + length % 2
            continue
        kind, form = first & ~3, first & 3
        size = {0: 1, 1: 2, 2: 4}.get(form)
        if kind not in set(Segment) or size is None:
            raise Malformed(f"a path with the segment {first:02X}")
        start = at + (1 if form == 0 else 2)
        number = path[start : start + size]
        if len(number) != size:
            raise Malformed("a path that is cut short")
        segments.append((Segment(kind), int.from_bytes(number, "little")))
        at = start + size
    return segments


def encode_request(request: Request) -> bytes:
    """The message router's form of ``request`` (§2-4.1)."""
    return bytes([request.service, len(request.path) // 2]) + request.path + request.data


def decode_request(data: bytes) -> Request:
    """The request in ``data``."""
    if len(data) < 2 or len(data) < 2 + 2 * data[1]:
        raise Malformed("a request that is cut short")
    end = 2 + 2 * data[1]
    return Request(data[0], data[2:end], data[end:])


def encode_reply(reply: Reply) -> bytes:
    """The message router's form of ``reply`` (§2-4.2)."""
    extended = struct.pack(f"<{len(reply.extended)}H", *reply.extended)
    return bytes([reply.service | REPLY, 0, reply.status, len(reply.extended)]) + extended + reply.data


def decode_reply(data: bytes) -> Reply:
    """The reply in ``data``."""
    if len(data) < 4 or not data[0] & REPLY or len(data) < 4 + 2 * data[3]:
        raise Malformed("a reply that is none, or cut short")
    start = 4 + 2 * data[3]
    return Reply(data[0] & ~REPLY, data[2], data[start:], struct.unpack(f"<{data[3]}H", data[4:start]))


def encode_several(messages: Sequence[bytes]) -> bytes:
    """Data of a Multiple Service Packet, or of its reply: a count, offsets, then the messages."""
    at = 2 + 2 * len(messages)
    offsets = []
    for message in messages:
        offsets.append(at)
        at += len(message)
    return struct.pack(f"<{1 + len(messages)}H", len(messages), *offsets) + b"".join(messages)


def decode_several(data: bytes) -> list[bytes]:
    """The messages in a Multiple Service Packet or its reply."""
    (count,) = struct.unpack_from("<H", data) if len(data) >= 2 else (0,)
    if not count or len(data) < 2 + 2 * count:
        raise Malformed("a packet of several messages that is cut short")
    offsets = [*struct.unpack_from(f"<{count}H", data, 2), len(data)]
    if offsets != sorted(offsets) or offsets[0] < 2 + 2 * count:
        raise Malformed("a packet of several messages whose offsets lead astray")
    return [data[start:end] for start, end in pairwise(offsets)]


def send_unconnected(message: bytes, way: bytes, seconds: float) -> Request:
    """``message`` sent on by the connection manager along ``way``, port segments (§3-5.5.4)."""
    ticks = min(255, max(1, round(seconds / 1.024)))
    data = struct.pack("<BBH", _TICK, ticks, len(message)) + message + bytes(len(message) % 2)
    return Request(UNCONNECTED_SEND, path_of(6, 1), data + bytes([len(way) // 2, 0]) + way)


def decode_unconnected(data: bytes) -> tuple[bytes, bytes]:
    """Message and way of an Unconnected Send."""
    if len(data) < 4:
        raise Malformed("an Unconnected Send that is cut short")
    (length,) = struct.unpack_from("<H", data, 2)
    end = 4 + length + length % 2
    if len(data) < end + 2 or len(data) < end + 2 + 2 * data[end]:
        raise Malformed("an Unconnected Send that is cut short")
    return data[4 : 4 + length], data[end + 2 : end + 2 + 2 * data[end]]


def forward_open(serial: int, receive: int, way: bytes, *, large: bool) -> Request:
    """A request for a connection to the message router at the end of ``way`` (§3-5.5.2)."""
    size = LARGE_CONNECTION if large else SMALL_CONNECTION
    # Point to point, low priority, variable size.
    parameters = struct.pack("<I", 0x4200 << 16 | size) if large else struct.pack("<H", 0x4200 | size)
    data = struct.pack("<BBIIHHI", _TICK, 5, 0, receive, serial, _VENDOR, serial) + bytes([_MULTIPLIER, 0, 0, 0])
    data += (struct.pack("<I", _INTERVAL) + parameters) * 2 + bytes([_CLASS_3])
    to = way + path_of(2, 1)
    service = Service.LARGE_FORWARD_OPEN if large else Service.FORWARD_OPEN
    return Request(service, path_of(6, 1), data + bytes([len(to) // 2]) + to)


def decode_forward_open(request: Request) -> tuple[Opened, int, bytes, bytes]:
    """What a Forward Open asks for: the connection, bytes of a message to the asker, way, and echo for the reply."""
    large = request.service == Service.LARGE_FORWARD_OPEN
    size, form = (4, "<I") if large else (2, "<H")
    data = request.data
    start = 22 + 2 * (4 + size) + 2
    if len(data) < start or len(data) < start + 2 * data[start - 1]:
        raise Malformed("a Forward Open that is cut short")
    send, receive, serial = struct.unpack_from("<IIH", data, 2)
    (parameters,) = struct.unpack_from(form, data, 22 + 4 + size + 4)
    granted = parameters & (0xFFFF if large else 0x01FF)
    return Opened(send, receive, serial), granted, data[start : start + 2 * data[start - 1]], data[10:18]


def encode_opened(opened: Opened, echo: bytes) -> bytes:
    """Data of the reply to a Forward Open that is granted."""
    return struct.pack("<II", opened.send, opened.receive) + echo + struct.pack("<IIBB", _INTERVAL, _INTERVAL, 0, 0)


def decode_opened(data: bytes) -> Opened:
    """The connection that was granted."""
    if len(data) < 10:
        raise Malformed("a connection that is cut short")
    return Opened(*struct.unpack_from("<IIH", data))


def forward_close(serial: int, way: bytes) -> Request:
    """The end of a connection (§3-5.5.3)."""
    to = way + path_of(2, 1)
    data = struct.pack("<BBHHI", _TICK, 5, serial, _VENDOR, serial) + bytes([len(to) // 2, 0]) + to
    return Request(FORWARD_CLOSE, path_of(6, 1), data)

"""EtherNet/IP encapsulation: what carries CIP messages over TCP. Pure; nothing here waits or connects.

The CIP Networks Library, Volume 2: EtherNet/IP Adaptation of CIP, chapter 2. All numbers are little-endian.
Whatever cannot be read raises :class:`Malformed`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum

import msgspec

HEAD = 24
"""Bytes of a header (§2-3.1)."""
_HEADER = struct.Struct("<HHII8sI")
_VERSION = 1
_SOCKET_ADDRESS = 16
_IDENTITY = struct.Struct("<HHHBBHI")


class Malformed(ValueError):
    """Bytes that are no EtherNet/IP or CIP, or no answer to the request."""


class Command(IntEnum):
    """Encapsulation commands (§2-3.2)."""

    NOP = 0x00
    LIST_SERVICES = 0x04
    LIST_IDENTITY = 0x63
    LIST_INTERFACES = 0x64
    REGISTER_SESSION = 0x65
    UNREGISTER_SESSION = 0x66
    SEND_RR_DATA = 0x6F
    SEND_UNIT_DATA = 0x70


class ItemType(IntEnum):
    """Items of the common packet format (§2-6)."""

    NULL = 0x0000
    IDENTITY = 0x000C
    CONNECTED_ADDRESS = 0x00A1
    CONNECTED_DATA = 0x00B1
    UNCONNECTED_DATA = 0x00B2


class Packet(msgspec.Struct, frozen=True):
    """An encapsulated command or its answer. ``context``: eight bytes that the answer repeats."""

    command: int
    session: int = 0
    status: int = 0
    context: bytes = bytes(8)
    data: bytes = b""


class Device(msgspec.Struct, frozen=True):
    """What the identity object says (Volume 1, §5A-2). ``vendor`` as ODVA numbers them."""

    vendor: int
    type: int
    code: int
    major: int
    minor: int
    serial: int
    name: str
    status: int = 0


def encode_packet(packet: Packet) -> bytes:
    """The bytes of ``packet``."""
    head = _HEADER.pack(packet.command, len(packet.data), packet.session, packet.status, packet.context, 0)
    return head + packet.data


def decode_head(head: bytes) -> tuple[Packet, int]:
    """The packet that begins with ``head``, without its data, and how many bytes of data follow."""
    try:
        command, length, session, status, context, _options = _HEADER.unpack(head)
    except struct.error as error:
        raise Malformed(f"a header of {len(head)} bytes") from error
    if command not in set(Command):
        raise Malformed(f"no command has the number {command:04X}")
    return Packet(command, session, status, context), length


def register() -> bytes:
    """Data of a request for a session."""
    return struct.pack("<HH", _VERSION, 0)


def encode_items(items: Sequence[tuple[int, bytes]]) -> bytes:
    """Data of SendRRData and SendUnitData: interface 0 (CIP), no time limit, then ``items``."""
    listed = b"".join(struct.pack("<HH", kind, len(data)) + data for kind, data in items)
    return struct.pack("<IHH", 0, 0, len(items)) + listed


def decode_items(data: bytes) -> list[tuple[int, bytes]]:
    """The items in the data of SendRRData or SendUnitData."""
    if len(data) < 8 or data[:4] != bytes(4):
        raise Malformed("no packet for CIP")
    return _items(data[6:])


def encode_identity(device: Device) -> bytes:
    """Data of an answer to ListIdentity; the socket address is left empty."""
    item = struct.pack("<H", _VERSION) + bytes(_SOCKET_ADDRESS) + encode_device(device) + b"\xff"
    return struct.pack("<HHH", 1, ItemType.IDENTITY, len(item)) + item


def decode_identity(data: bytes) -> Device:
    """The device in an answer to ListIdentity."""
    for kind, item in _items(data):
        if kind == ItemType.IDENTITY:
            return decode_device(item[2 + _SOCKET_ADDRESS :])
    raise Malformed("a list of identities without one")


def encode_device(device: Device) -> bytes:
    """All attributes of the identity object."""
    fields = device.vendor, device.type, device.code, device.major, device.minor, device.status, device.serial
    name = device.name.encode("latin-1", "replace")[:32]
    return _IDENTITY.pack(*fields) + bytes([len(name)]) + name


def decode_device(data: bytes) -> Device:
    """The device that the attributes of its identity object describe; more may follow."""
    if len(data) <= _IDENTITY.size:
        raise Malformed(f"an identity of {len(data)} bytes")
    vendor, kind, code, major, minor, status, serial = _IDENTITY.unpack_from(data)
    length = data[_IDENTITY.size]
    name = data[_IDENTITY.size + 1 :][:length]
    if len(name) != length:
        raise Malformed("an identity whose name is cut short")
    return Device(vendor, kind, code, major, minor, serial, name.decode("latin-1").strip(), status)


def _items(data: bytes) -> list[tuple[int, bytes]]:
    if len(data) < 2:
        raise Malformed("no list of items")
    (count,) = struct.unpack_from("<H", data)
    items: list[tuple[int, bytes]] = []
    at = 2
    for _ in range(count):
        if len(data) < at + 4:
            raise Malformed("a list of items that is cut short")
        kind, length = struct.unpack_from("<HH", data, at)
        item = data[at + 4 : at + 4 + length]
        if len(item) != length:
            raise Malformed("an item that is cut short")
        items.append((kind, item))
        at += 4 + length
    return items

"""Frames and ASDUs of IEC 60870-5-104: bytes ↔ structs, no I/O.

A frame (APDU) is 68, a length, four control octets and, in I format, an ASDU (IEC 60870-5-104 §5.1). An ASDU is a
type, a number of objects, a cause, an originator, a common address, and the objects (IEC 60870-5-101 §7.1). Numbers
are little-endian; the cause has two octets, an object's address three, the common address two, or one at some
stations.
"""

from __future__ import annotations

import struct

import msgspec

from gongfu.network.drivers.iec104.codes import Function, TypeId, mnemonic
from gongfu.network.drivers.iec104.elements import FORMS, Element

START = 0x68
LONGEST = 253
"""Octets behind the length octet, at most; an ASDU has four fewer."""
LONGEST_ASDU = LONGEST - 4
LAST_ADDRESS = 0xFFFFFF
_CONTROL = struct.Struct("<HH")


class Malformed(ValueError):
    """Bytes that are no frame or no ASDU."""


class UnknownType(Malformed):
    """A type identification that this codec does not have; the frame itself is well."""

    def __init__(self, type_id: int) -> None:
        super().__init__(f"type {type_id} is not known")
        self.type_id = type_id


class Information(msgspec.Struct, frozen=True):
    """A frame in I format: numbers of this frame and of the next that is expected, 0 to 32767, and an ASDU."""

    send: int
    receive: int
    asdu: bytes


class Supervisory(msgspec.Struct, frozen=True):
    """A frame in S format: everything before ``receive`` has arrived."""

    receive: int


class Unnumbered(msgspec.Struct, frozen=True):
    """A frame in U format."""

    function: Function


Frame = Information | Supervisory | Unnumbered


class Asdu(msgspec.Struct, frozen=True, kw_only=True):
    """Application service data unit. With ``sequence`` the objects' addresses follow one another."""

    type: TypeId
    cause: int
    common: int
    objects: tuple[Element, ...]
    sequence: bool = False
    negative: bool = False
    test: bool = False
    originator: int = 0


def encode_frame(frame: Frame) -> bytes:
    """A whole APDU."""
    match frame:
        case Information(send, receive, asdu):
            control = _CONTROL.pack(send << 1, receive << 1) + asdu
        case Supervisory(receive):
            control = _CONTROL.pack(1, receive << 1)
        case Unnumbered(function):
            control = bytes((function, 0, 0, 0))
    return bytes((START, len(control))) + control


def frame_length(header: bytes | bytearray) -> int:
    """Octets that follow the first two; raises :class:`Malformed`."""
    if header[0] != START:
        raise Malformed(f"a frame starts with 68, not {header[0]:02X}")
    if not 4 <= header[1] <= LONGEST:
        raise Malformed(f"a frame of {header[1]} octets")
    return header[1]


def decode_frame(data: bytes) -> Frame:
    """One whole APDU; raises :class:`Malformed`."""
    if len(data) < 6 or frame_length(data) != len(data) - 2:
        raise Malformed(f"a frame of {len(data)} octets that says something else")
    first, second = _CONTROL.unpack_from(data, 2)
    if not first & 1:
        return Information(first >> 1, second >> 1, data[6:])
    if len(data) != 6:
        raise Malformed("a frame without an ASDU is longer than six octets")
    if first & 3 == 1:
        return Supervisory(second >> 1)
    try:
        return Unnumbered(Function(first & 0xFF))
    except ValueError as error:
        raise Malformed(f"a U frame of {first & 0xFF:02X}") from error


def encode_asdu(asdu: Asdu, common_size: int = 2) -> bytes:
    """``asdu`` with a common address of ``common_size`` octets; raises ``ValueError`` when it does not fit a frame."""
    form = FORMS[asdu.type]
    count = len(asdu.objects)
    if not 0 < count < 128:
        raise ValueError(f"{count} objects")
    try:
        parts = [
            bytes((asdu.type, asdu.sequence << 7 | count)),
            bytes((asdu.cause | asdu.negative << 6 | asdu.test << 7, asdu.originator)),
            asdu.common.to_bytes(common_size, "little"),
        ]
        for index, element in enumerate(asdu.objects):
            if not asdu.sequence or not index:
                parts.append(element.address.to_bytes(3, "little"))
            parts.append(form.encode(element))
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{mnemonic(asdu.type)}: {error}") from error
    data = b"".join(parts)
    if len(data) > LONGEST_ASDU:
        raise ValueError(f"an ASDU of {len(data)} octets")
    return data


def decode_asdu(data: bytes, common_size: int = 2) -> Asdu:
    """The ASDU in ``data``; raises :class:`UnknownType`, or :class:`Malformed`."""
    start = 4 + common_size
    if len(data) < start:
        raise Malformed(f"an ASDU of {len(data)} octets")
    number, shape, cause, originator = data[:4]
    try:
        type_id = TypeId(number)
    except ValueError as error:
        raise UnknownType(number) from error
    form, count, sequence = FORMS[type_id], shape & 0x7F, bool(shape & 0x80)
    if not count:
        raise Malformed(f"{type_id.name} without an object")
    wanted = start + (3 + count * form.size if sequence else count * (3 + form.size))
    if len(data) != wanted:
        raise Malformed(f"{type_id.name} with {count} objects has {len(data)} octets instead of {wanted}")
    objects: list[Element] = []
    at, address = start, -1
    for _ in range(count):
        if sequence and address >= 0:
            address += 1
        else:
            address = data[at] | data[at + 1] << 8 | data[at + 2] << 16
            at += 3
        objects.append(form.decode(data, at, address))
        at += form.size
    if address > LAST_ADDRESS:
        raise Malformed(f"object address {address}")
    return Asdu(
        type=type_id,
        cause=cause & 0x3F,
        common=int.from_bytes(data[4:start], "little"),
        objects=tuple(objects),
        sequence=sequence,
        negative=bool(cause & 0x40),
        test=bool(cause & 0x80),
        originator=originator,
    )


def room(type_id: TypeId, common_size: int = 2, *, sequence: bool = False) -> int:
    """How many objects fit one ASDU: with consecutive addresses, or each with its own."""
    size, left = FORMS[type_id].size, LONGEST_ASDU - 4 - common_size
    return min(127, (left - 3) // max(1, size) if sequence else left // (3 + size))

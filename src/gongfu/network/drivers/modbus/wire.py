"""Modbus frames of a serial line, RTU and ASCII: a request as bytes, and its answer found among whatever arrives. Pure.

MODBUS over Serial Line V1.02 §2.5.1 (RTU), §2.5.2 (ASCII), §6.2 (CRC and LRC). The data unit inside (function and
data, MODBUS Application Protocol V1.1b3 §4.1) is pymodbus's business, except for its length: on a line nothing else
tells where an answer ends.
"""

from __future__ import annotations

import binascii
import struct
from enum import StrEnum

import msgspec

LONGEST = 513
"""Characters of the longest ASCII frame (§2.5.2.1); RTU frames have at most 256 bytes."""
_READS = (0x01, 0x02, 0x03, 0x04)
_MIRRORED = {0x05: 5, 0x06: 5, 0x0F: 5, 0x10: 5, 0x16: 7}
"""Writes: their answer is the beginning of the request, so long."""
_SAME_AS_REQUEST = (0x05, 0x06, 0x16)
_IDENTIFY = 0x2B
_READ = struct.Struct(">BHH")


class Framing(StrEnum):
    """How data units become frames."""

    RTU = "rtu"
    ASCII = "ascii"


class Request(msgspec.Struct, frozen=True):
    """What has been sent. ``pdu``: function code and data."""

    framing: Framing
    unit: int
    pdu: bytes
    frame: bytes = b""
    """The bytes on the line; made of the others."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "frame", encode(self.framing, self.unit, self.pdu))

    @property
    def looks_like_its_answer(self) -> bool:
        """Whether the echo of this request cannot be told from its answer."""
        return self.pdu[0] in _SAME_AS_REQUEST


class Finding(msgspec.Struct, frozen=True):
    """What bytes from the line hold. ``answer``: the data unit, empty when it is not there (yet)."""

    answer: bytes = b""
    echoed: bool = False
    """The request itself came back first."""
    broken: bool = False
    """An answer is there whose check sum is wrong: waiting for more is of no use."""
    begun: bool = False
    """The beginning of an answer is there."""


def encode(framing: Framing, unit: int, pdu: bytes) -> bytes:
    """A frame."""
    data = bytes([unit]) + pdu
    if framing is Framing.RTU:
        return data + crc(data)
    return b":" + binascii.hexlify(data + bytes([lrc(data)])).upper() + b"\r\n"


def read_pdu(function: int, offset: int, count: int) -> bytes:
    """The data unit that asks for ``count`` registers or bits from ``offset`` on (V1.1b3 §6.1 to §6.4)."""
    return _READ.pack(function, offset, count)


def read_data(request: bytes, answer: bytes) -> bytes | None:
    """What ``answer`` to a :func:`read_pdu` holds, registers most significant byte first; None when it is none."""
    count = int.from_bytes(request[3:5], "big")
    size = 2 * count if request[0] > 0x02 else (count + 7) // 8
    right = answer[0] == request[0] and len(answer) == size + 2 and answer[1] == size
    return answer[2:] if right else None


def bits(data: bytes, count: int) -> list[int]:
    """The first ``count`` bits of ``data``, the lowest of each byte first."""
    return [data[at >> 3] >> (at & 7) & 1 for at in range(count)]


def crc(data: bytes) -> bytes:
    """CRC-16 with polynomial A001, low byte first (§6.2.2)."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def lrc(data: bytes) -> int:
    """Two's complement of the sum of all bytes (§6.2.1)."""
    return -sum(data) & 0xFF


def find(request: Request, data: bytes, *, echoes: bool = False) -> Finding:
    """The answer to ``request`` in ``data``, with noise, echo and answers to others around it.

    ``echoes``: the line is known to return what is sent, so the first copy of the request is no answer.
    """
    frame = request.frame
    at = data.find(frame) if echoes or not request.looks_like_its_answer else -1
    if at >= 0:
        data = data[at + len(frame) :]
    elif echoes and request.looks_like_its_answer:
        return Finding()
    search = _find_rtu if request.framing is Framing.RTU else _find_ascii
    finding = search(request, data)
    return msgspec.structs.replace(finding, echoed=True) if at >= 0 else finding


def _find_rtu(request: Request, data: bytes) -> Finding:
    broken = begun = False
    for start in range(len(data)):
        rest = data[start:]
        if rest[0] != request.unit:
            continue
        length = _length(request.pdu, rest[1:])
        if length is None:
            continue
        end = 1 + length
        if length == 0 or len(rest) < end + 2:
            begun = True
        elif crc(rest[:end]) == rest[end : end + 2]:
            return Finding(rest[1:end])
        else:
            broken = True
    return Finding(broken=broken and not begun, begun=begun)


def _find_ascii(request: Request, data: bytes) -> Finding:
    broken = begun = False
    for part in data.split(b":")[1:]:
        text, end, _ = part.partition(b"\r\n")
        if not end:
            begun = True
            continue
        try:
            frame = binascii.unhexlify(text)
        except ValueError:
            broken = True
            continue
        if len(frame) < 3 or lrc(frame[:-1]) != frame[-1]:
            broken = True
        elif frame[0] == request.unit and _length(request.pdu, frame[1:-1]) == len(frame) - 2:
            return Finding(frame[1:-1])
    return Finding(broken=broken and not begun, begun=begun)


def _length(request: bytes, answer: bytes) -> int | None:
    """Bytes of the data unit that begins with ``answer``: 0 when too few are there to say, None if it is no answer."""
    if not answer:
        return 0
    function = request[0]
    if answer[0] == function | 0x80:
        return 2
    if answer[0] != function:
        return None
    if function in _READS:
        return _length_of_read(request, answer)
    if function in _MIRRORED:
        length = _MIRRORED[function]
        return length if answer[:length] == request[: min(length, len(answer))] else None
    return _length_of_identity(answer) if function == _IDENTIFY else None


def _length_of_read(request: bytes, answer: bytes) -> int | None:
    count = int.from_bytes(request[3:5], "big")
    size = 2 * count if request[0] > 0x02 else (count + 7) // 8
    if len(answer) < 2:
        return 0
    return 2 + size if answer[1] == size else None


def _length_of_identity(answer: bytes) -> int | None:
    """V1.1b3 §6.21: 2B 0E, code, conformity, more follows, next object, number of objects, then id, length, value."""
    if len(answer) < 2:
        return 0
    if answer[1] != 0x0E:
        return None
    length = 7
    if len(answer) < length:
        return 0
    for _ in range(answer[6]):
        if len(answer) < length + 2:
            return 0
        length += 2 + answer[length + 1]
    return length if length <= 253 else None


def _table() -> tuple[int, ...]:
    values = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)  # noqa: PLW2901
        values.append(value)
    return tuple(values)


_CRC = _table()

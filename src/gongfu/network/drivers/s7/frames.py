"""The frames around an S7 data unit, and the one answer that comes all the time: bytes that were read. Pure.

TPKT (RFC 1006 §6) and the data TPDU of ISO 8073 class 0; the layout of the data unit is that of the library.
"""

from __future__ import annotations

HEAD = 4
"""Bytes of a TPKT header."""
_DATA = b"\x02\xf0\x80"
"""Header of a data TPDU that is the last of its message."""
_GOOD = b"\0\0\x04\x01\xff"
"""No error; function read, one item; that item was read."""
_IN_BITS, _IN_BYTES = (0x04, 0x05), (0x03, 0x06, 0x07, 0x09)
"""Transport sizes whose length counts bits, or bytes."""


def wrap(pdu: bytes) -> bytes:
    """``pdu`` as it goes over TCP."""
    return b"\x03\0" + (len(pdu) + 7).to_bytes(2, "big") + _DATA + pdu


def rest(head: bytes) -> int:
    """How many bytes follow the TPKT header ``head``; raises ``ValueError``."""
    length = int.from_bytes(head[2:4], "big")
    if head[0] != 3 or length < 7:
        raise ValueError(f"{head.hex()} is no TPKT header")
    return length - HEAD


def unwrap(payload: bytes) -> bytes:
    """The data unit in a TPKT's payload; raises ``ValueError``."""
    if payload[:2] != _DATA[:2] or payload[2] & 0x7F:
        raise ValueError(f"{payload[:3].hex()} is no header of data")
    return payload[3:]


def data_of_read(pdu: bytes, size: int) -> bytes | None:
    """The ``size`` bytes that were read; None for every answer that is not exactly that."""
    if pdu[:2] != b"\x32\x03" or pdu[10:15] != _GOOD or len(pdu) < 18 + size:
        return None
    length = int.from_bytes(pdu[16:18], "big")
    right = (pdu[15] in _IN_BITS and length == 8 * size) or (pdu[15] in _IN_BYTES and length == size)
    announced = 12 + int.from_bytes(pdu[6:8], "big") + int.from_bytes(pdu[8:10], "big")
    return pdu[18 : 18 + size] if right and announced == 18 + size == len(pdu) else None

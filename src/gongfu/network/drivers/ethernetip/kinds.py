"""CIP data types, and values of them. Pure.

Volume 1, appendix C-6.1; Logix strings: 1756-PM020, "STRING structure".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from gongfu.network.drivers.ethernetip.wire import Malformed

BOOL, SINT, DINT, DWORD, STRUCTURE = 0xC1, 0xC2, 0xC4, 0xD3, 0x02A0
FORMATS = {
    BOOL: "B",
    SINT: "b",
    0xC3: "h",
    DINT: "i",
    0xC5: "q",
    0xC6: "B",
    0xC7: "H",
    0xC8: "I",
    0xC9: "Q",
    0xCA: "f",
    0xCB: "d",
    0xD1: "B",
    0xD2: "H",
    DWORD: "I",
    0xD4: "Q",
}
"""Code of an elementary type → its letter in the ``struct`` module."""
NAMES = {
    BOOL: "BOOL",
    SINT: "SINT",
    0xC3: "INT",
    DINT: "DINT",
    0xC5: "LINT",
    0xC6: "USINT",
    0xC7: "UINT",
    0xC8: "UDINT",
    0xC9: "ULINT",
    0xCA: "REAL",
    0xCB: "LREAL",
    0xD1: "BYTE",
    0xD2: "WORD",
    DWORD: "DWORD",
    0xD4: "LWORD",
}
CODES = {name: code for code, name in NAMES.items()}
TEXTS = ("STRING", "SHORT_STRING")
"""Types of attributes that are texts: with a length of two bytes, and of one."""
STRING_HANDLE, STRING_SIZE, STRING_LENGTH = 0x0FCE, 88, 82
"""Of the predefined structure STRING."""
_WHOLE = "bBhHiIqQ"


class Typed(msgspec.Struct, frozen=True):
    """Values as they come from a tag: type, the handle of a structure, and bytes."""

    code: int
    data: bytes
    handle: int = 0

    @property
    def head(self) -> bytes:
        """How the type is written before values."""
        return struct.pack("<HH", self.code, self.handle) if self.code == STRUCTURE else struct.pack("<H", self.code)


def size(code: int) -> int:
    """Bytes of one value of the elementary type ``code``; 0 when it is none."""
    return struct.calcsize(f"<{FORMATS[code]}") if code in FORMATS else 0


def decode_typed(data: bytes) -> Typed:
    """Type and values in the answer to a Read Tag."""
    if len(data) < 2:
        raise Malformed("a value without a type")
    (code,) = struct.unpack_from("<H", data)
    if code != STRUCTURE:
        return Typed(code, data[2:])
    if len(data) < 4:
        raise Malformed("a structure without a handle")
    return Typed(code, data[4:], struct.unpack_from("<H", data, 2)[0])


def numbers(typed: Typed) -> tuple[float, ...]:
    """The values of an elementary type; raises ``Malformed`` when it is another, or its bytes are no whole number."""
    width = size(typed.code)
    if not width or len(typed.data) % width:
        raise Malformed(f"{len(typed.data)} bytes of type {typed.code:04X}")
    return struct.unpack(f"<{len(typed.data) // width}{FORMATS[typed.code]}", typed.data)


def is_string(typed: Typed) -> bool:
    """Whether a structure looks like a Logix string: a length and at least so many characters."""
    if typed.code != STRUCTURE or len(typed.data) < 8:
        return False
    length = int.from_bytes(typed.data[:4], "little", signed=True)
    return 0 <= length <= len(typed.data) - 4


def text_of(typed: Typed, encoding: str) -> str:
    """The text of a string; ask :func:`is_string` first."""
    (length,) = struct.unpack_from("<i", typed.data)
    return typed.data[4 : 4 + length].decode(encoding, errors="replace")


def string_of(text: str, total: int, encoding: str) -> bytes:
    """A Logix string of ``total`` bytes; see that ``text`` fits what is declared before."""
    data = text.encode(encoding)
    return struct.pack("<i", len(data)) + data.ljust(total - 4, b"\0")


def has_bits(code: int) -> bool:
    """Whether the elementary type ``code`` is a whole number."""
    return code != BOOL and FORMATS.get(code, "f") in _WHOLE


def encode_number(code: int, value: float | bool) -> bytes:
    """``value`` as one of the elementary type ``code``. Raises ``ValueError`` when it is outside its range."""
    if code == BOOL:
        return b"\xff" if value else b"\x00"  # as it is read, and as pycomm3 writes it
    try:
        return struct.pack(f"<{FORMATS[code]}", round(value) if has_bits(code) else float(value))
    except (struct.error, OverflowError, ValueError) as error:
        raise ValueError(f"{value} is no {NAMES[code]}") from error


def decode_attribute(name: str, data: bytes, encoding: str) -> float | bool | str:
    """An attribute of type ``name``, a key of :data:`CODES` or one of :data:`TEXTS`; more bytes may follow."""
    if name in TEXTS:
        width = 2 if name == "STRING" else 1
        length = int.from_bytes(data[:width], "little")
        if len(data) < width + length:
            raise Malformed("a text that is cut short")
        return data[width : width + length].decode(encoding, errors="replace")
    code = CODES[name]
    if len(data) < size(code):
        raise Malformed(f"{len(data)} bytes for a {name}")
    value: float = struct.unpack_from(f"<{FORMATS[code]}", data)[0]
    return bool(value) if code == BOOL else float(value)


def encode_text(name: str, text: str, encoding: str) -> bytes:
    """``text`` as an attribute of type ``name``, one of :data:`TEXTS`."""
    data = text.encode(encoding)
    return len(data).to_bytes(2 if name == "STRING" else 1, "little") + data


def elements(typed: Typed, count: int) -> Sequence[bytes]:
    """The bytes of each of ``count`` equal elements; raises ``Malformed`` when they do not come out even."""
    width, rest = divmod(len(typed.data), count)
    if rest or not width:
        raise Malformed(f"{len(typed.data)} bytes for {count} elements")
    return [typed.data[i * width : (i + 1) * width] for i in range(count)]

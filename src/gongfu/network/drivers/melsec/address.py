"""MELSEC addresses as GX Works writes them, with a type: ``D100:float32``, ``M10``, ``D100.5``, ``X1F``. Pure.

X, Y, B, W, SB, SW, DX and DY are numbered in hexadecimal (X and Y of iQ-F in octal), all others in decimal, and so
is the bit of a word: ``D100.A`` is its bit 10. Numbers of more than one word have their low word first.
"""

from __future__ import annotations

import re
import struct

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.melsec.devices import CURRENT_VALUES, DEVICES, Device

_FORMATS = {
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}
_NAMES = sorted([*DEVICES, *CURRENT_VALUES], key=len, reverse=True)
_PATTERN = re.compile(
    rf"(?P<device>{'|'.join(_NAMES)})(?P<number>[0-9A-F]{{1,8}})(?:\.(?P<bit>[0-9A-F])|:(?P<type>[A-Z]+[0-9]+))?",
    re.ASCII,
)
_STRING = re.compile(r"string([0-9]{1,3})")
_HEXADECIMAL = ("X", "Y", "B", "W", "SB", "SW", "DX", "DY")
_OCTAL = ("X", "Y")
_REMEDY = mark("Write for example D100, D100:float32, D100.5, D200:string20, M10, X1F, T5, TS5.")
_HIGHEST = 0xFFFFFF


class Address(msgspec.Struct, frozen=True):
    """A place in a controller. ``count`` words, or one bit, from ``number``."""

    device: Device
    number: int
    type: str
    """A name of ``_FORMATS``, ``bool``, ``bit`` (index in ``bit``), ``string`` (bytes in ``length``)."""
    count: int = 1
    bit: int = 0
    length: int = 0

    @property
    def code(self) -> str:
        """The number's letter in the ``struct`` module; empty for strings and bits of words."""
        return "B" if self.type == "bool" else _FORMATS.get(self.type, "")

    @property
    def width(self) -> int:
        """Bytes of one unit: a word has two, a bit of a bit device comes as one byte, 0 or 1."""
        return 1 if self.device.is_bit else 2

    @property
    def is_text(self) -> bool:
        """Whether the value is a string."""
        return self.type == "string"

    def decode(self, data: bytes, encoding: str = "utf-8") -> float | bool | str:
        """The value in ``data``: the bytes of ``count`` words, low byte first, or of one bit."""
        if self.type == "bool":
            return bool(data[0])
        if self.type == "bit":
            return bool(int.from_bytes(data[:2], "little") >> self.bit & 1)
        if self.type == "string":
            return data[: self.length].split(b"\0", 1)[0].decode(encoding, errors="replace").rstrip()
        return float(struct.unpack(f"<{self.code}", data)[0])

    def encode(self, value: float | bool | str, encoding: str = "utf-8", *, before: int = 0) -> list[int]:
        """Words that hold ``value``; ``before``: the word a single bit is set in. Raises ``ValueError``."""
        if self.type == "bit":
            return [before & ~(1 << self.bit) | as_bit(value) << self.bit]
        if self.type == "string":
            text = str(value).encode(encoding)
            if len(text) > self.length:
                raise ValueError(f"{value!r} needs {len(text)} bytes, there are {self.length}")
            data = text.ljust(2 * self.count, b"\0")
        else:
            try:
                # int() before float(), which would lose digits beyond 2^53
                number = float(value) if self.code in "fd" or float(value) != round(float(value)) else int(value)
                data = struct.pack(f"<{self.code}", number)
            except (struct.error, OverflowError, ValueError) as error:
                raise ValueError(f"{value} is no {self.type}") from error
        return list(struct.unpack(f"<{self.count}H", data))


def parse(text: str, *, octal: bool = False) -> Address:
    """``text`` as :class:`Address`; raises :class:`BadConfiguration`. ``octal``: X and Y are numbered as in iQ-F."""
    match = _PATTERN.fullmatch(text.strip().upper())
    if match is None:
        raise BadConfiguration(mark("{address} is not a MELSEC address."), remedy=_REMEDY, address=text)
    name = match["device"]
    device = DEVICES[CURRENT_VALUES.get(name, name)]
    base = 8 if octal and name in _OCTAL else 16 if name in _HEXADECIMAL else 10
    try:
        number = int(match["number"], base)
    except ValueError as error:
        raise BadConfiguration(
            mark("{address}: {device} is numbered with base {base}."),
            remedy=mark("Only X, Y, B, W, SB, SW, DX and DY are hexadecimal; X and Y are octal with the option octal."),
            address=text,
            device=name,
            base=base,
        ) from error
    if device.is_bit:
        if match["bit"] is not None or match["type"] is not None:
            raise BadConfiguration(
                mark("{address}: {device} is one bit and has no type."), remedy=_REMEDY, address=text, device=name
            )
        address = Address(device, number, "bool")
    elif match["bit"] is not None:
        address = Address(device, number, "bit", bit=int(match["bit"], 16))
    else:
        address = _typed(text, device, number, (match["type"] or "int16").lower())
    if number + address.count - 1 > _HIGHEST:
        raise BadConfiguration(mark("{address} is beyond the last number a request can name."), address=text)
    return address


def as_bit(value: float | bool | str) -> bool:
    """``value`` as a bit; raises ``ValueError`` for anything but true, false, 1 and 0."""
    if isinstance(value, str) or value not in (0, 1):
        raise ValueError(f"{value!r} is neither true nor false")
    return bool(value)


def _typed(text: str, device: Device, number: int, name: str) -> Address:
    if name in _FORMATS:
        return Address(device, number, name, struct.calcsize(_FORMATS[name]) // 2)
    string = _STRING.fullmatch(name)
    if string is not None and 1 <= int(string[1]) <= 500:
        return Address(device, number, "string", (int(string[1]) + 1) // 2, length=int(string[1]))
    raise BadConfiguration(
        mark("{address}: {type} is not a type of value."),
        remedy=mark("Types are int16, uint16, int32, uint32, int64, uint64, float32, float64, string1 to string500."),
        address=text,
        type=name,
    )

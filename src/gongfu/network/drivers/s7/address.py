"""S7 addresses as STEP 7 writes them, with a type: ``DB1.DBD4:real``, ``DB1.DBX0.3``, ``M10.0``. Pure.

Data blocks: ``DB<n>.DBX<byte>.<bit>``, ``DB<n>.DBB<byte>``, ``DBW``, ``DBD``; flags ``M``, inputs ``I`` (or ``E``)
and outputs ``Q`` (or ``A``): ``M10.0``, ``MB10``, ``MW10``, ``MD10``. All values are big-endian.
"""

from __future__ import annotations

import re
import struct
from enum import StrEnum

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.gateway.config import TagConfig


class Area(StrEnum):
    """Memory of the controller."""

    BLOCK = "DB"
    FLAGS = "M"
    INPUTS = "I"
    OUTPUTS = "Q"


_FORMATS = {
    "byte": "B",
    "usint": "B",
    "sint": "b",
    "word": "H",
    "uint": "H",
    "int": "h",
    "dword": "I",
    "udint": "I",
    "dint": "i",
    "real": "f",
    "lreal": "d",
    "lint": "q",
    "ulint": "Q",
    "time": "i",
}
_WIDTHS = {"B": 1, "W": 2, "D": 4}
_DEFAULTS = {"B": "byte", "W": "word", "D": "dword"}
_AREAS = {"m": Area.FLAGS, "i": Area.INPUTS, "e": Area.INPUTS, "q": Area.OUTPUTS, "a": Area.OUTPUTS}
_PATTERN = re.compile(
    r"(?:db(?P<block>[0-9]{1,5})\.db|(?P<area>[miqea]))"
    r"(?:(?P<width>[bwd])(?P<start>[0-9]{1,5})(?::(?P<type>[a-z0-9]+))?|x?(?P<byte>[0-9]{1,5})\.(?P<bit>[0-7]))"
)
_TEXT = re.compile(r"(?P<word>w?string)(?P<length>[0-9]{1,3})")
_REMEDY = mark("Write for example DB1.DBD4:real, DB1.DBX0.3, DB1.DBW2:int, DB1.DBB20:string30, M10.0.")


class Address(msgspec.Struct, frozen=True):
    """``size`` bytes from byte ``start`` of an area; ``block`` is the number of the data block, else 0."""

    area: Area
    block: int
    start: int
    type: str
    """A name of ``_FORMATS``, or ``bool``, ``string``, ``wstring``."""
    size: int
    bit: int = 0

    @property
    def code(self) -> str:
        """The number's letter in the ``struct`` module; empty for strings and bits."""
        return _FORMATS.get(self.type, "")

    @property
    def is_text(self) -> bool:
        """Whether the value is a string."""
        return self.type in ("string", "wstring")

    @property
    def is_fraction(self) -> bool:
        """Whether the number may have decimals."""
        return self.code in ("f", "d")

    def decode(self, data: bytes, encoding: str = "latin-1") -> float | bool | str:
        """The value in ``data``, exactly ``size`` bytes. Raises ``ValueError`` for a string that says it is longer."""
        match self.type:
            case "bool":
                return bool(data[0] >> self.bit & 1)
            case "string":  # maximum length, length, characters
                return _characters(data, 2, data[1]).decode(encoding, errors="replace")
            case "wstring":
                return _characters(data, 4, int.from_bytes(data[2:4], "big") * 2).decode("utf-16-be", errors="replace")
            case _:
                return float(struct.unpack(f">{_FORMATS[self.type]}", data)[0])

    def encode(self, value: float | bool | str, encoding: str = "latin-1", *, before: int = 0) -> bytes:
        """Bytes that hold ``value``; ``before``: the byte a single bit is set in. Raises ``ValueError``."""
        match self.type:
            case "bool":
                return bytes([before & ~(1 << self.bit) | bool(value) << self.bit])
            case "string":
                text = str(value).encode(encoding, errors="replace")[: self.size - 2]
                return bytes([self.size - 2, len(text)]) + text.ljust(self.size - 2, b"\0")
            case "wstring":
                text = str(value).encode("utf-16-be")[: self.size - 4]
                return struct.pack(">HH", (self.size - 4) // 2, len(text) // 2) + text.ljust(self.size - 4, b"\0")
        code = _FORMATS[self.type]
        try:
            return struct.pack(f">{code}", float(value) if code in "fd" else round(float(value)))
        except (struct.error, OverflowError) as error:
            raise ValueError(f"{value} is no {self.type}") from error


def parse(text: str) -> Address:
    """``text`` as :class:`Address`; raises :class:`BadConfiguration` for anything else."""
    match = _PATTERN.fullmatch(text.strip().lower())
    if match is None:
        raise BadConfiguration(mark("{address} is not an S7 address."), remedy=_REMEDY, address=text)
    area = Area.BLOCK if match["area"] is None else _AREAS[match["area"]]
    block = int(match["block"] or 0)
    if area is Area.BLOCK and not 1 <= block <= 65535:
        raise BadConfiguration(mark("{address}: data blocks are numbered 1 to 65535."), address=text)
    if match["bit"] is not None:
        if area is Area.BLOCK and "dbx" not in text.lower():
            raise BadConfiguration(mark("{address} is not an S7 address."), remedy=_REMEDY, address=text)
        address = Address(area, block, int(match["byte"]), "bool", 1, int(match["bit"]))
    else:
        width = match["width"].upper()
        name = match["type"] or _DEFAULTS[width]
        address = Address(area, block, int(match["start"]), *_type(text, width, name))
    if address.start + address.size > 65536:
        raise BadConfiguration(mark("{address} ends beyond the last byte, 65535."), address=text)
    return address


def tag_address(tag: TagConfig) -> Address:
    """The address of ``tag``; raises :class:`BadConfiguration` also when it cannot hold the tag's kind of value."""
    address = parse(tag.address)
    if address.is_text != (tag.kind == "text"):
        raise BadConfiguration(
            mark("Tag {tag} is a {kind}, but {address} is not."), tag=tag.name, kind=tag.kind, address=tag.address
        )
    return address


def _type(text: str, width: str, name: str) -> tuple[str, int]:
    special = _TEXT.fullmatch(name)
    if special is not None and width == "B" and 1 <= int(special["length"]) <= 254:
        length = int(special["length"])
        return special["word"], 2 + length if special["word"] == "string" else 4 + 2 * length
    if name in _FORMATS:
        size = struct.calcsize(f">{_FORMATS[name]}")
        # An 8-byte value has no letter of its own: STEP 7 addresses it by its first byte.
        if size == _WIDTHS[width] or (width == "B" and size == 8):
            return name, size
    raise BadConfiguration(
        mark("{address}: {type} does not fit {width}."),
        remedy=mark(
            "B takes byte, usint, sint, lreal, lint, ulint, string1 to string254, wstring1 to wstring254; "
            "W takes word, uint, int; D takes dword, udint, dint, real, time."
        ),
        address=text,
        type=name,
        width=width,
    )


def _characters(data: bytes, header: int, length: int) -> bytes:
    if header + length > len(data):
        raise ValueError(f"a string of {length} bytes does not fit {len(data) - header}")
    return data[header : header + length]

"""What one information object holds, for each type identification (IEC 60870-5-101 §7.2.6 and §7.3). Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable

import msgspec

from gongfu.network.drivers.iec104 import times
from gongfu.network.drivers.iec104.codes import Flag, TypeId
from gongfu.network.drivers.iec104.times import Time


class Information(msgspec.Struct, frozen=True, gc=False):
    """A point as its station sees it (§7.3.1).

    ``value``: bool for a single point; 0 to 3 for a double point (1 off, 2 on); a step position; 32 bits as a number;
    a normalised value from -1 to 1 - 2^-15; a scaled value; a short float.
    """

    address: int
    value: bool | int | float
    flags: Flag = Flag.NONE
    time: Time | None = None
    transient: bool = False
    """Step positions only: the equipment is moving."""


class Counter(msgspec.Struct, frozen=True, gc=False):
    """A counter's reading (§7.2.6.9)."""

    address: int
    value: int
    sequence: int = 0
    carried: bool = False
    adjusted: bool = False
    invalid: bool = False
    time: Time | None = None


class Command(msgspec.Struct, frozen=True, gc=False):
    """A command or set-point (§7.3.2). ``value`` as in :class:`Information`; a regulating step is 1 lower, 2 higher.

    ``qualifier``: 0 to 31 of a command, 0 to 127 of a set-point; a bit string has neither it nor ``select``.
    """

    address: int
    value: bool | int | float
    qualifier: int = 0
    select: bool = False
    time: Time | None = None


class System(msgspec.Struct, frozen=True, gc=False):
    """A system command, or the end of initialisation (§7.3.3, §7.3.4). ``qualifier``: QOI, QCC or COI."""

    address: int = 0
    qualifier: int = 0
    time: Time | None = None


Element = Information | Counter | Command | System


class Form(msgspec.Struct, frozen=True):
    """How a type's objects look behind their address. ``decode(data, at, address)`` reads ``size`` octets."""

    size: int
    decode: Callable[[bytes, int, int], Element]
    encode: Callable[[Element], bytes]


_NORMALISED = 32768.0


def _bits(mask: int) -> Form:
    """Single or double point: value and quality in one octet (§7.2.6.1, §7.2.6.2)."""

    def decode(data: bytes, at: int, address: int) -> Element:
        octet = data[at]
        value = octet & mask
        return Information(address, bool(value) if mask == 1 else value, Flag(octet & 0xF0))

    def encode(element: Element) -> bytes:
        assert isinstance(element, Information)
        return bytes((int(element.value) & mask | int(element.flags) & 0xF0,))

    return Form(1, decode, encode)


def _step() -> Form:
    """Step position with transient indication, and quality (§7.2.6.5)."""

    def decode(data: bytes, at: int, address: int) -> Element:
        octet = data[at]
        value = (octet & 0x7F) - (octet << 1 & 0x80)
        return Information(address, value, Flag(data[at + 1] & 0xF1), None, bool(octet & 0x80))

    def encode(element: Element) -> bytes:
        assert isinstance(element, Information)
        return bytes((int(element.value) & 0x7F | element.transient << 7, int(element.flags)))

    return Form(2, decode, encode)


def _number(code: str, scale: float = 0.0, quality: bool = True) -> Form:
    """A number as ``code`` of the ``struct`` module, divided by ``scale`` unless that is 0; then quality."""
    packing = struct.Struct(f"<{code}")
    width = packing.size

    def decode(data: bytes, at: int, address: int) -> Element:
        value: int | float = packing.unpack_from(data, at)[0]
        if scale:
            value = value / scale
        return Information(address, value, Flag(data[at + width] & 0xF1) if quality else Flag.NONE)

    def encode(element: Element) -> bytes:
        assert isinstance(element, Information)
        value = round(element.value * scale) if scale else element.value
        return packing.pack(value) + (bytes((int(element.flags),)) if quality else b"")

    return Form(width + quality, decode, encode)


def _counter() -> Form:
    packing = struct.Struct("<iB")

    def decode(data: bytes, at: int, address: int) -> Element:
        value, octet = packing.unpack_from(data, at)
        return Counter(address, value, octet & 0x1F, bool(octet & 0x20), bool(octet & 0x40), bool(octet & 0x80))

    def encode(element: Element) -> bytes:
        assert isinstance(element, Counter)
        octet = element.sequence | element.carried << 5 | element.adjusted << 6 | element.invalid << 7
        return packing.pack(element.value, octet)

    return Form(5, decode, encode)


def _command(mask: int) -> Form:
    """Single, double or regulating step command with its qualifier (§7.2.6.15 to §7.2.6.17, §7.2.6.26)."""

    def decode(data: bytes, at: int, address: int) -> Element:
        octet = data[at]
        value = octet & mask
        return Command(address, bool(value) if mask == 1 else value, octet >> 2 & 0x1F, bool(octet & 0x80))

    def encode(element: Element) -> bytes:
        assert isinstance(element, Command)
        return bytes((int(element.value) & mask | element.qualifier << 2 | element.select << 7,))

    return Form(1, decode, encode)


def _set_point(code: str, scale: float = 0.0) -> Form:
    """A set-point with its qualifier (§7.2.6.39)."""
    packing = struct.Struct(f"<{code}B")

    def decode(data: bytes, at: int, address: int) -> Element:
        value, octet = packing.unpack_from(data, at)
        return Command(address, value / scale if scale else value, octet & 0x7F, bool(octet & 0x80))

    def encode(element: Element) -> bytes:
        assert isinstance(element, Command)
        value = round(element.value * scale) if scale else element.value
        return packing.pack(value, element.qualifier | element.select << 7)

    return Form(packing.size, decode, encode)


def _bit_string() -> Form:
    def decode(data: bytes, at: int, address: int) -> Element:
        return Command(address, int.from_bytes(data[at : at + 4], "little"))

    def encode(element: Element) -> bytes:
        assert isinstance(element, Command)
        return int(element.value).to_bytes(4, "little")

    return Form(4, decode, encode)


def _system(size: int) -> Form:
    def decode(data: bytes, at: int, address: int) -> Element:
        return System(address, data[at] if size else 0)

    def encode(element: Element) -> bytes:
        assert isinstance(element, System)
        return bytes((element.qualifier,)) if size else b""

    return Form(size, decode, encode)


def _timed(form: Form) -> Form:
    """``form`` followed by a time tag."""

    def decode(data: bytes, at: int, address: int) -> Element:
        time = times.decode(data, at + form.size)
        return msgspec.structs.replace(form.decode(data, at, address), time=time)

    def encode(element: Element) -> bytes:
        assert element.time is not None
        return form.encode(element) + times.encode(element.time)

    return Form(form.size + times.SIZE, decode, encode)


_SINGLE, _DOUBLE, _STEP, _COUNTER = _bits(1), _bits(3), _step(), _counter()
_STRING, _NORMAL, _SCALED, _SHORT = _number("I"), _number("h", _NORMALISED), _number("h"), _number("f")

FORMS: dict[TypeId, Form] = {
    TypeId.M_SP_NA_1: _SINGLE,
    TypeId.M_DP_NA_1: _DOUBLE,
    TypeId.M_ST_NA_1: _STEP,
    TypeId.M_BO_NA_1: _STRING,
    TypeId.M_ME_NA_1: _NORMAL,
    TypeId.M_ME_NB_1: _SCALED,
    TypeId.M_ME_NC_1: _SHORT,
    TypeId.M_IT_NA_1: _COUNTER,
    TypeId.M_ME_ND_1: _number("h", _NORMALISED, quality=False),
    TypeId.M_SP_TB_1: _timed(_SINGLE),
    TypeId.M_DP_TB_1: _timed(_DOUBLE),
    TypeId.M_ST_TB_1: _timed(_STEP),
    TypeId.M_BO_TB_1: _timed(_STRING),
    TypeId.M_ME_TD_1: _timed(_NORMAL),
    TypeId.M_ME_TE_1: _timed(_SCALED),
    TypeId.M_ME_TF_1: _timed(_SHORT),
    TypeId.M_IT_TB_1: _timed(_COUNTER),
    TypeId.C_SC_NA_1: _command(1),
    TypeId.C_DC_NA_1: _command(3),
    TypeId.C_RC_NA_1: _command(3),
    TypeId.C_SE_NA_1: _set_point("h", _NORMALISED),
    TypeId.C_SE_NB_1: _set_point("h"),
    TypeId.C_SE_NC_1: _set_point("f"),
    TypeId.C_BO_NA_1: _bit_string(),
    TypeId.C_SC_TA_1: _timed(_command(1)),
    TypeId.C_DC_TA_1: _timed(_command(3)),
    TypeId.C_RC_TA_1: _timed(_command(3)),
    TypeId.C_SE_TA_1: _timed(_set_point("h", _NORMALISED)),
    TypeId.C_SE_TB_1: _timed(_set_point("h")),
    TypeId.C_SE_TC_1: _timed(_set_point("f")),
    TypeId.C_BO_TA_1: _timed(_bit_string()),
    TypeId.M_EI_NA_1: _system(1),
    TypeId.C_IC_NA_1: _system(1),
    TypeId.C_CI_NA_1: _system(1),
    TypeId.C_RD_NA_1: _system(0),
    TypeId.C_CS_NA_1: _timed(_system(0)),
}

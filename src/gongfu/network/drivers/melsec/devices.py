"""The devices of a MELSEC controller, and what they are called on the wire. Pure.

MELSEC Communication Protocol Reference Manual (SH-080008), "Device code list".
"""

from __future__ import annotations

import msgspec


class Device(msgspec.Struct, frozen=True):
    """A kind of memory. ``base``: of its numbers in an ASCII frame, 10 or 16."""

    name: str
    code: int
    is_bit: bool = False
    base: int = 10
    short: str = ""
    """Two letters in an ASCII frame for Q and L, where they are not ``name``."""

    def letters(self, wide: bool) -> str:
        """Name in an ASCII frame: two characters, or four in the notation of iQ-R (``wide``)."""
        return self.name.ljust(4, "*") if wide else (self.short or self.name).ljust(2, "*")


_DEVICES = (
    Device("SM", 0x91, True),
    Device("SD", 0xA9),
    Device("X", 0x9C, True, 16),
    Device("Y", 0x9D, True, 16),
    Device("M", 0x90, True),
    Device("L", 0x92, True),
    Device("F", 0x93, True),
    Device("V", 0x94, True),
    Device("B", 0xA0, True, 16),
    Device("D", 0xA8),
    Device("W", 0xB4, False, 16),
    Device("TS", 0xC1, True),
    Device("TC", 0xC0, True),
    Device("TN", 0xC2),
    Device("STS", 0xC7, True, short="SS"),
    Device("STC", 0xC6, True, short="SC"),
    Device("STN", 0xC8, short="SN"),
    Device("CS", 0xC4, True),
    Device("CC", 0xC3, True),
    Device("CN", 0xC5),
    Device("SB", 0xA1, True, 16),
    Device("SW", 0xB5, False, 16),
    Device("DX", 0xA2, True, 16),
    Device("DY", 0xA3, True, 16),
    Device("Z", 0xCC),
    Device("R", 0xAF),
    Device("ZR", 0xB0, False, 16),
)
DEVICES = {device.name: device for device in _DEVICES}
"""By name."""
CURRENT_VALUES = {"T": "TN", "C": "CN", "ST": "STN"}
"""What a timer or counter means without saying what of it."""
_CODES = {device.code: device for device in _DEVICES}
_LETTERS = {wide: {device.letters(wide): device for device in _DEVICES} for wide in (False, True)}


def by_code(code: int) -> Device | None:
    """The device with this binary ``code``."""
    return _CODES.get(code)


def by_letters(letters: str, wide: bool) -> Device | None:
    """The device with these ``letters`` of an ASCII frame."""
    return _LETTERS[wide].get(letters)

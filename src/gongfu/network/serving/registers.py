"""Where each tag of an organisation stands in Modbus units: pure.

A unit for each device; in it the tags in the order in which they were made. The ``k``-th number, from 0, is in input
and holding registers ``2k`` and ``2k+1`` as float32, most significant word first; NaN where there is no good value.
The ``k``-th on/off tag is discrete input and coil ``k``. Texts are not served.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from gongfu.kernel.readings import Quality
from gongfu.network.gateway.config import DeviceConfig
from gongfu.network.serving.stored import Newest

MOST_REGISTERS = 125
MOST_BITS = 2000
_NAN = struct.unpack(">HH", struct.pack(">f", math.nan))


class Unit:
    """The registers and bits of one device."""

    def __init__(self, device: DeviceConfig) -> None:
        self.device = device
        made = sorted(device.tags, key=lambda tag: tag.series)
        self.numbers = [tag.series for tag in made if tag.kind == "number"]
        self.bits = [tag.series for tag in made if tag.kind == "boolean"]
        self._registers = list(_NAN) * len(self.numbers)
        self._states = [False] * len(self.bits)
        self._place = {series: place for place, series in enumerate(self.numbers)}
        self._bit = {series: place for place, series in enumerate(self.bits)}

    def put(self, series: int, newest: Newest) -> None:
        """Take a new value."""
        place = self._place.get(series)
        if place is not None:
            value = newest.value if newest.quality is not Quality.BAD else math.nan
            self._registers[2 * place : 2 * place + 2] = _words(value) if isinstance(value, (int, float)) else _NAN
            return
        place = self._bit.get(series)
        if place is not None and newest.quality is not Quality.BAD:
            self._states[place] = bool(newest.value)

    def registers(self, start: int, count: int) -> Sequence[int] | None:
        """``count`` registers from ``start``; None when they are not all there."""
        found = self._registers[start : start + count]
        return found if len(found) == count else None

    def states(self, start: int, count: int) -> Sequence[bool] | None:
        """``count`` bits from ``start``; None when they are not all there."""
        found = self._states[start : start + count]
        return found if len(found) == count else None

    def wish(self, start: int, words: Sequence[int]) -> list[tuple[int, float]] | None:
        """The values that writing these holding registers means, by series; None unless they are whole numbers."""
        if start % 2 or len(words) % 2 or start + len(words) > len(self._registers):
            return None
        values = [struct.unpack(">f", struct.pack(">HH", *words[at : at + 2]))[0] for at in range(0, len(words), 2)]
        return [(self.numbers[start // 2 + at], value) for at, value in enumerate(values)]

    def wish_bits(self, start: int, bits: Sequence[bool]) -> list[tuple[int, bool]] | None:
        """The same for coils."""
        if start + len(bits) > len(self._states):
            return None
        return [(self.bits[start + at], bit) for at, bit in enumerate(bits)]


def _words(value: float) -> tuple[int, int]:
    try:
        high, low = struct.unpack(">HH", struct.pack(">f", value))
    except OverflowError:
        return _NAN[0], _NAN[1]
    return high, low

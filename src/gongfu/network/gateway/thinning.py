"""Which readings of a tag are worth keeping: dead-band and sampling interval. Pure: no clock, no I/O.

| reading | kept |
|---|---|
| the first, or one of another quality than the one kept before | always |
| older than the one kept before | always: late readings are told as they come |
| sooner than the tag's interval | no |
| within the dead-band around the value kept before | no, until ``silence`` seconds have passed |
"""

from __future__ import annotations

import math

from gongfu.network.gateway.config import TagConfig

_EARLY = 0.05
"""Share of the interval by which a reading may come early: polls are never exactly apart."""


class Thinner:
    """What one tag kept last. ``keep`` and ``keep_text`` say whether a reading counts, and remember it if so."""

    __slots__ = ("_band", "_interval", "_percent", "_quality", "_silence", "_text", "_time", "_value")

    def __init__(self, tag: TagConfig) -> None:
        ranged = tag.percent and tag.low is not None and tag.high is not None
        self._band = tag.deadband * (tag.high - tag.low) / 100 if ranged else tag.deadband  # type: ignore[operator]
        self._percent = tag.percent and not ranged
        self._silence = int(tag.silence * 1_000_000)
        self._interval = int((tag.interval or 0) * 1_000_000 * (1 - _EARLY))
        self._time = 0
        self._value = math.nan
        self._text = ""
        self._quality = -1

    def keep(self, value: float, time: int, quality: int) -> bool:
        """Whether the number counts; ``time`` in microseconds."""
        since = time - self._time
        if quality == self._quality and since >= 0:
            if since < self._interval:
                return False
            if self._band and since < self._silence and not self._moved(value):
                return False
        self._value, self._time, self._quality = value, time, quality
        return True

    def keep_text(self, text: str, time: int, quality: int) -> bool:
        """Whether the text counts: another text always does, the same one after the interval."""
        if quality == self._quality and text == self._text and 0 <= time - self._time < self._interval:
            return False
        self._text, self._time, self._quality = text, time, quality
        return True

    def _moved(self, value: float) -> bool:
        if value != value or self._value != self._value:  # NaN: no number stays no number
            return (value != value) != (self._value != self._value)
        band = abs(self._value) * self._band / 100 if self._percent else self._band
        return abs(value - self._value) > band


def thinner(tag: TagConfig) -> Thinner | None:
    """For a tag that wants it, else None."""
    return Thinner(tag) if tag.deadband or tag.interval else None

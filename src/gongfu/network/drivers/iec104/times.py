"""CP56Time2a, the seven octets of a time tag (IEC 60870-5-101 §7.2.6.18), and what they mean in UTC. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration

SIZE = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{1,2}):(?P<minutes>[0-9]{2})")


class Time(msgspec.Struct, frozen=True):
    """Fields as on the wire; nothing says that they are a date that exists."""

    millisecond: int
    """Of the minute, 0 to 59999; more fits the octets."""
    minute: int
    hour: int
    day: int
    month: int
    year: int
    """0 to 99, of this century."""
    weekday: int = 0
    """1 is Monday; 0 when it is not used."""
    invalid: bool = False
    substituted: bool = False
    summer: bool = False


def decode(data: bytes, at: int) -> Time:
    """The time in seven octets from ``at``."""
    minute, hour, day, month, year = data[at + 2 : at + SIZE]
    return Time(
        millisecond=data[at] | data[at + 1] << 8,
        minute=minute & 0x3F,
        hour=hour & 0x1F,
        day=day & 0x1F,
        month=month & 0x0F,
        year=year & 0x7F,
        weekday=day >> 5,
        invalid=bool(minute & 0x80),
        substituted=bool(minute & 0x40),
        summer=bool(hour & 0x80),
    )


def encode(time: Time) -> bytes:
    """Seven octets."""
    return bytes(
        (
            time.millisecond & 0xFF,
            time.millisecond >> 8 & 0xFF,
            time.minute | time.substituted << 6 | time.invalid << 7,
            time.hour | time.summer << 7,
            time.day | time.weekday << 5,
            time.month,
            time.year,
        )
    )


def microseconds(time: Time, offset: int) -> int:
    """Microseconds UTC of a station whose standard time is ``offset`` minutes ahead of UTC.

    0 for a time that is marked invalid or that no calendar has.
    """
    if time.invalid or time.millisecond > 59999:
        return 0
    try:
        local = datetime(2000 + time.year, time.month, time.day, time.hour, time.minute, tzinfo=UTC)
    except ValueError:
        return 0
    seconds = round((local - _EPOCH).total_seconds()) - 60 * (offset + 60 * time.summer)
    return seconds * 1_000_000 + time.millisecond * 1000


def tag(microseconds: int, offset: int) -> Time:
    """The time tag of a moment, microseconds UTC, at a station ``offset`` minutes ahead of UTC; no summer time."""
    local = _EPOCH + timedelta(microseconds=microseconds, minutes=offset)
    return Time(
        millisecond=local.second * 1000 + local.microsecond // 1000,
        minute=local.minute,
        hour=local.hour,
        day=local.day,
        month=local.month,
        year=local.year % 100,
        weekday=local.isoweekday(),
    )


def clock_offset(clock: str) -> int:
    """Minutes ahead of UTC for ``utc``, ``+08:00`` or ``-03:30``; raises :class:`BadConfiguration`."""
    text = clock.strip().lower()
    if text == "utc":
        return 0
    match = _CLOCK.fullmatch(text)
    if match is not None:
        minutes = 60 * int(match["hours"]) + int(match["minutes"])
        if int(match["minutes"]) < 60 and minutes <= 14 * 60:
            return -minutes if match["sign"] == "-" else minutes
    raise BadConfiguration(
        mark("{clock} is not the clock of a station."),
        remedy=mark("Write utc, or the difference to it: +08:00 for Beijing time."),
        clock=clock,
    )

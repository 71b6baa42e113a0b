"""Source times in JSON messages → microseconds UTC. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from gongfu.kernel import timestamps
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.selecting import MISSING, Json, Missing

Reader = Callable[[Json | Missing], int]


class Malformed(Invalid):
    """A payload that is not what the device's configuration says."""


def reader(unit: str, form: str, zone: ZoneInfo) -> Reader:
    """How times are read: as ``unit`` says, or as strptime reads ``form`` when that is not empty.

    ``zone`` is that of texts which name none. What the reader cannot read raises :class:`Malformed`.
    """
    if form:
        return lambda value: _formed(value, form, zone)
    readers: dict[str, Reader] = {
        "auto": lambda value: _any_time(value, zone),
        "iso": lambda value: _iso_time(value, zone),
        "s": lambda value: _number_time(value, 1_000_000),
        "ms": lambda value: _number_time(value, 1000),
        "us": lambda value: _number_time(value, 1),
    }
    return readers[unit]


def check_format(form: str) -> None:
    """Raises :class:`BadConfiguration` for a format that strptime cannot read with."""
    moment = datetime(2023, 11, 22, 14, 33, 44)  # noqa: DTZ001
    try:
        datetime.strptime(moment.strftime(form), form)  # noqa: DTZ007
    except ValueError as error:
        raise BadConfiguration(
            mark("{format} is no format of a time: {reason}."),
            remedy=mark("Write it as in %Y-%m-%d %H:%M:%S."),
            format=repr(form)[:100],
            reason=error,
        ) from error


def _formed(value: Json | Missing, form: str, zone: ZoneInfo) -> int:
    if not isinstance(value, str):
        raise _bad_time(value)
    try:
        return timestamps.of(datetime.strptime(value.strip(), form), zone)  # noqa: DTZ007
    except (ValueError, OverflowError):
        raise _bad_time(value) from None


def _micros(value: float, factor: float) -> int:
    time = value * factor
    if not math.isfinite(time) or abs(time) >= 2**62:
        raise _bad_time(value)
    return int(time)


def _number_time(value: Json | Missing, factor: int) -> int:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise _bad_time(value) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad_time(value)
    if isinstance(value, int):
        if abs(value) >= 2**62 // factor:
            raise _bad_time(value)
        return value * factor
    return _micros(value, factor)


def _iso_time(value: Json | Missing, zone: ZoneInfo) -> int:
    if not isinstance(value, str):
        raise _bad_time(value)
    try:
        return timestamps.of(msgspec.convert(value.strip(), datetime), zone)
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise _bad_time(value) from None


def _any_time(value: Json | Missing, zone: ZoneInfo) -> int:
    """ISO 8601 text; else seconds, milliseconds, microseconds or nanoseconds by size (all read as 1990 to 2150)."""
    if isinstance(value, str) and not value.strip().lstrip("-").replace(".", "", 1).isdecimal():
        return _iso_time(value, zone)
    try:
        size = abs(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise _bad_time(value) from None
    if size < 1e11:
        return _number_time(value, 1_000_000)
    if size < 1e14:
        return _number_time(value, 1000)
    if size < 1e17:
        return _number_time(value, 1)
    return _number_time(value, 1) // 1000


def _bad_time(value: Json | Missing) -> Malformed:
    if value is MISSING:
        return Malformed(mark("The payload has no source time where the device's configuration says."))
    return Malformed(mark("The payload's source time cannot be read: {value}."), value=repr(value)[:100])

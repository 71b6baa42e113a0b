"""Options of a device, checked once more where they are used: a driver cannot trust that somebody did."""

from __future__ import annotations

import math
from typing import TypeVar

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.gateway.config import DeviceConfig

T = TypeVar("T", bound=msgspec.Struct)


def read_options(device: DeviceConfig, kind: type[T]) -> T:
    """``device.options`` as ``kind``; raises :class:`BadConfiguration` for a wrong option or interval."""
    if not 0 < device.interval < math.inf:
        raise BadConfiguration(mark("The interval of {device} must be more than 0 seconds."), device=device.name)
    try:
        # Not strict: a form sends "502", which is a port all the same.
        return msgspec.convert(device.options, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadConfiguration(
            mark("An option of {device} is wrong: {reason}."), device=device.name, reason=error
        ) from error


def check_encoding(name: str) -> None:
    """Raise :class:`BadConfiguration` unless ``name`` is a character set."""
    try:
        "".encode(name)
    except LookupError as error:
        raise BadConfiguration(
            mark("There is no character set {name}."), remedy=mark("Use for example utf-8 or gbk."), name=name
        ) from error

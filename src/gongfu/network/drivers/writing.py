"""Values that people or programs want to write, checked before anything is sent: refused with the reason. Pure."""

from __future__ import annotations

import math

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Refusal

_ROUNDING = 1e-6
"""A whole number that went through a scale, such as 0.1 * 3 / 0.1, may be so far off."""
Value = float | bool | str


def truth(value: Value) -> bool:
    """``value`` for one bit; raises :class:`Refusal` for what is neither on nor off."""
    if isinstance(value, str) or value not in (0, 1):
        raise Refusal(mark("{value} is neither on nor off."), remedy=mark("Write true or false."), value=value)
    return bool(value)


def number(value: Value, kind: str, *, whole: bool) -> float:
    """``value`` for a number of type ``kind``; raises :class:`Refusal`, also for a fraction where it is ``whole``."""
    if isinstance(value, str) or not math.isfinite(value):
        raise Refusal(mark("{value} is no number."), value=str(value)[:100])
    if whole and abs(value - round(value)) > _ROUNDING:
        raise Refusal(mark("{value} is not a whole number, and {type} holds nothing else."), value=value, type=kind)
    return round(value) if whole else float(value)


def out_of_range(value: Value, kind: str) -> Refusal:
    """``value`` is a number, but too large or too small for ``kind``."""
    return Refusal(mark("{value} is outside the range of {type}."), value=value, type=kind)


def text(value: Value, encoding: str, room: int) -> str:
    """``value`` for a text of at most ``room`` bytes; raises :class:`Refusal`."""
    if not isinstance(value, str):
        raise Refusal(mark("{value} is no text."), value=value)
    try:
        length = len(value.encode(encoding))
    except UnicodeEncodeError as error:
        raise Refusal(
            mark("{value} cannot be written in the character set {encoding}."), value=value[:100], encoding=encoding
        ) from error
    if length > room:
        raise Refusal(mark("{value} is too long: there is room for {room} bytes."), value=value[:100], room=room)
    return value

"""Values that people or programs want to write, as what a register holds, or a refusal that says why not. Pure."""

from __future__ import annotations

import math

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Refusal
from gongfu.network.drivers.modbus.address import Address

_ROUNDING = 1e-6
"""A whole number that went through a scale, such as 0.1 * 3 / 0.1, may be so far off."""


def truth(value: float | bool | str) -> bool:
    """``value`` for one bit; raises :class:`Refusal` for what is neither on nor off."""
    if isinstance(value, str) or value not in (0, 1):
        raise Refusal(mark("{value} is neither on nor off."), remedy=mark("Write true or false."), value=value)
    return bool(value)


def registers_for(address: Address, value: float | bool | str, encoding: str) -> list[int]:
    """The registers of a number or text; raises :class:`Refusal` when it does not fit them."""
    return _text(address, value, encoding) if address.is_text else _number(address, value)


def _text(address: Address, value: float | bool | str, encoding: str) -> list[int]:
    if not isinstance(value, str):
        raise Refusal(mark("{value} is no text."), value=value)
    room = 2 * address.count
    try:
        length = len(value.encode(encoding))
    except UnicodeEncodeError as error:
        raise Refusal(
            mark("{value} cannot be written in the character set {encoding}."), value=value, encoding=encoding
        ) from error
    if length > room:
        raise Refusal(mark("{value} is too long: there is room for {room} bytes."), value=value[:100], room=room)
    return address.encode(value, encoding)


def _number(address: Address, value: float | bool | str) -> list[int]:
    if isinstance(value, str):
        raise Refusal(mark("{value} is no number."), value=value[:100])
    if not math.isfinite(value):
        raise Refusal(mark("{value} is no number."), value=value)
    if not address.type.startswith("float") and abs(value - round(value)) > _ROUNDING:
        raise Refusal(
            mark("{value} is not a whole number, and {type} holds nothing else."), value=value, type=address.type
        )
    try:
        return address.encode(value)
    except ValueError as error:
        raise Refusal(mark("{value} is outside the range of {type}."), value=value, type=address.type) from error

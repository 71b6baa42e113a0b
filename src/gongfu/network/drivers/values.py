"""What a device's value becomes for a tag of a given kind."""

from __future__ import annotations


def numbers(value: object) -> list[float] | None:
    """``value`` for a tag that is an ``array``; None when it is no list of numbers."""
    if not isinstance(value, list | tuple) or not all(isinstance(one, bool | int | float) for one in value):
        return None
    try:
        return [float(one) for one in value]
    except OverflowError:  # an integer of hundreds of digits
        return None


def fit(kind: str, value: object) -> float | bool | str | None:
    """``value`` for a tag that is a ``number``, ``boolean`` or ``text``; None when it is no such thing."""
    match kind, value:
        case "boolean", bool() | str():
            return value if isinstance(value, bool) else None
        case "boolean", int() | float():
            return bool(value) if value in (0, 1) else None
        case "number", bool() | int() | float():
            return float(value)
        case "text", str():
            return value
        case _:
            return None

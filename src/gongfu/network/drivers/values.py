"""What a device's value becomes for a tag of a given kind."""

from __future__ import annotations


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

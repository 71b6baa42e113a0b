"""An array as a line that a template draws: no script, no second request. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 1000
HEIGHT: Final = 240


@dataclass(frozen=True)
class Drawing:
    """Lines of ``x,y`` pairs in a box of :data:`WIDTH` by :data:`HEIGHT`, and what its edges stand for."""

    lines: list[str]
    """Interrupted where an element is no number."""
    least: float
    most: float
    zero: float | None
    """Height of the line of zero; None when it lies outside."""


def draw(points: Sequence[tuple[int, float | None]], length: int) -> Drawing | None:
    """``points`` are ``[place, value]`` of an array of ``length`` elements; None when there is nothing to draw."""
    known = [value for _, value in points if value is not None]
    if not known:
        return None
    least, most = min(known), max(known)
    # Halved first: what lies between the largest numbers must not be infinite.
    height = most / 2 - least / 2
    lines: list[list[str]] = [[]]
    for place, value in points:
        if value is None:
            lines.append([])
            continue
        lines[-1].append(f"{WIDTH * place / max(length - 1, 1):.1f},{_y(value, most, height):.1f}")
    zero = _y(0.0, most, height) if least < 0 < most else None
    return Drawing([" ".join(line) for line in lines if line], least, most, zero)


def _y(value: float, most: float, height: float) -> float:
    return HEIGHT * (most / 2 - value / 2) / height if height > 0 else HEIGHT / 2

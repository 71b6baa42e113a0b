"""A curve as numbers for a template: no script, no second request. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000, 180


@dataclass(frozen=True)
class Drawing:
    """Lines of ``x,y`` pairs, interrupted where nothing is known, and what the edges stand for."""

    lines: list[str]
    least: float
    most: float
    begin: float
    end: float
    """Milliseconds since 1970."""


def draw(points: Sequence[tuple[float, float | None]]) -> Drawing | None:
    """None when there is nothing to draw."""
    known = [value for _, value in points if value is not None]
    if not known:
        return None
    begin, end = points[0][0], points[-1][0]
    least, most = min(known), max(known)
    span, height = (end - begin) or 1.0, (most - least) or 1.0
    lines: list[list[str]] = [[]]
    for at, value in points:
        if value is None:
            lines.append([])
        else:
            y = HEIGHT * (most - value) / height if most > least else HEIGHT / 2
            lines[-1].append(f"{WIDTH * (at - begin) / span:.1f},{y:.1f}")
    return Drawing([" ".join(line) for line in lines if line], least, most, begin, end)

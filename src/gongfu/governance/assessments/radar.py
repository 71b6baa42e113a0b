"""The radar of an assessment. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

from gongfu.governance.documents.drawing import Area, Dot, Drawing, Line, Word

WIDTH: Final = 120.0
HEIGHT: Final = 84.0
_RADIUS: Final = 30.0
_RINGS: Final = (20, 40, 60, 80, 100)
_GRID: Final = "#c5ccd5"
OWN: Final = "#1f5fa8"
FILL: Final = "#d6e4f5"
OTHERS: Final = "#b8720a"

Scores = Mapping[str, Decimal]


def draw(axes: Sequence[tuple[str, str]], own: Scores, others: Scores | None = None, says: str = "") -> Drawing:
    """Axes (key, label) clockwise from the top; ``own`` as an area, ``others`` as a dashed line.

    An axis without a score lies at the centre. Pictures without a Chinese face number the axes.
    """
    middle = (WIDTH / 2, HEIGHT / 2)
    angles = [2 * math.pi * place / max(len(axes), 3) - math.pi / 2 for place in range(len(axes))]

    def at(angle: float, value: float) -> tuple[float, float]:
        length = _RADIUS * value / 100
        return middle[0] + length * math.cos(angle), middle[1] + length * math.sin(angle)

    def outline(scores: Scores) -> tuple[tuple[float, float], ...]:
        return tuple(
            at(angle, float(scores.get(key, Decimal(0)))) for angle, (key, _label) in zip(angles, axes, strict=True)
        )

    shapes: list[Area | Dot | Line | Word] = [Area(outline(own), FILL)]
    for ring in _RINGS:
        points = tuple(at(angle, ring) for angle in angles)
        shapes.append(Line((*points, points[0]), _GRID, 0.4 if ring == 100 else 0.2))
    shapes += [Line((middle, at(angle, 100)), _GRID, 0.2) for angle in angles]
    if others:
        points = outline(others)
        shapes.append(Line((*points, points[0]), OTHERS, 0.5, dashed=True))
    points = outline(own)
    shapes.append(Line((*points, points[0]), OWN, 0.7))
    shapes += [Dot(x, y, 0.9, OWN) for x, y in points]
    for number, (angle, (_key, label)) in enumerate(zip(angles, axes, strict=True), 1):
        x, y = at(angle, 108)
        side = math.cos(angle)
        anchor: Literal["start", "middle", "end"] = "middle" if abs(side) < 0.3 else "start" if side > 0 else "end"
        down = 1.2 if abs(math.sin(angle)) < 0.9 else (3.2 if math.sin(angle) > 0 else 0.0)
        shapes.append(Word(x, y + down, label, 3.6, anchor, plain=str(number)))
    return Drawing(WIDTH, HEIGHT, tuple(shapes), says)

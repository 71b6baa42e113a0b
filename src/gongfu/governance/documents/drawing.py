"""A small drawing that looks the same on a page (SVG), in a PDF and, as a picture, in a DOCX. Pure.

Millimetres, from the upper left corner; y grows downwards.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal
from xml.sax.saxutils import escape, quoteattr

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]
_DOTS: Final = 12
"""Dots to the millimetre of a picture: 300 dpi."""


@dataclass(frozen=True)
class Line:
    """Straight strokes from point to point."""

    points: tuple[Point, ...]
    colour: str = "#333333"
    width: float = 0.3
    dashed: bool = False


@dataclass(frozen=True)
class Area:
    """A closed outline, filled with a light colour; ``colour`` empty for no stroke."""

    points: tuple[Point, ...]
    fill: str
    colour: str = ""


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float = 0.6
    colour: str = "#1f5fa8"


@dataclass(frozen=True)
class Word:
    """A text at its baseline. ``size`` in millimetres of letter height."""

    x: float
    y: float
    text: str
    size: float = 3.2
    anchor: Literal["start", "middle", "end"] = "middle"
    colour: str = "#333333"
    plain: str = ""
    """What stands in a picture instead, where no Chinese face can be had: ASCII."""


@dataclass(frozen=True)
class Drawing:
    """Shapes in a box, painted in their order. ``says`` is read out to who cannot see it."""

    width: float
    height: float
    shapes: tuple[Line | Area | Dot | Word, ...]
    says: str = ""


def svg(drawing: Drawing) -> str:
    """The drawing as SVG, sized by its view box; words take the page's face."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(drawing.width)} {_n(drawing.height)}" role="img"'
        f" aria-label={quoteattr(drawing.says)}>"
    ]
    for shape in drawing.shapes:
        match shape:
            case Line():
                dash = ' stroke-dasharray="1 1"' if shape.dashed else ""
                parts.append(
                    f'<polyline points="{_points(shape.points)}" fill="none" stroke="{shape.colour}"'
                    f' stroke-width="{_n(shape.width)}"{dash}/>'
                )
            case Area():
                stroke = f' stroke="{shape.colour}" stroke-width="0.4"' if shape.colour else ""
                parts.append(f'<polygon points="{_points(shape.points)}" fill="{shape.fill}"{stroke}/>')
            case Dot():
                parts.append(
                    f'<circle cx="{_n(shape.x)}" cy="{_n(shape.y)}" r="{_n(shape.radius)}" fill="{shape.colour}"/>'
                )
            case Word():
                parts.append(
                    f'<text x="{_n(shape.x)}" y="{_n(shape.y)}" font-size="{_n(shape.size)}" fill="{shape.colour}"'
                    f' text-anchor="{shape.anchor}">{escape(shape.text)}</text>'
                )
    return "".join([*parts, "</svg>"])


def png(drawing: Drawing) -> bytes:
    """The drawing as a picture at 300 dpi. Words that are not ASCII show their ``plain`` form."""
    image = Image.new("RGB", (round(drawing.width * _DOTS), round(drawing.height * _DOTS)), "white")
    pen = ImageDraw.Draw(image, "RGB")
    for shape in drawing.shapes:
        match shape:
            case Line():
                _stroke(pen, shape)
            case Area():
                pen.polygon(_scaled(shape.points), fill=shape.fill, outline=shape.colour or None, width=4)
            case Dot():
                x, y, radius = (part * _DOTS for part in (shape.x, shape.y, shape.radius))
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shape.colour)
            case Word():
                text = shape.text if shape.text.isascii() else shape.plain
                anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
                face = ImageFont.load_default(shape.size * _DOTS)
                pen.text((shape.x * _DOTS, shape.y * _DOTS), text, fill=shape.colour, font=face, anchor=anchor)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", dpi=(25.4 * _DOTS, 25.4 * _DOTS))
    return buffer.getvalue()


def _stroke(pen: ImageDraw.ImageDraw, shape: Line) -> None:
    points = _scaled(shape.points)
    width = max(1, round(shape.width * _DOTS))
    if not shape.dashed:
        pen.line(points, fill=shape.colour, width=width, joint="curve")
        return
    for (x1, y1), (x2, y2) in pairwise(points):
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        steps = max(1, int(length / _DOTS))
        for step in range(0, steps, 2):
            a, b = step / steps, min(1.0, (step + 1) / steps)
            ends = (x1 + (x2 - x1) * a, y1 + (y2 - y1) * a, x1 + (x2 - x1) * b, y1 + (y2 - y1) * b)
            pen.line(ends, fill=shape.colour, width=width)


def _scaled(points: tuple[Point, ...]) -> list[Point]:
    return [(x * _DOTS, y * _DOTS) for x, y in points]


def _points(points: tuple[Point, ...]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")

"""What every drawing of a report shares: a pen, a box, round numbers, a time axis. No Django."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from reportlab.lib.colors import HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from gongfu.data.dashboards.shapes import Answer

INK: Final = "#1a2330"
QUIET: Final = "#5f6b7a"
LINE: Final = "#e1e5ea"
STRONG: Final = "#c5ccd5"
ALARM: Final = "#c2261d"
SERIES: Final = ("#0072b2", "#b8720a", "#00845f", "#a8498a", "#2c93cf", "#7a6a14", "#5d6673")
"""The palette of the console on white."""
CATEGORY: Final = {
    "running": "#0b7a5c",
    "idle": "#2c93cf",
    "setup": "#b8720a",
    "fault": "#c2261d",
    "off": "#c5ccd5",
}
"""Colours of states by what they mean; any other takes one of the palette."""
_STEPS: Final = (5, 10, 15, 30, 60, 120, 180, 240, 360, 480, 720, 1440, 2880, 7200, 14_400)
"""Minutes between two marks of a time axis."""


_HUGE: Final = 1e300
"""A sensor gone mad must not stop a report."""


@dataclass(frozen=True)
class Box:
    """Left and lower edge, width and height in points."""

    x: float
    y: float
    w: float
    h: float

    def inner(self, left: float, below: float, right: float, above: float) -> Box:
        """The box within, after leaving so much at each side."""
        return Box(self.x + left, self.y + below, max(self.w - left - right, 1), max(self.h - below - above, 1))


@dataclass(frozen=True)
class Pen:
    """What every drawing needs."""

    canvas: Canvas
    font: str
    zone: str
    words: dict[str, str]

    def text(self, x: float, y: float, content: str, size: float, colour: str = INK, *, align: str = "left") -> None:
        """Write ``content`` at its base line."""
        self.canvas.setFont(self.font, size)
        self.canvas.setFillColor(HexColor(colour))
        {"left": self.canvas.drawString, "right": self.canvas.drawRightString, "middle": self.canvas.drawCentredString}[
            align
        ](x, y, content)

    def fitted(self, content: str, size: float, room: float) -> str:
        """``content`` cut to ``room`` points, with an ellipsis when something is missing."""
        if stringWidth(content, self.font, size) <= room:
            return content
        while content and stringWidth(content + "…", self.font, size) > room:
            content = content[:-1]
        return content + "…"

    def moment(self, ms: float, pattern: str = "%m-%d %H:%M") -> str:
        """A time as people in the node's zone read it."""
        return f"{dt.datetime.fromtimestamp(ms / 1000, ZoneInfo(self.zone)):{pattern}}"


def figure(value: float | None, decimals: int | None = None) -> str:
    """A number with as many digits as people want to read."""
    if value is None or not math.isfinite(value):
        return "–"
    if decimals is None:
        size = abs(value)
        decimals = 0 if size >= 1000 or not size else 1 if size >= 100 else 2 if size >= 1 else 3
    return f"{value:,.{decimals}f}"


def spread(low: float, high: float) -> list[float]:
    """Round numbers from below ``low`` to above ``high``, about five."""
    low, high = (min(max(one, -_HUGE), _HUGE) for one in (low, high))
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-200):
        room = max(abs(low), abs(high)) * 0.02
        room = room if room > 1e-200 else 1.0
        low, high = low - room, high + room
    raw = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw)
    first = math.floor(low / step)
    return [step * number for number in range(first, math.ceil(high / step) + 1)]


def times(pen: Pen, answer: Answer, plot: Box) -> None:
    """Marks at round hours or days of the node's clock."""
    most = max(2, int(plot.w / 58))
    length = answer.end - answer.start
    step = next((one for one in _STEPS if length / (one * 60_000) <= most), _STEPS[-1]) * 60_000
    offset = dt.datetime.fromtimestamp(answer.start / 1000, ZoneInfo(pen.zone)).utcoffset() or dt.timedelta()
    shift = int(offset.total_seconds() * 1000)
    at = math.ceil((answer.start + shift) / step) * step - shift
    while at <= answer.end:
        x = plot.x + plot.w * (at - answer.start) / max(length, 1)
        align = "left" if x < plot.x + 9 else "right" if x > plot.x + plot.w - 9 else "middle"
        day = (at + shift) % 86_400_000 == 0
        pen.text(x, plot.y - 9, pen.moment(at, "%m-%d" if day else "%H:%M"), 6.5, QUIET, align=align)
        at += step
    rule(pen, plot.x, plot.y, plot.x + plot.w, plot.y, STRONG)


def rule(pen: Pen, x1: float, y1: float, x2: float, y2: float, colour: str, *, dash: bool = False) -> None:
    """A thin line."""
    pen.canvas.setStrokeColor(HexColor(colour))
    pen.canvas.setLineWidth(0.5)
    pen.canvas.setDash([3, 2] if dash else [])
    pen.canvas.line(x1, y1, x2, y2)
    pen.canvas.setDash([])

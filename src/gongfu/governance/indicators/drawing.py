"""Trend and forecast as SVG coordinates. Pure: the page only places them."""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec

from gongfu.governance.indicators.forecast import Forecast, Point, months_between

WIDTH: Final = 240.0
HEIGHT: Final = 48.0


class Drawing(msgspec.Struct, frozen=True):
    """Everything in one box of ``width`` × ``height``; y grows downwards."""

    width: float
    height: float
    line: str
    """Points of the trend."""
    band: str
    """Outline of the forecast; empty without one."""
    middle: str
    goal: float
    """Height of the goal."""
    last_x: float
    last_y: float
    top: float
    """The figure at the upper edge."""


def draw(
    points: tuple[Point, ...],
    ahead: Forecast | None,
    goal: float,
    begins: dt.date,
    deadline: dt.date,
    width: float = WIDTH,
    height: float = HEIGHT,
) -> Drawing | None:
    """The whole time of the plan from left to right; None without any point."""
    if not points:
        return None
    begins = min(begins, points[0].month)
    span = max(1, months_between(begins, max(deadline, points[-1].month)))
    highs = [one.value for one in points] + [goal] + ([high for _, _, high in ahead.path] if ahead else [])
    top = max(max(highs) * 1.08, 1e-9)

    def at(month: int, value: float) -> tuple[float, float]:
        return round(width * month / span, 1), round(height - (height - 2) * max(0.0, value) / top - 1, 1)

    def joined(found: list[tuple[float, float]]) -> str:
        return " ".join(f"{x},{y}" for x, y in found)

    trend = [at(months_between(begins, one.month), one.value) for one in points]
    band = middle = ""
    if ahead and ahead.path:
        last = months_between(begins, points[-1].month)
        upper = [trend[-1]] + [at(last + n, high) for n, (_, _, high) in enumerate(ahead.path, 1)]
        lower = [at(last + n, low) for n, (low, _, _) in enumerate(ahead.path, 1)]
        band = joined(upper + lower[::-1])
        middle = joined([trend[-1]] + [at(last + n, mid) for n, (_, mid, _) in enumerate(ahead.path, 1)])
    return Drawing(width, height, joined(trend), band, middle, at(0, goal)[1], *trend[-1], top)

"""The line of a backlog, and when it will be gone. No Django, no I/O."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 120
"""Of the drawing, in its own units."""
GAP = dt.timedelta(seconds=45)
"""Between two points further apart nothing is known: the line has a gap there."""
_TREND = dt.timedelta(seconds=60)


@dataclass(frozen=True)
class Point:
    """What was not sent yet at some moment, in messages, and all that was sent until then, in readings."""

    at: dt.datetime
    backlog: int
    forwarded: int


@dataclass(frozen=True)
class Chart:
    """A line as an SVG path in a box of :data:`WIDTH` × :data:`HEIGHT`, with what stands at its ends."""

    path: str
    top: int
    start: dt.datetime
    end: dt.datetime
    rate: float | None
    """Readings a second that were sent lately; None when that is not known."""
    left: dt.timedelta | None
    """How long until the backlog is gone, when it shrinks."""


def chart(points: Sequence[Point]) -> Chart | None:
    """``points`` in their order, drawn; None for fewer than two."""
    if len(points) < 2:
        return None
    start, end = points[0].at, points[-1].at
    span = max((end - start).total_seconds(), 1.0)
    top = max(1, *(point.backlog for point in points))
    parts: list[str] = []
    before: dt.datetime | None = None
    for point in points:
        x = (point.at - start).total_seconds() / span * WIDTH
        y = HEIGHT - 2 - point.backlog / top * (HEIGHT - 4)
        pen = "M" if before is None or point.at - before > GAP else "L"
        parts.append(f"{pen}{x:.1f} {y:.1f}")
        before = point.at
    rate, left = _trend(points)
    return Chart("".join(parts), top, start, end, rate, left)


def _trend(points: Sequence[Point]) -> tuple[float | None, dt.timedelta | None]:
    last = points[-1]
    lately = [point for point in points if last.at - point.at <= _TREND]
    first = lately[0]
    seconds = (last.at - first.at).total_seconds()
    if seconds <= 0:
        return None, None
    sent = last.forwarded - first.forwarded
    rate = sent / seconds if sent >= 0 else None  # it was started anew meanwhile
    shrunk = (first.backlog - last.backlog) / seconds
    left = dt.timedelta(seconds=round(last.backlog / shrunk)) if shrunk > 0 and last.backlog else None
    return rate, left

"""A path as a drawing: who was asked stands side by side, every question is an arrow below the one before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gongfu.identity.recursion.trace import Hop, Trace

PITCH = 104
"""Units between two servers; the drawing scales with the page."""
MARGIN = 52
HEAD = 46
ROW = 40
_LABEL = 17
_ASKED = 34


@dataclass(frozen=True, slots=True)
class Column:
    """One server: its line stands at ``x``."""

    x: int
    title: str
    address: str
    whole: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """One question, drawn from ``start`` to ``end`` at height ``y``; ``kind`` is asked, cached, stale or failed."""

    start: int
    end: int
    y: int
    kind: str
    asked: str
    took: str
    hop: Hop

    @property
    def text_y(self) -> int:
        """Where its words stand."""
        return self.y - 6

    @property
    def text_x(self) -> int:
        """Where its words begin."""
        return self.start + 5

    @property
    def head(self) -> str:
        """The points of its head."""
        return f"{self.end},{self.y} {self.end - 7},{self.y - 4} {self.end - 7},{self.y + 4}"


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything to be drawn."""

    width: int
    height: int
    columns: tuple[Column, ...]
    arrows: tuple[Arrow, ...]

    @property
    def shown(self) -> int:
        """Pixels of width where there is room."""
        return self.width * 7 // 5

    @property
    def foot(self) -> int:
        """Where the lines of the servers end."""
        return self.height - 8


def draw(path: Trace, here: str, root: str) -> Drawing:
    """The drawing; ``here`` names who asked, ``root`` the servers where every path begins."""
    order: list[str] = []
    service: dict[str, str] = {}
    for hop in path.hops:
        if hop.server and hop.server not in order:
            order.append(hop.server)
        service[hop.server] = service.get(hop.server) or hop.service
    place = {server: MARGIN + PITCH * (number + 1) for number, server in enumerate(order)}
    columns = [Column(MARGIN, here, _short(path.resolver, _LABEL), path.resolver)]
    columns += [Column(place[item], _short(service[item] or root, 13), _short(item, _LABEL), item) for item in order]
    arrows = _arrows(path.hops, place)
    width = 2 * MARGIN + PITCH * len(order)
    return Drawing(max(width, 320), HEAD + ROW * max(1, len(arrows)) + 20, tuple(columns), tuple(arrows))


def _arrows(hops: Sequence[Hop], place: dict[str, int]) -> list[Arrow]:
    return [
        Arrow(
            MARGIN,
            place.get(hop.server, MARGIN + PITCH // 2),
            HEAD + ROW * (number + 1) - 8,
            kind_of(hop),
            _short(hop.asked, _ASKED),
            "" if hop.cached or hop.stale else milliseconds(hop.took_ms),
            hop,
        )
        for number, hop in enumerate(hops)
    ]


def kind_of(hop: Hop) -> str:
    """How a hop is drawn."""
    if hop.problem.value:
        return "failed"
    return "stale" if hop.stale else "cached" if hop.cached else "asked"


def milliseconds(took: float) -> str:
    """Such as ``0.42 ms``, ``12 ms``."""
    return f"{took:.2f} ms" if took < 10 else f"{took:.0f} ms"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"

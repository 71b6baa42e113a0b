"""A dashboard on paper: A4 across, the grid of the screen, a title above and a page number below. No Django."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, Final

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from gongfu.data.dashboards import drawing
from gongfu.data.dashboards.pen import INK, QUIET, Box, Pen
from gongfu.data.dashboards.rules import COLUMNS, Widget
from gongfu.data.dashboards.shapes import Answer
from gongfu.identity.carriers.sheet import chinese_face

_WIDTH, _HEIGHT = landscape(A4)
_MARGIN: Final = 12 * mm
_TOP: Final = 20 * mm
_BOTTOM: Final = 11 * mm
ROWS: Final = 12
"""Rows of the grid on one page."""
_ROW: Final = (_HEIGHT - _TOP - _BOTTOM - _MARGIN) / ROWS
_COLUMN: Final = (_WIDTH - 2 * _MARGIN) / COLUMNS
_GAP: Final = 1.5 * mm


@dataclass(frozen=True)
class Part:
    """A widget and what it shows; ``picture`` is a PNG or JPEG, empty for none."""

    widget: Widget
    answer: Answer
    picture: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Page:
    """A whole report; ``words`` are the few that stand in charts, in its language."""

    title: str
    note: str
    foot: str
    parts: list[Part]
    zone: str
    words: dict[str, str]


def write(file: IO[bytes], page: Page, *, font: str = "") -> int:
    """Write the PDF; returns the number of pages. ``font`` is a TrueType file for Chinese, empty for STSong-Light."""
    canvas = Canvas(file, pagesize=(_WIDTH, _HEIGHT), pageCompression=1)
    canvas.setTitle(page.title)
    canvas.setCreator("Gongfu")
    pen = Pen(canvas, chinese_face(font), page.zone, page.words)
    placed = arranged(page.parts)
    last = max((number for number, _row, _part in placed), default=0)
    for number in range(last + 1):
        if number:
            canvas.showPage()
        _frame(pen, page, number + 1, last + 1)
        for sheet, row, part in placed:
            if sheet == number:
                widget = part.widget
                height = min(widget.h, ROWS) * _ROW
                top = _HEIGHT - _TOP - row * _ROW
                left = _MARGIN + widget.x * _COLUMN
                box = Box(left + _GAP, top - height + _GAP, widget.w * _COLUMN - 2 * _GAP, height - 2 * _GAP)
                drawing.widget(pen, part.widget, part.answer, part.picture, box)
    canvas.save()
    return last + 1


def arranged(parts: list[Part]) -> list[tuple[int, int, Part]]:
    """Page (from 0) and row of each; what a page's end would cut begins the next page, with all that follows."""
    placed: list[tuple[int, int, Part]] = []
    # Empty rows are left out: paper is not a screen.
    taken = sorted({row for one in parts for row in range(one.widget.y, one.widget.y + min(one.widget.h, ROWS))})
    dense = {row: place for place, row in enumerate(taken)}
    moved = 0
    for one in sorted(parts, key=lambda part: (part.widget.y, part.widget.x)):
        row = dense[one.widget.y] + moved
        over = row % ROWS + min(one.widget.h, ROWS) - ROWS
        if over > 0:
            moved += ROWS - row % ROWS
            row += ROWS - row % ROWS
        placed.append((row // ROWS, row % ROWS, one))
    return placed


def _frame(pen: Pen, page: Page, number: int, total: int) -> None:
    canvas = pen.canvas
    canvas.setFillColor(HexColor(INK))
    canvas.setFont(pen.font, 15)
    canvas.drawString(_MARGIN + _GAP, _HEIGHT - 12 * mm, page.title[:60])
    canvas.setFont(pen.font, 8.5)
    canvas.setFillColor(HexColor(QUIET))
    canvas.drawString(_MARGIN + _GAP, _HEIGHT - 17 * mm, page.note[:140])
    canvas.drawString(_MARGIN + _GAP, 8 * mm, page.foot)
    canvas.drawRightString(_WIDTH - _MARGIN - _GAP, 8 * mm, f"{number} / {total}")

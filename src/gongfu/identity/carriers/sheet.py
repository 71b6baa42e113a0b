"""Labels as a PDF. No Django.

Chinese text is set in STSong-Light, which PDF readers bring along (Adobe's Asian fonts; others take a Chinese font of
the system); for a printing house set ``label_font`` to a TrueType file, which is then embedded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import IO

from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas

from gongfu.identity.carriers.labels import Label, Symbol, modules
from gongfu.identity.carriers.layouts import Layout
from gongfu.kernel.errors import Invalid, Unavailable
from gongfu.kernel.i18n import mark

_CHINESE = "STSong-Light"
_MONO = "Courier"
_SMALLEST_MODULE = 0.25
"""mm; a phone reads 0.25 mm from a label's distance, less only a scanner does (ISO/IEC 15415 asks the application)."""
_GAP = 1.5
_NAME, _SMALL, _LEAST = 10.0, 7.0, 4.0
"""Points: the name, the rest, and the least to which an identifier shrinks."""


@cache
def chinese_face(path: str) -> str:
    """Name of the registered font for Chinese text: that of the file ``path``, or STSong-Light for none."""
    if not path:
        pdfmetrics.registerFont(UnicodeCIDFont(_CHINESE))
        return _CHINESE
    try:
        pdfmetrics.registerFont(TTFont("label", path))
    except (TTFError, OSError) as error:
        raise Unavailable(
            mark("The font {path} cannot be used: {reason}."),
            remedy=mark("Set label_font to a TrueType file (.ttf or .ttc), or leave it empty."),
            path=Path(path).name,
            reason=error,
        ) from error
    return "label"


def write(
    file: IO[bytes],
    labels: Iterable[Label],
    layout: Layout,
    symbol: Symbol,
    *,
    first: int = 0,
    font: str = "",
    title: str = "Labels",
    done: Callable[[int], None] = lambda _: None,
) -> int:
    """Write a PDF with ``labels`` and return how many there were.

    ``first`` labels of the first sheet stay free, for one that was begun; ``done`` hears of every label. Raises
    :class:`Invalid` for a code that does not fit its label.
    """
    if not 0 <= first < layout.each:
        raise Invalid(mark("A sheet has {each} labels; {first} cannot be left free."), each=layout.each, first=first)
    canvas = Canvas(file, pagesize=(layout.page[0] * mm, layout.page[1] * mm), pageCompression=1)
    canvas.setTitle(title)
    canvas.setCreator("Gongfu")
    name = chinese_face(font)
    number = 0
    for number, label in enumerate(labels, 1):
        place = (first + number - 1) % layout.each
        if place == 0 and number > 1:
            canvas.showPage()
        _draw(canvas, label, layout, place, symbol, name)
        done(number)
    canvas.save()
    return number


def _draw(canvas: Canvas, label: Label, layout: Layout, place: int, symbol: Symbol, font: str) -> None:
    left, top = layout.corner(place)
    left, top = left + layout.padding, top + layout.padding
    width, height = layout.label[0] - 2 * layout.padding, layout.label[1] - 2 * layout.padding
    side = min(height, width / 2)
    bottom_up = layout.page[1]
    _draw_code(canvas, label, symbol, (left * mm, (bottom_up - top - (height - side) / 2) * mm, side * mm))
    x, room = (left + side + _GAP) * mm, (width - side - _GAP) * mm
    lines = list(_lines(label, font, room))
    total = sum(size * 1.2 for _, _, size in lines)
    while total > height * mm and len(lines) > 1:
        lines = lines[:-1]  # the enterprise last: the identifier must stay
        total = sum(size * 1.2 for _, _, size in lines)
    y = (bottom_up - top - height / 2) * mm + total / 2
    for text, face, size in lines:
        y -= size * 1.2
        canvas.setFont(face, size)
        canvas.drawString(x, y + size * 0.25, text)


def _draw_code(canvas: Canvas, label: Label, symbol: Symbol, box: tuple[float, float, float]) -> None:
    """``box``: left, top and side in points."""
    matrix, quiet = modules(label, symbol)
    left, top, side = box
    module = side / (len(matrix) + 2 * quiet)
    if module < _SMALLEST_MODULE * mm:
        raise Invalid(
            mark("The code of {handle} would be too fine for this label."),
            remedy=mark("Use a larger label, or let the code hold the identifier alone."),
            handle=label.handle,
        )
    path = canvas.beginPath()
    for row, line in enumerate(matrix):
        y = top - (row + quiet + 1) * module
        for start, length in _runs(line):
            path.rect(left + (start + quiet) * module, y, length * module, module)
    canvas.drawPath(path, stroke=0, fill=1)


def _runs(line: list[bool]) -> Iterator[tuple[int, int]]:
    """Beginning and length of each stretch of dark modules."""
    start = -1
    for place, dark in enumerate([*line, False]):
        if dark and start < 0:
            start = place
        elif not dark and start >= 0:
            yield start, place - start
            start = -1


def _lines(label: Label, font: str, room: float) -> Iterator[tuple[str, str, float]]:
    """Text, font and size in points of each line, from the top: name, identifier, enterprise."""
    size = _on_one_line(label.name, font, room, _NAME, 8.0)
    for line in _wrapped(label.name, font, size, room, 2) if label.name else ():
        yield line, font, size
    face = _MONO if label.handle.isascii() else font
    size = _on_one_line(label.handle, face, room, _SMALL, 5.5)
    while len(_wrapped(label.handle, face, size, room, 99)) > 3 and size > _LEAST:
        size -= 0.5
    for line in _wrapped(label.handle, face, size, room, 99):
        yield line, face, size
    for line in _wrapped(label.enterprise, font, _SMALL, room, 2) if label.enterprise else ():
        yield line, font, _SMALL


def _on_one_line(text: str, face: str, room: float, size: float, least: float) -> float:
    """The largest size down to ``least`` at which ``text`` fits one line; ``size`` when it never does."""
    smaller = size
    while smaller >= least:
        if pdfmetrics.stringWidth(text, face, smaller) <= room:
            return smaller
        smaller -= 0.5
    return size


def _wrapped(text: str, face: str, size: float, room: float, most: int) -> list[str]:
    """``text`` in lines no wider than ``room``, broken anywhere; an ellipsis where ``most`` lines do not hold it."""
    lines: list[str] = []
    line = ""
    for letter in text:
        if line and pdfmetrics.stringWidth(line + letter, face, size) > room:
            lines.append(line)
            line = ""
        line += letter
    lines.append(line)
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], lines[most - 1][:-1] + "…"]

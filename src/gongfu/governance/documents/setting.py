"""Setting a paragraph: where lines break and how far their characters stand apart. No Django.

reportlab breaks Chinese anywhere; here no line begins with ， or ends with （ (GB/T 15834—2011 §5.1), no Latin word or
number is torn apart, and a full line reaches both edges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from reportlab.lib.colors import HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

Align = Literal["left", "right", "centre", "both"]
Run = tuple[str, str]
"""Font and text."""
_NOT_FIRST: Final = frozenset("，。、；：？！）】〕》〉」』”’…—·％%,.;:?!)]}°℃‰")
_NOT_LAST: Final = frozenset("（【〔《〈「『“‘([{¥￥＄$")


@dataclass(frozen=True)
class Unit:
    """What is never torn apart: a Chinese character, a Latin word, a space."""

    font: str
    text: str
    width: float


@dataclass(frozen=True)
class Look:
    """How a paragraph stands. Points; ``first`` comes on top of ``left`` and may be negative."""

    size: float
    leading: float
    align: Align = "left"
    first: float = 0.0
    left: float = 0.0
    right: float = 0.0
    colour: str = "#000000"
    heavy: float = 0.0
    """Width of a stroke round each character, which thickens a face that has no bold one."""


def units(runs: list[Run], size: float) -> list[Unit]:
    """``runs`` cut into what stays together."""
    found: list[Unit] = []
    for font, text in runs:
        word = ""
        for letter in text:
            if letter != " " and (letter.isascii() or (letter.isalpha() and ord(letter) < 0x2E80)):
                word += letter
                continue
            if word:
                found.append(Unit(font, word, stringWidth(word, font, size)))
                word = ""
            found.append(Unit(font, letter, stringWidth(letter, font, size)))
        if word:
            found.append(Unit(font, word, stringWidth(word, font, size)))
    return found


def _may_break(before: Unit, after: Unit) -> bool:
    if after.text[0] in _NOT_FIRST or before.text[-1] in _NOT_LAST:
        return False
    return not (before.text.isascii() and after.text.isascii() and " " not in (before.text, after.text))


def broken(found: list[Unit], width: Callable[[int], float], size: float) -> list[list[Unit]]:
    """``found`` in lines; ``width`` says how wide line number n may be. A word longer than a line is torn."""
    lines: list[list[Unit]] = []
    line: list[Unit] = []
    used = 0.0
    waiting = list(reversed(found))
    while waiting:
        unit = waiting.pop()
        room = width(len(lines))
        if used + unit.width <= room + 0.01 or (unit.text == " " and line):
            line.append(unit)
            used += unit.width
            continue
        place = next((n for n in range(len(line), 0, -1) if _may_break(line[n - 1], (*line, unit)[n])), 0)
        if not place:
            fits = _fitting(unit, room - used, size)
            if fits or not line:
                fits = fits or 1
                line.append(Unit(unit.font, unit.text[:fits], stringWidth(unit.text[:fits], unit.font, size)))
                rest = unit.text[fits:]
                if rest:
                    waiting.append(Unit(unit.font, rest, stringWidth(rest, unit.font, size)))
            else:
                waiting.append(unit)
            lines.append(_trimmed(line))
        else:
            waiting.append(unit)
            waiting.extend(one for one in reversed(line[place:]))
            lines.append(_trimmed(line[:place]))
        line, used = [], 0.0
        while waiting and waiting[-1].text == " ":
            waiting.pop()
    if line or not lines:
        lines.append(_trimmed(line))
    return lines


def _fitting(unit: Unit, room: float, size: float) -> int:
    """How many letters of ``unit`` go into ``room``."""
    count = 0
    while count < len(unit.text) and stringWidth(unit.text[: count + 1], unit.font, size) <= room:
        count += 1
    return count


def _trimmed(line: list[Unit]) -> list[Unit]:
    end = len(line)
    while end and line[end - 1].text == " ":
        end -= 1
    return line[:end]


class Lines(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A paragraph that can go on on the next page, two lines at least on either."""

    def __init__(self, found: list[Unit], look: Look, lines: list[list[Unit]] | None = None, *, head: bool = True):
        super().__init__()
        self._units, self._look = found, look
        self._given = lines
        self._lines: list[list[Unit]] = lines or []
        self._head = head
        self._ends = True

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """Break at ``width``."""
        look = self._look
        self._width = width

        def room(number: int) -> float:
            return max(look.size, width - look.left - look.right - (look.first if number == 0 and self._head else 0.0))

        if self._given is None:
            self._lines = broken(self._units, room, look.size)
        self.height: float = len(self._lines) * look.leading
        self.width: float = width
        return width, self.height

    def split(self, width: float, height: float) -> list[Flowable]:
        """What fits, and the rest."""
        self.wrap(width, height)
        count, fit = len(self._lines), int((height + 0.01) // self._look.leading)
        if fit >= count:
            return [self]
        fit = min(fit, count - 2)
        if fit < 2:
            return []
        first = Lines(self._units, self._look, self._lines[:fit], head=self._head)
        first._ends = False
        rest = Lines(self._units, self._look, self._lines[fit:], head=False)
        rest._ends = self._ends
        return [first, rest]

    def draw(self) -> None:
        """Put the lines where the page says."""
        look, canvas = self._look, self.canv
        canvas.saveState()
        canvas.setFillColor(HexColor(look.colour))
        y = self.height - look.leading / 2 - look.size * 0.36
        for number, line in enumerate(self._lines):
            first = look.first if number == 0 and self._head else 0.0
            left = look.left + first
            free = self._width - left - look.right - sum(unit.width for unit in line)
            gaps = sum(_may_break(a, b) or " " in (a.text, b.text) for a, b in pairwise(line))
            last = number == len(self._lines) - 1 and self._ends
            gap = 0.0
            if look.align == "both" and not last and gaps and free > 0:
                gap = min(free / gaps, look.size * 0.5)
            x = left + {"right": free, "centre": free / 2}.get(look.align, 0.0)
            self._one(line, x, y, gap)
            y -= look.leading
        canvas.restoreState()

    def _one(self, line: list[Unit], x: float, y: float, gap: float) -> None:
        look = self._look
        text = self.canv.beginText()
        if look.heavy:
            text.setTextRenderMode(2)
            text.setStrokeColor(HexColor(look.colour))
            self.canv.setLineWidth(look.heavy)
        start, shown, font = x, "", ""
        for place, unit in enumerate(line):
            if gap or unit.font != font:
                if shown:
                    text.setTextOrigin(start, y)
                    text.textOut(shown)
                start, shown, font = x, "", unit.font
                text.setFont(font, look.size)
            shown += unit.text
            x += unit.width
            after = line[place + 1] if place + 1 < len(line) else None
            if gap and after and (_may_break(unit, after) or " " in (unit.text, after.text)):
                x += gap
        if shown:
            text.setTextOrigin(start, y)
            text.textOut(shown)
        if look.heavy:
            text.setTextRenderMode(0)
        self.canv.drawText(text)

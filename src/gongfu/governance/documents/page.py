"""Measures of GB/T 9704—2012, shared by both printers. Pure."""

from __future__ import annotations

from typing import Final

PAGE: Final = (210.0, 297.0)
"""A4, §5.1; this and what follows in millimetres."""
TOP: Final = 37.0
LEFT: Final = 28.0
WIDTH: Final = 156.0
DEPTH: Final = 225.0
"""天头, 订口, 版心: §5.2.1."""
RIGHT: Final = PAGE[0] - LEFT - WIDTH
BOTTOM: Final = PAGE[1] - TOP - DEPTH
TO_NUMBER: Final = 7.0
"""From the lower edge of the text to the page number, §7.5."""

CHARACTER: Final = WIDTH / 25.4 * 72 / 28
"""Points. 28 characters make a line (§5.2.3): 15.79 points, which type cases call 3号."""
SIZE: Final = 16.0
"""3号 as word processors have it."""
TITLE: Final = 22.0
"""2号."""
NUMBER: Final = 14.0
"""4号, of page numbers."""
SMALL: Final = 10.5
"""5号, of tables and remarks: the standard leaves them open."""
LEADING: Final = 28.0
"""Points from line to line: 22 lines make a page."""
TITLE_LEADING: Final = 34.0
SMALL_LEADING: Final = 15.0
RED: Final = "#e60012"


def signature_indents(signature: float, date: float, seal: bool) -> tuple[float, float]:
    """How far signature and date stand from the right edge; all of them in characters (§7.3.5.1, §7.3.5.2).

    With a seal the date ends four characters before the edge and the signature is centred over it (a longer one
    ends two before it, and the date is centred below). Without, the signature ends two before the edge and the date
    begins two to the right of where the signature begins.
    """
    if seal:
        if signature <= date + 4:
            return 4 + (date - signature) / 2, 4.0
        return 2.0, 2 + (signature - date) / 2
    if date >= signature:
        return 2 + (date - signature) + 2, 2.0
    return 2.0, max(0.0, signature - date)


def characters(text: str) -> float:
    """Width in Chinese characters: ASCII counts half."""
    return sum(0.5 if letter.isascii() else 1.0 for letter in text)

"""Sheets of labels: their measures in millimetres, and where each label lies. Pure.

Sheet sizes are those of common self-adhesive A4 sheets: 24 labels of 70 × 37 mm without gaps, 14 of 99.1 × 38.1 mm
with 2.5 mm between the columns; and a roll of single labels of 60 × 40 mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark


@dataclass(frozen=True, slots=True)
class Layout:
    """A page and its labels; all lengths in mm, ``left`` and ``top`` from the corner of the page."""

    key: str
    name: str
    page: tuple[float, float]
    label: tuple[float, float]
    columns: int
    rows: int
    left: float = 0.0
    top: float = 0.0
    pitch: tuple[float, float] = (0.0, 0.0)
    """From one label to the next, right and down; 0 when they touch."""
    padding: float = 2.5
    """What stays white inside a label: printers do not reach the edge of a sheet."""

    @property
    def each(self) -> int:
        """Labels a page."""
        return self.columns * self.rows

    def corner(self, place: int) -> tuple[float, float]:
        """Upper left corner of label ``place`` (from 0, row by row) of a page."""
        row, column = divmod(place, self.columns)
        return (
            self.left + column * (self.pitch[0] or self.label[0]),
            self.top + row * (self.pitch[1] or self.label[1]),
        )


LAYOUTS: Sequence[Layout] = (
    Layout("a4-70x37", mark("A4, 24 labels of 70 × 37 mm"), (210, 297), (70, 37), 3, 8, top=0.5, padding=4.5),
    Layout(
        "a4-99x38",
        mark("A4, 14 labels of 99.1 × 38.1 mm"),
        (210, 297),
        (99.1, 38.1),
        2,
        7,
        left=4.65,
        top=15.15,
        pitch=(101.6, 38.1),
    ),
    Layout("60x40", mark("Single labels of 60 × 40 mm"), (60, 40), (60, 40), 1, 1),
)
"""Every layout, the commonest first."""


def layout(key: str) -> Layout:
    """The layout called ``key``; raises :class:`Invalid`."""
    found = next((layout for layout in LAYOUTS if layout.key == key), None)
    if found is None:
        raise Invalid(
            mark("There is no label layout {key}."),
            remedy=mark("Use one of {known}."),
            key=key[:40],
            known=", ".join(layout.key for layout in LAYOUTS),
        )
    return found

"""An official document as data: what it says, not how it looks. Pure.

The parts and their order are those of GB/T 9704—2012 §7: 发文机关标志, 发文字号, 标题, 主送机关, 正文, 附件说明,
发文机关署名, 成文日期, 附注. A paper that is no letter (a report, a score sheet) leaves the ones it lacks empty.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from gongfu.governance.documents.drawing import Drawing

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 (一、), 2 （一）, 3 (1.) or 4 （1）; GB/T 9704 §7.3.3."""

    text: str
    level: int = 1
    numbered: bool = True


@dataclass(frozen=True)
class Text:
    """A paragraph of the text; ``small`` for a remark below a table or figure."""

    text: str
    indent: bool = True
    small: bool = False


@dataclass(frozen=True)
class Items:
    """Sentences one below the other, counted 1., 2. or, with ``marks``, led by the marks given."""

    texts: tuple[str, ...]
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Marked:
    """A cell with a bar of a colour at its left edge, such as the state of an indicator. ``colour``: ``#rrggbb``."""

    text: str
    colour: str


Cell = str | Marked | Drawing


@dataclass(frozen=True)
class Grid:
    """A table. ``widths`` are parts of the line, any scale; none means equal ones. The heads stand on every page."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    widths: tuple[float, ...] = ()
    right: frozenset[int] = frozenset()
    """Columns set to the right: figures."""


@dataclass(frozen=True)
class Facts:
    """Names and values, two columns without rules: 申报单位, 统一社会信用代码, …"""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Figure:
    """A drawing on a line of its own, with the words below it."""

    drawing: Drawing
    caption: str = ""


@dataclass(frozen=True)
class Break:
    """What follows begins on a new page."""


Block = Heading | Text | Items | Grid | Facts | Figure | Break


@dataclass(frozen=True)
class Document:
    """Everything on the paper. Empty parts are left out together with their space."""

    title: str
    blocks: tuple[Block, ...] = ()
    issuer: str = ""
    """发文机关标志: the red head above a red line."""
    number: str = ""
    """发文字号, such as 青科委〔2026〕12号."""
    to: str = ""
    """主送机关."""
    under: str = ""
    """A line below the title: the month, the draft's number."""
    attachments: tuple[str, ...] = ()
    """附件说明: the names."""
    signature: str = ""
    date: dt.date | None = None
    seal: bool = False
    """Whether a seal will stand over signature and date, which therefore leave it room (§7.3.5.1)."""
    note: str = ""
    """附注, in brackets below the date."""
    language: Language = "zh"
    created: dt.datetime | None = None
    """Time of making, for the file's own record; without one, two files of the same document are the same bytes."""


@dataclass(frozen=True)
class Printed:
    """A file, and the characters in it that the face lacks: they stand on the paper as ``〔U+2CB2D〕``."""

    data: bytes
    missing: tuple[str, ...] = ()


_DIGITS: Final = "零一二三四五六七八九"


def chinese(number: int) -> str:
    """1 to 99 in Chinese: 十, 十一, 二十."""
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else f"{_DIGITS[tens]}十") + (_DIGITS[ones] if ones else "")


def numbers(document: Document) -> Iterator[tuple[str, Block]]:
    """Each block with the number that stands before it: ``一、``, ``（一）``, ``1.``, ``（1）``; in English 1, 1.1, ….

    Only headings are counted; a higher one begins the lower ones anew.
    """
    counts = [0, 0, 0, 0]
    for block in document.blocks:
        if not isinstance(block, Heading) or not block.numbered:
            yield "", block
            continue
        level = min(max(block.level, 1), 4)
        counts[level - 1] += 1
        counts[level:] = [0] * (4 - level)
        if document.language == "en":
            yield ".".join(str(count) for count in counts[:level] if count) + " ", block
        else:
            now = counts[level - 1]
            yield (f"{chinese(now)}、", f"（{chinese(now)}）", f"{now}.", f"（{now}）")[level - 1], block


def day(document: Document) -> str:
    """The date as the document's language writes it: 2026年11月20日 (§7.3.5.4); empty without one."""
    if document.date is None:
        return ""
    if document.language == "en":
        return document.date.isoformat()
    return f"{document.date.year}年{document.date.month}月{document.date.day}日"


def attached(document: Document) -> Iterator[tuple[str, str]]:
    """What stands before each attachment, and its name: ``附件：`` with one, ``附件：1.``, then ``2.`` with several."""
    lead = "Attachment: " if document.language == "en" else "附件："
    many = len(document.attachments) > 1
    for place, name in enumerate(document.attachments, 1):
        yield (lead if place == 1 else "") + (f"{place}." if many else ""), name

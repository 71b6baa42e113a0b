"""A document as PDF. No Django."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from typing import Final

from reportlab.lib import colors
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    HRFlowable,
    KeepTogether,
    PageBreak,
    PageTemplate,
    Spacer,
    Table,
    TableStyle,
)

from gongfu.governance.documents import page
from gongfu.governance.documents.drawing import Area, Dot, Drawing, Line, Word
from gongfu.governance.documents.faces import Face, Style, faces
from gongfu.governance.documents.model import (
    Break,
    Cell,
    Document,
    Facts,
    Figure,
    Grid,
    Heading,
    Items,
    Marked,
    Printed,
    Text,
    attached,
    day,
    numbers,
)
from gongfu.governance.documents.setting import Align, Lines, Look, units

_HEADINGS: Final[dict[int, Style]] = {1: "黑体", 2: "楷体", 3: "仿宋", 4: "仿宋"}
_PAD: Final = 3.0


def print_pdf(document: Document, folder: str = "") -> Printed:
    """The document on A4. ``folder``: TrueType files to embed (see :mod:`~gongfu.governance.documents.faces`)."""
    press = _Press(document, faces(folder))
    story = list(press.story())
    buffer = io.BytesIO()
    made = BaseDocTemplate(
        buffer,
        pagesize=(page.PAGE[0] * mm, page.PAGE[1] * mm),
        title=document.title,
        author=document.signature or document.issuer,
        creator="Gongfu",
        invariant=1,
    )
    frame = Frame(
        page.LEFT * mm,
        page.BOTTOM * mm,
        page.WIDTH * mm,
        page.DEPTH * mm,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )
    made.addPageTemplates([PageTemplate("text", [frame], onPage=press.number)])
    made.build(story)
    return Printed(buffer.getvalue(), tuple(sorted(press.missing)))


class _Press:
    """Sets one document; knows its faces and remembers what they lack."""

    def __init__(self, document: Document, found: dict[Style, Face]) -> None:
        self.document = document
        self.faces = found
        self.missing: set[str] = set()
        self._chinese = document.language == "zh"

    def number(self, canvas: Canvas, made: BaseDocTemplate) -> None:
        """The page's number between dashes: right on odd pages, left on even ones, one character in (§7.5)."""
        canvas.saveState()
        face = self.faces["小标宋"]
        text = f"— {made.page} —"
        canvas.setFont(face.font, page.NUMBER)
        height = (page.BOTTOM - page.TO_NUMBER) * mm - page.NUMBER * 0.8
        if made.page % 2:
            canvas.drawRightString((page.LEFT + page.WIDTH) * mm - page.NUMBER, height, text)
        else:
            canvas.drawString(page.LEFT * mm + page.NUMBER, height, text)
        canvas.restoreState()

    def story(self) -> Iterator[Flowable]:
        """Everything in its order."""
        document = self.document
        yield from self._head()
        yield self._paragraph(document.title, "小标宋", page.TITLE, page.TITLE_LEADING, align="centre")
        if document.under:
            yield self._paragraph(document.under, "楷体", align="centre")
        yield Spacer(1, page.LEADING)
        if document.to:
            yield self._paragraph(f"{document.to}：" if self._chinese else f"{document.to}:", "仿宋")
        for number, block in numbers(document):
            yield from self._block(number, block)
        yield from self._tail()

    def _head(self) -> Iterator[Flowable]:
        document = self.document
        if document.issuer:
            yield Spacer(1, 35 * mm)  # §7.2.4: 35 mm below the upper edge of the text
            size = min(46.0, page.WIDTH * mm / max(1.0, page.characters(document.issuer)))
            yield self._paragraph(document.issuer, "小标宋", size, size * 1.3, align="centre", colour=page.RED)
            yield Spacer(1, page.LEADING)
        if document.number:
            yield self._paragraph(document.number, "仿宋", align="centre")
        if document.issuer:
            yield Spacer(1, 4 * mm)
            yield HRFlowable("100%", 1.2, color=colors.HexColor(page.RED), spaceBefore=0, spaceAfter=2 * page.LEADING)
        elif document.number:
            yield Spacer(1, page.LEADING)

    def _tail(self) -> Iterator[Flowable]:
        document = self.document
        if document.attachments:
            yield Spacer(1, page.LEADING)
            for lead, name in attached(document):
                inset = 2 + page.characters("附件：" if self._chinese else "Attachment: ")
                own = page.characters(lead)
                yield self._paragraph(f"{lead}{name}", "仿宋", left=inset + 1, first=-own if own > 2 else -1)
        date = day(document)
        if document.signature or date:
            sign, dated = page.signature_indents(
                page.characters(document.signature), page.characters(date), document.seal
            )
            lines: list[Flowable] = [Spacer(1, page.LEADING * (3 if document.seal else 1))]
            if document.signature:
                lines.append(self._paragraph(document.signature, "仿宋", align="right", right=sign))
            if date:
                lines.append(self._paragraph(date, "仿宋", align="right", right=dated))
            yield KeepTogether(lines)
        if document.note:
            yield self._paragraph(f"（{document.note}）" if self._chinese else f"({document.note})", "仿宋", first=2)

    def _block(self, number: str, block: object) -> Iterator[Flowable]:
        match block:
            case Heading():
                style = _HEADINGS[min(max(block.level, 1), 4)]
                yield CondPageBreak(3 * page.LEADING)
                yield self._paragraph(f"{number}{block.text}", style, first=2)
            case Text():
                if block.small:
                    yield self._paragraph(block.text, "仿宋", page.SMALL, page.SMALL_LEADING)
                else:
                    yield self._paragraph(block.text, "仿宋", first=2 if block.indent else 0)
            case Items():
                for place, text in enumerate(block.texts):
                    lead = block.marks[place] if place < len(block.marks) else f"{place + 1}."
                    yield self._paragraph(f"{lead}{text}" if self._chinese else f"{lead} {text}", "仿宋", first=2)
            case Facts():
                yield self._facts(block)
            case Grid():
                yield self._grid(block)
            case Figure():
                yield self._figure(block)
            case Break():
                yield PageBreak()

    def _facts(self, block: Facts) -> Flowable:
        widest = max((page.characters(name) for name, _value in block.pairs), default=4.0)
        first = min(page.WIDTH * mm * 0.45, (widest + 2) * page.CHARACTER)
        stop = "：" if self._chinese else ":"
        rows = [[self._paragraph(name + stop, "黑体"), self._paragraph(value, "仿宋")] for name, value in block.pairs]
        looks = [("VALIGN", (0, 0), (-1, -1), "TOP"), *_no_padding()]
        return Table(rows, colWidths=[first, page.WIDTH * mm - first], style=TableStyle(looks))

    def _grid(self, block: Grid) -> Flowable:
        share = block.widths or (1.0,) * len(block.heads)
        widths = [page.WIDTH * mm * part / sum(share) for part in share]
        looks: list[tuple[object, ...]] = [
            ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("LEFTPADDING", (0, 0), (-1, -1), _PAD),
            ("RIGHTPADDING", (0, 0), (-1, -1), _PAD),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ]
        rows: list[list[Flowable]] = [[self._cell(head, "黑体", "centre") for head in block.heads]]
        for number, row in enumerate(block.rows, 1):
            rows.append(
                [
                    self._content(cell, "right" if place in block.right else "left", widths[place])
                    for place, cell in enumerate(row)
                ]
            )
            looks += [
                ("LINEBEFORE", (place, number), (place, number), 3, colors.HexColor(cell.colour))
                for place, cell in enumerate(row)
                if isinstance(cell, Marked)
            ]
        return Table(
            rows,
            colWidths=widths,
            style=TableStyle(looks),
            repeatRows=1,
            splitInRow=1,
            spaceBefore=6,
            spaceAfter=6,
        )

    def _content(self, cell: Cell, align: Align, width: float) -> Flowable:
        if isinstance(cell, Drawing):
            return _Picture(cell, self, min(1.0, (width - 2 * _PAD) / (cell.width * mm)))
        return self._cell(cell.text if isinstance(cell, Marked) else cell, "仿宋", align)

    def _cell(self, text: str, style: Style, align: Align) -> Lines:
        return self._paragraph(text, style, page.SMALL, page.SMALL_LEADING, align=align)

    def _figure(self, block: Figure) -> Flowable:
        scale = min(1.0, page.WIDTH / block.drawing.width)
        parts: list[Flowable] = [_Picture(block.drawing, self, scale, centred=True)]
        if block.caption:
            parts.append(self._paragraph(block.caption, "黑体", page.SMALL, page.SMALL_LEADING, align="centre"))
        return KeepTogether([Spacer(1, 4), *parts, Spacer(1, 4)])

    def _paragraph(
        self,
        text: str,
        style: Style,
        size: float = page.CHARACTER,
        leading: float = page.LEADING,
        *,
        align: Align = "both",
        first: float = 0,
        left: float = 0,
        right: float = 0,
        colour: str = "#000000",
    ) -> Lines:
        """One paragraph; ``first``, ``left`` and ``right`` are indents in characters."""
        face = self.faces[style]
        heavy = size * 0.02 if style == "小标宋" and not face.embedded else 0.0
        look = Look(size, leading, align, first * size, left * size, right * size, colour, heavy)
        return Lines(units(self.runs(text, face), size), look)

    def runs(self, text: str, face: Face) -> list[tuple[str, str]]:
        """``text`` in stretches of one font. What no font has stands as its number."""
        found: list[tuple[str, str]] = []
        for letter in text:
            font, shown = face.of(letter, self._chinese), letter
            if letter in "\n\t\r":
                font, shown = face.latin, " "
            elif not font or unicodedata.category(letter) in ("Cc", "Cs", "Cn", "Co"):
                self.missing.add(letter)
                code = f"U+{ord(letter):04X}"
                font, shown = (face.font, f"〔{code}〕") if face.has("〔") else (face.latin, f"[{code}]")
            if found and found[-1][0] == font:
                found[-1] = (font, found[-1][1] + shown)
            else:
                found.append((font, shown))
        return found


class _Picture(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A drawing, in a line or a cell."""

    def __init__(self, drawing: Drawing, press: _Press, scale: float, *, centred: bool = False) -> None:
        super().__init__()
        self._drawing, self._press, self._scale = drawing, press, scale
        self.width, self.height = drawing.width * mm * scale, drawing.height * mm * scale
        self.hAlign = "CENTER" if centred else "LEFT"

    def draw(self) -> None:
        """Put it where the page says; reportlab counts y upwards."""
        canvas, unit = self.canv, mm * self._scale
        for shape in self._drawing.shapes:
            match shape:
                case Line() | Area():
                    self._outline(shape, unit)
                case Dot():
                    canvas.setFillColor(colors.HexColor(shape.colour))
                    canvas.circle(shape.x * unit, self.height - shape.y * unit, shape.radius * unit, stroke=0, fill=1)
                case Word():
                    self._word(shape, unit)

    def _outline(self, shape: Line | Area, unit: float) -> None:
        canvas = self.canv
        path = canvas.beginPath()
        for place, (x, y) in enumerate(shape.points):
            (path.lineTo if place else path.moveTo)(x * unit, self.height - y * unit)
        if isinstance(shape, Line):
            canvas.setStrokeColor(colors.HexColor(shape.colour))
            canvas.setLineWidth(shape.width * unit)
            canvas.setDash(*((1.5, 1.5) if shape.dashed else ()))
            canvas.drawPath(path, stroke=1, fill=0)
            canvas.setDash()
            return
        path.close()
        canvas.setFillColor(colors.HexColor(shape.fill))
        canvas.setLineWidth(0.4 * unit)
        if shape.colour:
            canvas.setStrokeColor(colors.HexColor(shape.colour))
        canvas.drawPath(path, stroke=int(bool(shape.colour)), fill=1)

    def _word(self, shape: Word, unit: float) -> None:
        canvas, size = self.canv, shape.size * unit
        runs = self._press.runs(shape.text, self._press.faces["黑体"])
        total = sum(canvas.stringWidth(part, font, size) for font, part in runs)
        x = shape.x * unit - {"start": 0.0, "middle": total / 2, "end": total}[shape.anchor]
        canvas.setFillColor(colors.HexColor(shape.colour))
        for font, part in runs:
            canvas.setFont(font, size)
            canvas.drawString(x, self.height - shape.y * unit, part)
            x += canvas.stringWidth(part, font, size)


def _no_padding() -> list[tuple[str, tuple[int, int], tuple[int, int], float]]:
    return [(f"{side}PADDING", (0, 0), (-1, -1), 0.0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]

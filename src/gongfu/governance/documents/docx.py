"""A document as DOCX. No Django.

Faces are named, not embedded: 仿宋, 黑体, 楷体 as Windows and WPS have them; the title asks for 方正小标宋简体 and
says that its stand-in is 宋体. What a face lacks the word processor takes from another one, so nothing is replaced here
but what XML cannot hold.
"""

from __future__ import annotations

import datetime as dt
import io
import unicodedata
import zipfile
from typing import Final

import docx
from docx.document import Document as File
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.enum.text import WD_BREAK, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.shared import Mm, Pt, RGBColor
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from gongfu.governance.documents import page
from gongfu.governance.documents.drawing import Drawing, png
from gongfu.governance.documents.faces import Style
from gongfu.governance.documents.model import (
    Block,
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

_FACES: Final[dict[Style, str]] = {"仿宋": "仿宋", "黑体": "黑体", "楷体": "楷体", "小标宋": "方正小标宋简体"}
_STAND_INS: Final = {"仿宋": "FangSong", "黑体": "SimHei", "楷体": "KaiTi", "方正小标宋简体": "宋体"}
"""w:altName of the font table: what a machine without the face takes."""
_LATIN: Final = "Times New Roman"
_HEADINGS: Final[dict[int, Style]] = {1: "黑体", 2: "楷体", 3: "仿宋", 4: "仿宋"}
_EPOCH: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_FONT_TABLE: Final = "/word/fontTable.xml"


def print_docx(document: Document) -> Printed:
    """The document as Word and WPS open it. ``missing`` holds what XML cannot say, replaced as in a PDF."""
    press = _Press(document)
    press.all()
    buffer = io.BytesIO()
    press.file.save(buffer)
    return Printed(_settled(buffer.getvalue()), tuple(sorted(press.missing)))


class _Press:
    """Sets one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.missing: set[str] = set()
        self.file: File = docx.Document()
        self._chinese = document.language == "zh"
        self._lay_out()

    def _lay_out(self) -> None:
        document, file = self.document, self.file
        section = file.sections[0]
        section.page_width, section.page_height = Mm(page.PAGE[0]), Mm(page.PAGE[1])
        section.top_margin, section.bottom_margin = Mm(page.TOP), Mm(page.BOTTOM)
        section.left_margin, section.right_margin = Mm(page.LEFT), Mm(page.RIGHT)
        section.footer_distance = Mm(page.BOTTOM - page.TO_NUMBER - 5)
        file.settings.odd_and_even_pages_header_footer = True
        self._number(section.footer.paragraphs[0], ALIGN.RIGHT)
        self._number(section.even_page_footer.paragraphs[0], ALIGN.LEFT)
        normal = file.styles["Normal"]
        normal.font.name, normal.font.size = _LATIN, Pt(page.SIZE)
        normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), _FACES["仿宋"])
        _name_stand_ins(file)
        made = document.created or _EPOCH
        about = file.core_properties
        about.title, about.author = self._clean(document.title), self._clean(document.signature or document.issuer)
        about.created = about.modified = made
        about.last_modified_by, about.comments, about.revision = "", "", 1
        about.language = "zh-CN" if self._chinese else "en"

    def all(self) -> None:
        """Everything in its order."""
        document = self.document
        self._head()
        self.paragraph(document.title, "小标宋", page.TITLE, page.TITLE_LEADING, align=ALIGN.CENTER)
        if document.under:
            self.paragraph(document.under, "楷体", align=ALIGN.CENTER)
        self.paragraph("")
        if document.to:
            self.paragraph(document.to + ("：" if self._chinese else ":"))
        for number, block in numbers(document):
            self._block(number, block)
        self._tail()

    def _head(self) -> None:
        document = self.document
        if document.issuer:
            size = min(46.0, page.WIDTH / 25.4 * 72 / max(1.0, page.characters(document.issuer)))
            line = self.paragraph(document.issuer, "小标宋", size, size * 1.3, align=ALIGN.CENTER, colour=page.RED)
            line.paragraph_format.space_before = Mm(35)
            self.paragraph("")
        if document.number or document.issuer:
            line = self.paragraph(document.number, align=ALIGN.CENTER)
            if document.issuer:
                _rule_below(line)
                self.paragraph("")
            self.paragraph("")

    def _tail(self) -> None:
        document = self.document
        if document.attachments:
            self.paragraph("")
            inset = 2 + page.characters("附件：" if self._chinese else "Attachment: ")
            for lead, name in attached(document):
                own = page.characters(lead)
                self.paragraph(f"{lead}{name}", left=inset + 1, first=-own if own > 2 else -1)
        date = day(document)
        if document.signature or date:
            sign, dated = page.signature_indents(
                page.characters(document.signature), page.characters(date), document.seal
            )
            for _line in range(3 if document.seal else 1):
                self.paragraph("", keep=True)
            if document.signature:
                self.paragraph(document.signature, align=ALIGN.RIGHT, right=sign, keep=bool(date))
            if date:
                self.paragraph(date, align=ALIGN.RIGHT, right=dated)
        if document.note:
            self.paragraph(f"（{document.note}）" if self._chinese else f"({document.note})", first=2)

    def _block(self, number: str, block: Block) -> None:
        match block:
            case Heading():
                level = min(max(block.level, 1), 4)
                line = self.paragraph(f"{number}{block.text}", _HEADINGS[level], first=2, keep=True)
                _outline(line, level)
            case Text():
                if block.small:
                    self.paragraph(block.text, "仿宋", page.SMALL, page.SMALL_LEADING)
                else:
                    self.paragraph(block.text, first=2 if block.indent else 0, align=ALIGN.JUSTIFY)
            case Items():
                for place, text in enumerate(block.texts):
                    lead = block.marks[place] if place < len(block.marks) else f"{place + 1}."
                    self.paragraph(f"{lead}{text}" if self._chinese else f"{lead} {text}", first=2)
            case Facts():
                self._facts(block)
            case Grid():
                self._grid(block)
            case Figure():
                self._figure(block)
            case Break():
                self.file.add_paragraph().add_run().add_break(WD_BREAK.PAGE)

    def _facts(self, block: Facts) -> None:
        widest = max((page.characters(name) for name, _value in block.pairs), default=4.0)
        first = min(page.WIDTH * 0.45, (widest + 2) * page.CHARACTER / 72 * 25.4)
        table = self._table(len(block.pairs), (first, page.WIDTH - first))
        stop = "：" if self._chinese else ":"
        for row, (name, value) in zip(table.rows, block.pairs, strict=True):
            self._fill(row.cells[0].paragraphs[0], name + stop, "黑体", page.SIZE, page.LEADING)
            self._fill(row.cells[1].paragraphs[0], value, "仿宋", page.SIZE, page.LEADING)

    def _grid(self, block: Grid) -> None:
        share = block.widths or (1.0,) * len(block.heads)
        widths = tuple(page.WIDTH * part / sum(share) for part in share)
        table = self._table(len(block.rows) + 1, widths)
        table.style = "Table Grid"
        head = table.rows[0]
        head._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
        for cell, text in zip(head.cells, block.heads, strict=True):
            self._fill(cell.paragraphs[0], text, "黑体", page.SMALL, page.SMALL_LEADING, ALIGN.CENTER)
        for row, cells in zip(list(table.rows)[1:], block.rows, strict=True):
            row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
            for place, (target, content) in enumerate(zip(row.cells, cells, strict=True)):
                self._content(target, content, widths[place], right=place in block.right)
        self.paragraph("", "仿宋", page.SMALL, 8)

    def _content(self, cell: _Cell, content: Cell, width: float, *, right: bool) -> None:
        paragraph = cell.paragraphs[0]
        if isinstance(content, Drawing):
            paragraph.add_run().add_picture(io.BytesIO(png(content)), width=Mm(min(content.width, width - 4)))
            return
        if isinstance(content, Marked):
            _bar(cell, content.colour)
            content = content.text
        align = ALIGN.RIGHT if right else ALIGN.LEFT
        self._fill(paragraph, content, "仿宋", page.SMALL, page.SMALL_LEADING, align)

    def _table(self, rows: int, widths: tuple[float, ...]) -> Table:
        table: Table = self.file.add_table(rows, len(widths))
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        table.autofit = False
        for place, width in enumerate(widths):
            table.columns[place].width = Mm(width)
            for cell in table.columns[place].cells:
                cell.width = Mm(width)
        return table

    def _figure(self, block: Figure) -> None:
        line = self.file.add_paragraph()
        line.alignment = ALIGN.CENTER
        line.paragraph_format.keep_with_next = bool(block.caption)
        picture = line.add_run().add_picture(
            io.BytesIO(png(block.drawing)), width=Mm(min(block.drawing.width, page.WIDTH))
        )
        picture._inline.docPr.set("descr", self._clean(block.drawing.says or block.caption))
        if block.caption:
            self.paragraph(block.caption, "黑体", page.SMALL, page.SMALL_LEADING, align=ALIGN.CENTER)

    def paragraph(
        self,
        text: str,
        style: Style = "仿宋",
        size: float = page.SIZE,
        leading: float = page.LEADING,
        *,
        align: ALIGN = ALIGN.LEFT,
        first: float = 0,
        left: float = 0,
        right: float = 0,
        keep: bool = False,
        colour: str = "#000000",
    ) -> Paragraph:
        """One paragraph; ``first``, ``left`` and ``right`` are indents in characters, which stay so in Word."""
        line = self.file.add_paragraph()
        self._fill(line, text, style, size, leading, align, colour)
        line.paragraph_format.keep_with_next = keep
        if first or left or right:
            _indent(line, first, left, right, size)
        return line

    def _fill(
        self,
        line: Paragraph,
        text: str,
        style: Style,
        size: float,
        leading: float,
        align: ALIGN = ALIGN.LEFT,
        colour: str = "#000000",
    ) -> None:
        line.alignment = align
        form = line.paragraph_format
        form.space_before = form.space_after = Pt(0)
        form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(leading)
        if text:
            run = line.add_run(self._clean(text))
            _dress(run, style, size, colour)

    def _clean(self, text: str) -> str:
        shown = []
        for letter in text:
            if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t\r":
                self.missing.add(letter)
                shown.append(f"〔U+{ord(letter):04X}〕")
            else:
                shown.append(" " if letter in "\n\t\r" else letter)
        return "".join(shown)

    def _number(self, line: Paragraph, align: ALIGN) -> None:
        """“— 1 —” in 4号宋体, one character from the edge (§7.5)."""
        line.alignment = align
        _indent(line, 0, *((0, 1) if align == ALIGN.RIGHT else (1, 0)), page.NUMBER)
        _dress(line.add_run("— "), "宋体", page.NUMBER)
        field = line.add_run()
        for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
            part = OxmlElement("w:fldChar" if kind else "w:instrText")
            if kind:
                part.set(qn("w:fldCharType"), kind)
            else:
                part.text = text
            field._r.append(part)
        _dress(field, "宋体", page.NUMBER)
        _dress(line.add_run(" —"), "宋体", page.NUMBER)


def _dress(run: Run, style: str, size: float, colour: str = "#000000") -> None:
    """Faces by name: the East Asian one decides Chinese characters and, hinted so, quotes and dashes."""
    face = _FACES.get(style, style)  # type: ignore[call-overload]
    run.font.size = Pt(size)
    run.font.name = "宋体" if style == "宋体" else _LATIN
    if colour != "#000000":
        run.font.color.rgb = RGBColor.from_string(colour.lstrip("#").upper())
    fonts = run._r.get_or_add_rPr().get_or_add_rFonts()
    fonts.set(qn("w:eastAsia"), face)
    fonts.set(qn("w:hint"), "eastAsia")


def _indent(line: Paragraph, first: float, left: float, right: float, size: float) -> None:
    """In hundredths of a character, and in points for programs that do not read those."""
    form = line.paragraph_format
    form.first_line_indent, form.left_indent, form.right_indent = Pt(first * size), Pt(left * size), Pt(right * size)
    element = line._p.get_or_add_pPr().get_or_add_ind()
    for name, value in (("left", left), ("right", right), ("firstLine" if first >= 0 else "hanging", abs(first))):
        if value:
            element.set(qn(f"w:{name}Chars"), str(round(value * 100)))


def _outline(line: Paragraph, level: int) -> None:
    """A heading for the navigation pane, without Word's blue heading styles."""
    mark = OxmlElement("w:outlineLvl")
    mark.set(qn("w:val"), str(level - 1))
    line._p.get_or_add_pPr().append(mark)


def _rule_below(line: Paragraph) -> None:
    borders = OxmlElement("w:pBdr")
    borders.append(_border("w:bottom", 12, page.RED, 11))
    line._p.get_or_add_pPr().insert_element_before(borders, "w:spacing", "w:ind", "w:jc")  # the schema has an order


def _bar(cell: _Cell, colour: str) -> None:
    borders = OxmlElement("w:tcBorders")
    borders.append(_border("w:left", 24, colour))
    cell._tc.get_or_add_tcPr().append(borders)


def _border(name: str, eighths: int, colour: str, space: int = 0) -> BaseOxmlElement:
    border = OxmlElement(name)
    for key, value in (("val", "single"), ("sz", eighths), ("space", space), ("color", colour.lstrip("#"))):
        border.set(qn(f"w:{key}"), str(value))
    return border


def _name_stand_ins(file: File) -> None:
    """Say in the font table what to take where a face is not there; python-docx keeps that part as bytes."""
    part = next(one.target_part for one in file.part.rels.values() if str(one.target_part.partname) == _FONT_TABLE)
    fonts = "".join(
        f'<w:font w:name="{name}"><w:altName w:val="{other}"/><w:charset w:val="86"/></w:font>'
        for name, other in _STAND_INS.items()
    )
    part._blob = part.blob.replace(b"</w:fonts>", fonts.encode() + b"</w:fonts>")


def _settled(data: bytes) -> bytes:
    """The same package with the times of its parts set to one: what was not changed gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), old.read(name), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()

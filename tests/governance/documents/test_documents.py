"""Documents as a reader of PDF and a word processor see them."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import docx
import pypdfium2
import pytest
import reportlab
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfbase.pdfmetrics import stringWidth

from gongfu.governance.documents import page
from gongfu.governance.documents.docx import print_docx
from gongfu.governance.documents.drawing import Area, Dot, Drawing, Line, Word, png, svg
from gongfu.governance.documents.faces import faces
from gongfu.governance.documents.model import (
    Break,
    Document,
    Facts,
    Figure,
    Grid,
    Heading,
    Items,
    Marked,
    Text,
    chinese,
)
from gongfu.governance.documents.pdf import print_pdf
from gongfu.governance.documents.setting import broken, units
from gongfu.kernel.errors import Unavailable

DRAWING = Drawing(
    60,
    40,
    (
        Area(((10, 10), (50, 10), (30, 35)), "#d6e4f5", "#1f5fa8"),
        Line(((0, 20), (60, 20)), dashed=True),
        Dot(30, 20),
        Word(30, 5, "设备联网率 <72%>", plain="1"),
    ),
    says='雷达图 "1"',
)
LONG = "推动“两化融合”自评估，引导企业（含中小企业）定期开展诊断；设备联网率由45%提升至72.5%，"
LETTER = Document(
    "关于开展2026年度两化融合自评估工作的通知",
    (
        Heading("总体要求"),
        Text(LONG * 12),
        Heading("对象", 2),
        Heading("范围", 2),
        Heading("规模", 3),
        Items(("起步建设", "单项覆盖")),
        Facts((("申报单位", "上海某某机械有限公司"),)),
        Grid(("维度", "得分", "图"), (("基础建设", "61.5", DRAWING), (Marked("单项应用", "#c4322f"), "40.0", ""))),
        Text("注：权重为本平台所定。", small=True),
        Figure(DRAWING, "图1 各维度得分"),
        Break(),
        Heading("其他"),
    ),
    issuer="青浦区科学技术委员会文件",
    number="青科委〔2026〕12号",
    to="各有关单位",
    attachments=("问卷", "说明"),
    signature="青浦区科学技术委员会",
    date=dt.date(2026, 11, 20),
    seal=True,
    note="此件公开发布",
)


def pages(data: bytes) -> list[str]:
    file = pypdfium2.PdfDocument(data)
    return [file[number].get_textpage().get_text_range() for number in range(len(file))]


def test_the_pdf_says_everything_in_the_order_of_the_standard() -> None:
    printed = print_pdf(LETTER)
    found = pages(printed.data)
    whole = "".join(found).replace("\r\n", "")
    parts = [
        "青浦区科学技术委员会文件",
        "青科委〔2026〕12号",
        LETTER.title,
        "各有关单位：",
        "一、总体要求",
        "（一）对象",
    ]
    parts += [
        "（二）范围",
        "1.规模",
        "1.起步建设",
        "申报单位：",
        "61.5",
        "图1 各维度得分",
        "二、其他",
        "附件：1.问卷",
        "2.说明",
    ]
    parts += ["2026年11月20日", "（此件公开发布）"]
    places = [whole.index(part) for part in parts]
    assert places == sorted(places)
    assert [f"— {number} —" in text for number, text in enumerate(found, 1)] == [True] * len(found)
    assert printed.missing == ()


def test_the_pdf_is_a4_with_the_margins_of_the_standard_and_28_characters_a_line() -> None:
    file = pypdfium2.PdfDocument(print_pdf(Document("标题", (Text("测" * 700),))).data)
    assert file[0].get_size() == pytest.approx((595.28, 841.89), abs=0.1)
    text = file[1].get_textpage()
    lines = [line for line in text.get_text_range().split("\r\n") if set(line) == {"测"}]
    assert {len(line) for line in lines[:-1]} == {28}
    boxes = [text.get_charbox(n) for n in range(text.count_chars()) if text.get_text_range(n, 1) == "测"]
    left, right = min(box[0] for box in boxes), max(box[2] for box in boxes)
    assert left >= page.LEFT / 25.4 * 72 - 1
    assert right <= (page.LEFT + page.WIDTH) / 25.4 * 72 + 1
    full = pages(print_pdf(Document("标题", (Text("测" * 1400),))).data)[1].split("\r\n")
    assert sum(set(line) == {"测"} for line in full) == 22


def test_rare_characters_are_shown_by_number_and_reported_not_lost() -> None:
    document = Document("张𬬭的㼆", (Text("含\x07控制符"),))
    printed = print_pdf(document)
    text = pages(printed.data)[0]
    assert printed.missing == ("\x07", "㼆", "𬬭")
    assert all(shown in text for shown in ("张〔U+2CB2D〕的〔U+3F06〕", "〔U+0007〕"))
    word = print_docx(document)
    assert word.missing == ("\x07",)
    assert docx.Document(io.BytesIO(word.data)).paragraphs[0].text == "张𬬭的㼆"


def test_the_docx_names_the_faces_sizes_and_margins() -> None:
    file = docx.Document(io.BytesIO(print_docx(LETTER).data))
    section = file.sections[0]
    assert [round(side.mm) for side in (section.page_width, section.page_height)] == [210, 297]
    assert [round(side.mm) for side in (section.top_margin, section.left_margin, section.right_margin)] == [37, 28, 26]
    found = {line.text: line for line in file.paragraphs}

    def face(text: str) -> tuple[str | None, float]:
        run = found[text].runs[0]
        return run._r.rPr.rFonts.get(qn("w:eastAsia")), run.font.size.pt

    assert face(LETTER.title) == ("方正小标宋简体", 22)
    assert face("一、总体要求") == ("黑体", 16)
    assert face("（一）对象") == ("楷体", 16)
    assert face(LONG * 12) == ("仿宋", 16)
    assert found[LONG * 12].paragraph_format.line_spacing.pt == 28
    assert [[cell.text for cell in row.cells] for row in file.tables[1].rows][2] == ["单项应用", "40.0", ""]
    assert len(file.inline_shapes) == 2
    fonts = next(rel.target_part.blob for rel in file.part.rels.values() if "fontTable" in rel.reltype)
    assert b'<w:altName w:val="FangSong"/>' in fonts
    assert "PAGE" in section.footer._element.xml
    assert "PAGE" in section.even_page_footer._element.xml


def test_the_same_document_gives_the_same_bytes() -> None:
    assert print_pdf(LETTER).data == print_pdf(LETTER).data
    assert print_docx(LETTER).data == print_docx(LETTER).data


@pytest.mark.parametrize(("seal", "sign", "date"), [(True, 10, 8), (True, 20, 8), (False, 10, 8), (False, 4, 8)])
def test_signature_and_date_stay_on_the_line(seal: bool, sign: float, date: float) -> None:
    before, below = page.signature_indents(sign, date, seal)
    assert 0 <= before <= 28 - sign
    assert 0 <= below <= 28 - date
    if seal and sign < date + 4:
        assert before + sign / 2 == below + date / 2


@given(st.text(alphabet=st.sampled_from("测试，。（）“”《》abcXYZ 012%、"), max_size=120))
@settings(max_examples=60, deadline=None)
def test_no_line_begins_with_a_comma_and_nothing_is_lost(text: str) -> None:
    faces()
    size, width = 16.0, 160.0
    lines = broken(units([("FangSong", text)], size), lambda _line: width, size)
    assert "".join(unit.text for line in lines for unit in line).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        assert sum(stringWidth(unit.text, unit.font, size) for unit in line) <= width + 0.01
    if "，，" not in text and "（" not in text:  # else there may be no better place
        assert not any(line[0].text in "，。" for line in lines[1:] if line and len(line) > 1)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_long_cells_and_long_words_find_room(language: str) -> None:
    rows = (("长" * 5000, "x" * 400), ("a", "b"))
    document = Document("T", (Grid(("A", "B"), rows), Text("y" * 300)), language="en" if language == "en" else "zh")
    text = "".join(pages(print_pdf(document).data))
    assert text.count("长") == 5000
    assert text.count("x") == 400
    assert print_docx(document).data


def test_english_documents_are_numbered_and_dated_in_english() -> None:
    blocks = (Heading("Aim"), Heading("Scope", 2), Text("Word " * 60))
    document = Document("Report", blocks, to="All", attachments=("A",), date=dt.date(2026, 1, 2), language="en")
    text = pages(print_pdf(document).data)[0]
    assert all(part in text for part in ("1 Aim", "1.1 Scope", "All:", "Attachment: A", "2026-01-02"))


def test_numbers_in_chinese() -> None:
    assert [chinese(number) for number in (1, 9, 10, 11, 20, 99)] == ["一", "九", "十", "十一", "二十", "九十九"]


def test_a_drawing_is_the_same_on_a_page_and_safe() -> None:
    found = svg(DRAWING)
    assert "&lt;72%&gt;" in found
    assert "aria-label='雷达图 \"1\"'" in found
    assert png(DRAWING)[:4] == b"\x89PNG"


def test_fonts_of_the_folder_are_embedded_and_what_they_lack_is_shown(tmp_path: Path) -> None:
    vera = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"  # Latin letters only
    for name in ("仿宋", "小标宋", "补字"):
        (tmp_path / f"{name}.ttf").write_bytes(vera.read_bytes())
    printed = print_pdf(Document("Ω", (Text("汉 Ł"),)), str(tmp_path))
    assert b"FontFile2" in printed.data
    assert printed.missing == ("汉",)
    text = pages(printed.data)[0]
    assert all(part in text for part in ("Ω", "[U+6C49]", "Ł"))


def test_a_font_file_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "仿宋.ttf").write_bytes(b"no font")
    with pytest.raises(Unavailable, match=r"仿宋\.ttf"):
        print_pdf(Document("x"), str(tmp_path))

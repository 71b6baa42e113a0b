"""The monthly report: a PDF on A4 as offices write it, and a workbook with the same figures."""

from __future__ import annotations

import datetime as dt
import io
from functools import cache
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from gongfu.governance.indicators import rules, services, telling
from gongfu.governance.indicators.drawing import draw
from gongfu.governance.indicators.models import Plan
from gongfu.governance.indicators.rules import Light
from gongfu.governance.indicators.services import Outlook
from gongfu.kernel.pages.xlsx import Cell, to_xlsx

# GB/T 9704—2012 §5.2, §7: A4, 37 mm above and 28 mm left, text 156 × 225 mm; headings in 黑体, text in 仿宋. No font is
# sent along: of Adobe's CID fonts, which every reader of PDF replaces by its own, only Song exists for Chinese.
_TOP, _LEFT, _WIDTH, _DEPTH = 37 * mm, 28 * mm, 156 * mm, 225 * mm
_FACE: Final = "STSong-Light"
_COLOURS: Final = {
    Light.DONE: colors.HexColor("#1a7f5a"),
    Light.GREEN: colors.HexColor("#1a7f5a"),
    Light.YELLOW: colors.HexColor("#b07b00"),
    Light.RED: colors.HexColor("#c4322f"),
    Light.GREY: colors.HexColor("#777777"),
}


class _Trend(Flowable):  # type: ignore[misc]  # reportlab has no types
    """The trend of one row."""

    def __init__(self, found: Outlook) -> None:
        super().__init__()
        self.width, self.height = 25 * mm, 8 * mm
        goal = float(found.goal.least)
        self._drawing = draw(found.points, found.forecast, goal, found.begins, found.deadline, self.width, self.height)

    def draw(self) -> None:
        """Put it where the table says."""
        found, canvas = self._drawing, self.canv
        if found is None:
            return
        canvas.setStrokeColor(colors.HexColor("#999999"))
        canvas.setDash(1.5, 1.5)
        canvas.line(0, self.height - found.goal, self.width, self.height - found.goal)
        canvas.setDash()
        if found.band:
            path = canvas.beginPath()
            for number, (x, y) in enumerate(_pairs(found.band)):
                (path.lineTo if number else path.moveTo)(x, self.height - y)
            path.close()
            canvas.setFillColor(colors.HexColor("#d6e4f5"))
            canvas.drawPath(path, stroke=0, fill=1)
        canvas.setStrokeColor(colors.HexColor("#1f5fa8"))
        points = _pairs(found.line)
        for (x1, y1), (x2, y2) in pairwise(points):
            canvas.line(x1, self.height - y1, x2, self.height - y2)
        canvas.setFillColor(colors.HexColor("#1f5fa8"))
        canvas.circle(found.last_x, self.height - found.last_y, 1.2, stroke=0, fill=1)


def _pairs(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, _comma, y in (pair.partition(",") for pair in text.split())]


@cache
def _styles() -> dict[str, ParagraphStyle]:
    pdfmetrics.registerFont(UnicodeCIDFont(_FACE))
    text = ParagraphStyle("text", fontName=_FACE, fontSize=12, leading=20, wordWrap="CJK", firstLineIndent=24)
    return {
        "title": ParagraphStyle("title", parent=text, fontSize=20, leading=28, alignment=TA_CENTER, firstLineIndent=0),
        "under": ParagraphStyle("under", parent=text, alignment=TA_CENTER, firstLineIndent=0, spaceAfter=6),
        "head": ParagraphStyle("head", parent=text, fontSize=14, leading=24, firstLineIndent=0, spaceBefore=6),
        "text": text,
        "cell": ParagraphStyle("cell", parent=text, fontSize=8.5, leading=11.5, firstLineIndent=0),
        "note": ParagraphStyle("note", parent=text, fontSize=9, leading=13, firstLineIndent=0, spaceBefore=6),
    }


def pdf(plan: Plan, month: dt.date) -> bytes:
    """The report of ``month`` (its first day) on the figures as they stood at its end."""
    day = min(rules.month_end(month), services.today())
    found = services.outlooks(plan, day)
    styles = _styles()
    story: list[Flowable] = [
        Paragraph(_p(_("Progress of task indicators")), styles["title"]),
        Paragraph(_p(telling.month(month)), styles["under"]),
        Paragraph(_p(opening(plan, found, day)), styles["text"]),
        *_attention(found, styles),
        Paragraph(_p(_("Figures of the indicators")), styles["head"]),
        _table(found, styles),
        Paragraph(_p(footnote(plan)), styles["note"]),
        Spacer(1, 8 * mm),
        Paragraph(_p(str(plan.organisation)), ParagraphStyle("sign", parent=styles["text"], alignment=2)),
        Paragraph(_p(_date(day)), ParagraphStyle("date", parent=styles["text"], alignment=2)),
    ]
    buffer = io.BytesIO()
    title = f"{plan.organisation} {telling.month(month)}"
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        title=title,
        author=str(plan.organisation),
        leftMargin=_LEFT,
        rightMargin=A4[0] - _LEFT - _WIDTH,
        topMargin=_TOP,
        bottomMargin=A4[1] - _TOP - _DEPTH,
        invariant=1,
    )
    document.build(story, onFirstPage=_number, onLaterPages=_number)
    return buffer.getvalue()


def _number(canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.setFont(_FACE, 11)
    canvas.drawCentredString(A4[0] / 2, 25 * mm, f"— {document.page} —")


def opening(plan: Plan, found: list[Outlook], day: dt.date) -> str:
    """The first paragraph: how many of how many are reached, on course, at risk."""
    lights = [one.judged.light for one in found]
    return _(
        "By %(day)s, of the %(total)d indicators of %(title)s %(done)d are reached and %(green)d on course; "
        "%(yellow)d need care, %(red)d are at risk or not reached, and of %(grey)d there is no figure."
    ) % {
        "day": _date(day),
        "title": f"《{plan}》" if not _english() else str(plan),
        "total": len(found),
        "done": lights.count(Light.DONE),
        "green": lights.count(Light.GREEN),
        "yellow": lights.count(Light.YELLOW),
        "red": lights.count(Light.RED),
        "grey": lights.count(Light.GREY),
    }


def footnote(plan: Plan) -> str:
    """What a reader has to know about the figures."""
    said = _(
        "Reported figures count once a second person has signed them. The forecast is a range in which the figure lies "
        "with 80 % if the coming months resemble the past ones; it knows nothing of what is planned."
    )
    if plan.years_later:
        said += " " + _("The document's years are moved by %(years)d.") % {"years": plan.years_later}
    return said


def _attention(found: list[Outlook], styles: dict[str, ParagraphStyle]) -> list[Flowable]:
    urgent = [one for one in found if one.judged.light in (Light.RED, Light.YELLOW)]
    if not urgent:
        return []
    said: list[Flowable] = [Paragraph(_p(_("What needs attention")), styles["head"])]
    for one in urgent:
        stop = ": " if _english() else "："
        said.append(Paragraph(_p(f"{one.indicator}{stop}{telling.reason(one)}"), styles["text"]))
    return said


def _table(found: list[Outlook], styles: dict[str, ParagraphStyle]) -> Table:
    heads = [_("No."), _("Task indicator"), _("Goal"), _("Now"), _("Trend"), _("Outlook"), _("State"), _("In charge")]
    cell = styles["cell"]
    rows: list[list[Flowable]] = [[Paragraph(_p(head), cell) for head in heads]]
    looks = [
        ("GRID", (0, 0), (-1, -1), 0.4, colors.black),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ]
    for number, one in enumerate(found, 1):
        rows.append(
            [
                Paragraph(str(one.target.row or number), cell),
                Paragraph(_p(str(one.indicator)), cell),
                Paragraph(_p(f"{telling.goal(one.goal, one.target)} ({one.goal.year})"), cell),
                Paragraph(_p(telling.with_unit(one.value, one.target)), cell),
                _Trend(one),
                Paragraph(_p(telling.outlook(one.forecast, one.target)), cell),
                Paragraph(_p(telling.name_of(one)), cell),
                Paragraph(_p(departments(one)), cell),
            ]
        )
        looks.append(("LINEBEFORE", (6, number), (6, number), 3, _COLOURS[one.judged.light]))
    widths = [9, 35, 20, 16, 28, 18, 14, 16]
    return Table(rows, colWidths=[width * mm for width in widths], style=TableStyle(looks), repeatRows=1)


def departments(found: Outlook) -> str:
    """Who is responsible by the document."""
    return ("、" if not _english() else ", ").join(found.target.departments)


def xlsx(plan: Plan, month: dt.date) -> bytes:
    """The same figures as numbers, one row an indicator. Every text is a text: nothing in it is ever a formula."""
    day = min(rules.month_end(month), services.today())
    heads = [_("No."), _("Task indicator"), _("Words of the document"), _("Clause"), _("Unit"), _("Year"), _("Goal")]
    heads += [_("Now"), _("Date of the figure"), _("Forecast low"), _("Forecast middle"), _("Forecast high")]
    heads += [_("Probability %"), _("State"), _("Reason"), _("In charge"), _("Source")]
    rows: list[list[Cell]] = []
    for number, one in enumerate(services.outlooks(plan, day), 1):
        ahead = one.forecast
        rows.append(
            [
                one.target.row or number,
                str(one.indicator),
                one.target.words,
                one.target.cite,
                telling.unit(one.target),
                one.goal.year,
                telling.goal(one.goal, one.target),
                one.value,
                one.taken.isoformat() if one.taken else "",
                *((round(ahead.low, 1), round(ahead.middle, 1), round(ahead.high, 1)) if ahead else (None,) * 3),
                round(100 * ahead.chance) if ahead else None,
                telling.name_of(one),
                telling.reason(one),
                departments(one),
                telling.source(one.indicator),
            ]
        )
    return to_xlsx(_("Task indicators"), heads, rows)


def _english() -> bool:
    return (get_language() or "").startswith("en")


def _date(day: dt.date) -> str:
    return day.isoformat() if _english() else f"{day.year}年{day.month}月{day.day}日"


def _p(text: str) -> str:
    """Text in which nothing is markup."""
    return escape(text)

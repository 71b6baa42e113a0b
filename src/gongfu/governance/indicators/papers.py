"""The monthly report: PDF and DOCX on A4 as offices write it, and a workbook with the same figures."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gongfu.governance.documents.drawing import Area, Dot, Drawing, Line
from gongfu.governance.documents.model import Block, Cell, Document, Grid, Heading, Items, Marked, Text
from gongfu.governance.documents.services import as_file
from gongfu.governance.indicators import rules, services, telling
from gongfu.governance.indicators.drawing import draw
from gongfu.governance.indicators.models import Plan
from gongfu.governance.indicators.rules import Light
from gongfu.governance.indicators.services import Outlook
from gongfu.kernel.pages.xlsx import Cell as SheetCell
from gongfu.kernel.pages.xlsx import to_xlsx

_TREND: Final = (25.0, 8.0)
"""Millimetres."""
_COLOURS: Final = {
    Light.DONE: "#1a7f5a",
    Light.GREEN: "#1a7f5a",
    Light.YELLOW: "#b07b00",
    Light.RED: "#c4322f",
    Light.GREY: "#777777",
}


def _trend(found: Outlook) -> Drawing | str:
    """The trend of one row: band and line of the forecast's drawing, the goal dashed."""
    goal = float(found.goal.least)
    drawn = draw(found.points, found.forecast, goal, found.begins, found.deadline, _TREND[0], _TREND[1])
    if drawn is None:
        return ""
    width, height = _TREND
    shapes: list[Line | Area | Dot] = [Line(((0, drawn.goal), (width, drawn.goal)), "#999999", 0.2, dashed=True)]
    if drawn.band:
        shapes.append(Area(_pairs(drawn.band), "#d6e4f5"))
    shapes += [Line(_pairs(drawn.line), "#1f5fa8"), Dot(drawn.last_x, drawn.last_y)]
    return Drawing(width, height, tuple(shapes))


def _pairs(text: str) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, _comma, y in (pair.partition(",") for pair in text.split()))


def pdf(plan: Plan, month: dt.date) -> bytes:
    """The report of ``month`` (its first day) on the figures as they stood at its end."""
    return as_file(document(plan, month), "pdf").data


def docx(plan: Plan, month: dt.date) -> bytes:
    """The same as a file to go on writing in."""
    return as_file(document(plan, month), "docx").data


def document(plan: Plan, month: dt.date) -> Document:
    """What the report says."""
    day = min(rules.month_end(month), services.today())
    found = services.outlooks(plan, day)
    return Document(
        _("Progress of task indicators"),
        (
            Text(opening(plan, found, day)),
            *_attention(found),
            Heading(_("Figures of the indicators")),
            _table(found),
            Text(footnote(plan), small=True),
        ),
        under=telling.month(month),
        signature=str(plan.organisation),
        date=day,
        language="en" if _english() else "zh",
    )


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


def _attention(found: list[Outlook]) -> list[Block]:
    urgent = [one for one in found if one.judged.light in (Light.RED, Light.YELLOW)]
    if not urgent:
        return []
    stop = ": " if _english() else "："
    return [
        Heading(_("What needs attention")),
        Items(tuple(f"{one.indicator}{stop}{telling.reason(one)}" for one in urgent)),
    ]


def _table(found: list[Outlook]) -> Grid:
    heads = [_("No."), _("Task indicator"), _("Goal"), _("Now"), _("Trend"), _("Outlook"), _("State"), _("In charge")]
    rows: list[tuple[Cell, ...]] = [
        (
            str(one.target.row or number),
            str(one.indicator),
            f"{telling.goal(one.goal, one.target)} ({one.goal.year})",
            telling.with_unit(one.value, one.target),
            _trend(one),
            telling.outlook(one.forecast, one.target),
            Marked(telling.name_of(one), _COLOURS[one.judged.light]),
            departments(one),
        )
        for number, one in enumerate(found, 1)
    ]
    return Grid(tuple(heads), tuple(rows), (10, 33, 19, 16, 28, 19, 14, 17))


def departments(found: Outlook) -> str:
    """Who is responsible by the document."""
    return ("、" if not _english() else ", ").join(found.target.departments)


def xlsx(plan: Plan, month: dt.date) -> bytes:
    """The same figures as numbers, one row an indicator. Every text is a text: nothing in it is ever a formula."""
    day = min(rules.month_end(month), services.today())
    heads = [_("No."), _("Task indicator"), _("Words of the document"), _("Clause"), _("Unit"), _("Year"), _("Goal")]
    heads += [_("Now"), _("Date of the figure"), _("Forecast low"), _("Forecast middle"), _("Forecast high")]
    heads += [_("Probability %"), _("State"), _("Reason"), _("In charge"), _("Source")]
    rows: list[list[SheetCell]] = []
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

"""Widgets drawn with reportlab: one function a kind, over the same answers that the browser draws. No Django."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth

from gongfu.data.dashboards.pen import (
    ALARM,
    CATEGORY,
    LINE,
    QUIET,
    SERIES,
    STRONG,
    Box,
    Pen,
    figure,
    rule,
    spread,
    times,
)
from gongfu.data.dashboards.rules import Kind, Widget
from gongfu.data.dashboards.shapes import Answer, Described
from gongfu.data.telemetry.services import Point


def widget(pen: Pen, one: Widget, answer: Answer, picture: bytes, box: Box) -> None:
    """Draw ``one`` into ``box`` with its frame and title; what has nothing to show says so."""
    canvas = pen.canvas
    canvas.saveState()
    canvas.setStrokeColor(HexColor(LINE))
    canvas.setLineWidth(0.6)
    canvas.roundRect(box.x, box.y, box.w, box.h, 4, stroke=1, fill=0)
    clip = canvas.beginPath()
    clip.rect(box.x, box.y, box.w, box.h)
    canvas.clipPath(clip, stroke=0, fill=0)
    title = one.title or " · ".join(dict.fromkeys(tag.name for tag in answer.tags))
    if title:
        pen.text(box.x + 6, box.y + box.h - 13, pen.fitted(title, 9, box.w - 12), 9)
    inner = box.inner(6, 6, 6, 19 if title else 6)
    match one.kind:
        case Kind.TREND:
            drawn = _trend(pen, one, answer, inner)
        case Kind.NUMBER:
            drawn = _number(pen, one, answer, inner)
        case Kind.GAUGE:
            drawn = _gauge(pen, one, answer, inner)
        case Kind.STATES:
            drawn = _states(pen, answer, inner)
        case Kind.HEAT:
            drawn = _heat(pen, one, answer, inner)
        case Kind.PARETO:
            drawn = _pareto(pen, one, answer, inner)
        case Kind.TABLE:
            drawn = _table(pen, answer, inner)
        case Kind.IMAGE:
            drawn = _image(pen, answer, picture, inner)
        case Kind.TEXT:
            drawn = _text(pen, one.text, inner)
    if not drawn:
        pen.text(box.x + box.w / 2, box.y + box.h / 2 - 4, pen.words["nothing"], 8.5, QUIET, align="middle")
    canvas.restoreState()


def _trend(pen: Pen, one: Widget, answer: Answer, box: Box) -> bool:
    lines = [[point for point in line if not isinstance(point.value, str)] for line in answer.lines]
    values = [float(point.value) for line in lines for point in line if point.value is not None]
    if not values:
        return False
    limits = _limits(one, answer, min(values), max(values))
    ticks = spread(min([*values, *(value for value, _ in limits)]), max([*values, *(value for value, _ in limits)]))
    many = len(answer.tags) > 1
    unit = next(iter(dict.fromkeys(tag.unit for tag in answer.tags if tag.unit)), "")
    plot = box.inner(34, 14, 8, 20 if many else 16)
    low, high = ticks[0], ticks[-1]

    def across(ms: float) -> float:
        return plot.x + plot.w * (ms - answer.start) / max(answer.end - answer.start, 1)

    def up(value: float) -> float:
        return plot.y + plot.h * (value - low) / (high - low)

    pen.text(plot.x - 4, plot.y + plot.h + 7, unit, 7, QUIET, align="right")
    for tick in ticks:
        rule(pen, plot.x, up(tick), plot.x + plot.w, up(tick), LINE)
        pen.text(plot.x - 4, up(tick) - 2.5, f"{tick:,.10g}"[:9], 7, QUIET, align="right")
    times(pen, answer, plot)
    for value, name in limits:
        rule(pen, plot.x, up(value), plot.x + plot.w, up(value), ALARM, dash=True)
        pen.text(plot.x + 3, up(value) + 2, f"{name} {figure(value)}", 6.5, ALARM)
    for number, line in enumerate(lines):
        colour = SERIES[number % len(SERIES)]
        path = pen.canvas.beginPath()
        down = False
        for point in line:
            if point.value is None:
                down = False
                continue
            (path.lineTo if down else path.moveTo)(across(point.time), up(float(point.value)))
            down = True
        pen.canvas.setStrokeColor(HexColor(colour))
        pen.canvas.setLineWidth(0.9)
        pen.canvas.drawPath(path, stroke=1, fill=0)
    if many:
        _legend(pen, [_label(tag, answer.tags) for tag in answer.tags], plot)
    return True


def _label(tag: Described, tags: Sequence[Described]) -> str:
    several = len({one.device for one in tags}) > 1
    return f"{tag.device_name} {tag.name}" if several else tag.name


def _legend(pen: Pen, names: list[str], plot: Box) -> None:
    x, y = plot.x + 24, plot.y + plot.h + 6
    room = plot.w / len(names)
    for number, name in enumerate(names):
        pen.canvas.setFillColor(HexColor(SERIES[number % len(SERIES)]))
        pen.canvas.rect(x, y + 1.5, 8, 2, stroke=0, fill=1)
        shown = pen.fitted(name, 7, room - 16)
        pen.text(x + 11, y, shown, 7)
        x += min(room, stringWidth(shown, pen.font, 7) + 22)


def _limits(one: Widget, answer: Answer, low: float, high: float) -> list[tuple[float, str]]:
    """Limits of the widget, else of the alarm rules of its one tag; those far from the readings are left out."""
    own = [(value, name) for value, name in ((one.low, "L"), (one.high, "H")) if value is not None]
    found = own or (answer.tags[0].limits if len(answer.tags) == 1 else [])
    span = 1.5 * ((high - low) or abs(high) or 1.0)
    return [(value, name) for value, name in found if low - span <= value <= high + span]


def _number(pen: Pen, one: Widget, answer: Answer, box: Box) -> bool:
    if answer.now is None or not answer.tags:
        return False
    tag = answer.tags[0]
    size = min(30.0, box.h * 0.5)
    decimals = one.decimals if one.decimals is not None else tag.decimals
    content = figure(answer.now, decimals)
    y = box.y + box.h * 0.42
    pen.text(box.x + 2, y, content, size)
    pen.text(box.x + 6 + stringWidth(content, pen.font, size), y, tag.unit, size * 0.45, QUIET)
    if answer.before is not None and box.h > 30:
        change = ""
        if answer.before:
            change = f"{(answer.now - answer.before) / abs(answer.before):+.1%}   "
        pen.text(
            box.x + 2,
            y - size * 0.45 - 4,
            change + pen.words["before"].replace("{value}", figure(answer.before, decimals)),
            8,
            QUIET,
        )
    return True


def _gauge(pen: Pen, one: Widget, answer: Answer, box: Box) -> bool:
    value = _value(answer.last[0]) if answer.last else None
    if value is None or not answer.tags:
        return False
    tag = answer.tags[0]
    low, high = ends(one, tag, value)
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    radius = min(box.w / 2 - 6, box.h * 0.62)
    x, y = box.x + box.w / 2, box.y + box.h * 0.28
    pen.canvas.setLineWidth(radius * 0.16)
    for colour, extent in ((LINE, 180.0), (SERIES[0], 180.0 * share)):
        if extent > 0.1:
            pen.canvas.setStrokeColor(HexColor(colour))
            pen.canvas.arc(x - radius, y - radius, x + radius, y + radius, 180, -extent)
    pen.text(
        x,
        y + 2,
        figure(value, one.decimals if one.decimals is not None else tag.decimals),
        radius * 0.36,
        align="middle",
    )
    pen.text(x, y - radius * 0.24, tag.unit, radius * 0.2, QUIET, align="middle")
    pen.text(x - radius, y - 12, figure(low), 7, QUIET, align="middle")
    pen.text(x + radius, y - 12, figure(high), 7, QUIET, align="middle")
    return True


def ends(one: Widget, tag: Described, value: float) -> tuple[float, float]:
    """Ends of a gauge: as chosen, else the range of the sensor, else round numbers about the value."""
    low = one.low if one.low is not None else tag.low
    high = one.high if one.high is not None else tag.high
    if low is None:
        low = min(0.0, spread(value, value)[0])
    if high is None or high <= low:
        high = spread(low, max(value * 1.25, low + 1))[-1]
    return low, high


def _value(point: Point | None) -> float | None:
    return float(point.value) if point is not None and isinstance(point.value, int | float) else None


def _states(pen: Pen, answer: Answer, box: Box) -> bool:
    if not any(answer.spans):
        return False
    several = len(answer.tags) > 1
    plot = box.inner(90 if several else 0, 14, 0, 14)
    row = plot.h / len(answer.tags)
    used: dict[str, str] = {}
    for number, (tag, spans) in enumerate(zip(answer.tags, answer.spans, strict=True)):
        top = plot.y + plot.h - row * (number + 1)
        height = min(row * 0.72, 26.0)
        if several:
            pen.text(box.x, top + row / 2 - 3, pen.fitted(_label(tag, answer.tags), 7.5, 84), 7.5)
        names = {state.code: state for state in tag.states}
        for span in spans:
            known = names.get(span.state)
            name = known.label if known else span.state
            colour = used.setdefault(name, _colour(known.category if known else "", len(used)))
            left, right = (
                plot.x + plot.w * (min(max(at, answer.start), answer.end) - answer.start) / (answer.end - answer.start)
                for at in (span.begin, span.end)
            )
            pen.canvas.setFillColor(HexColor(colour))
            pen.canvas.rect(left, top + (row - height) / 2, max(right - left, 0.3), height, stroke=0, fill=1)
    x = plot.x
    for name, colour in list(used.items())[:8]:
        pen.canvas.setFillColor(HexColor(colour))
        pen.canvas.rect(x, plot.y + plot.h + 5, 7, 7, stroke=0, fill=1)
        pen.text(x + 10, plot.y + plot.h + 5.5, name, 7)
        x += stringWidth(name, pen.font, 7) + 22
    times(pen, answer, plot)
    return True


def _colour(category: str, number: int) -> str:
    return CATEGORY.get(category, SERIES[number % len(SERIES)])


def _heat(pen: Pen, one: Widget, answer: Answer, box: Box) -> bool:
    if not answer.cells:
        return False
    plot = box.inner(30, 12, 4, 8)
    values = [value for _hour, _day, value in answer.cells]
    low, high = min(values), max(values)
    wide, tall = plot.w / 24, plot.h / max(len(answer.days), 1)
    for hour, day, value in answer.cells:
        share = (value - low) / (high - low) if high > low else 0.5
        pen.canvas.setFillColor(_shade(share))
        y = plot.y + plot.h - (day + 1) * tall
        pen.canvas.rect(plot.x + hour * wide, y, wide - 0.4, tall - 0.4, stroke=0, fill=1)
    step = max(1, math.ceil(len(answer.days) * 8 / plot.h))
    for number, name in enumerate(answer.days):
        if number % step == 0:
            pen.text(plot.x - 4, plot.y + plot.h - (number + 0.5) * tall - 2.5, name, 6.5, QUIET, align="right")
    for hour in range(0, 24, 3):
        pen.text(plot.x + hour * wide, plot.y - 8, f"{hour:02}", 6.5, QUIET)
    unit = answer.tags[0].unit if answer.tags else ""
    told = f"{figure(low, one.decimals)} – {figure(high, one.decimals)} {unit}"
    pen.text(plot.x + plot.w, plot.y + plot.h + 2, told, 6.5, QUIET, align="right")
    return True


def _shade(share: float) -> Color:
    light, dark = (0.91, 0.94, 0.97), (0.0, 0.345, 0.58)
    red, green, blue = (a + (b - a) * share for a, b in zip(light, dark, strict=True))
    return Color(red, green, blue)


def _pareto(pen: Pen, one: Widget, answer: Answer, box: Box) -> bool:
    bars = [bar for bar in answer.bars if bar.value > 0]
    if not bars:
        return False
    total = sum(bar.value for bar in bars)
    plot = box.inner(min(110, box.w * 0.4), 0, 64, 4)
    row = min(plot.h / len(bars), 20)
    added = 0.0
    for number, bar in enumerate(bars):
        y = plot.y + plot.h - row * (number + 1)
        colour = _colour(bar.colour, number) if one.of == "states" else SERIES[0]
        wide = plot.w * bar.value / bars[0].value
        pen.canvas.setFillColor(HexColor(colour))
        pen.canvas.rect(plot.x, y + row * 0.18, max(wide, 0.5), row * 0.64, stroke=0, fill=1)
        pen.text(plot.x - 4, y + row / 2 - 2.5, pen.fitted(bar.name, 7.5, plot.x - box.x - 6), 7.5, align="right")
        added += bar.value
        value = pen.words["hours"].replace("{n}", figure(bar.value)) if one.of == "states" else f"{bar.value:,.0f}"
        pen.text(box.x + box.w - 28, y + row / 2 - 2.5, value, 7.5, align="right")
        pen.text(box.x + box.w, y + row / 2 - 2.5, f"{added / total:.0%}", 7, QUIET, align="right")
    return True


def _table(pen: Pen, answer: Answer, box: Box) -> bool:
    if not answer.tags:
        return False
    row = 12.0
    y = box.y + box.h - 9
    for x, word, align in (
        (box.x, "tag", "left"),
        (box.x + box.w * 0.7, "value", "right"),
        (box.x + box.w, "time", "right"),
    ):
        pen.text(x, y, pen.words[word], 7, QUIET, align=align)
    for tag, point in zip(answer.tags, answer.last, strict=True):
        y -= row
        if y < box.y:
            break
        rule(pen, box.x, y + row - 3.5, box.x + box.w, y + row - 3.5, LINE)
        pen.text(box.x, y, pen.fitted(f"{tag.device_name} · {tag.name}", 8, box.w * 0.5), 8)
        pen.text(box.x + box.w * 0.7, y, pen.fitted(shown(tag, point), 8, box.w * 0.28), 8, align="right")
        if point is not None:
            pen.text(box.x + box.w, y, pen.moment(point.time, "%m-%d %H:%M:%S"), 7, QUIET, align="right")
    return True


def shown(tag: Described, point: Point | None) -> str:
    """A last value with its unit, a coded state by its name."""
    if point is None or point.value is None:
        return "–"
    if isinstance(point.value, str):
        return point.value
    name = next((state.label for state in tag.states if state.code == f"{point.value:g}"), "")
    return name or f"{figure(float(point.value), tag.decimals)} {tag.unit}"


def _image(pen: Pen, answer: Answer, picture: bytes, box: Box) -> bool:
    area = box
    if picture:
        try:
            reader = ImageReader(io.BytesIO(picture))
            wide, tall = reader.getSize()
        except Exception:  # whatever the picture library says of a damaged file: the values still stand there
            wide, tall, reader = 0, 0, None
        if reader is not None and wide and tall:
            scale = min(box.w / wide, box.h / tall)
            area = Box(
                box.x + (box.w - wide * scale) / 2, box.y + (box.h - tall * scale) / 2, wide * scale, tall * scale
            )
            pen.canvas.drawImage(reader, area.x, area.y, area.w, area.h, mask="auto")
    for tag, point in zip(answer.tags, answer.last, strict=True):
        content = f"{tag.name} {shown(tag, point)}"
        wide = stringWidth(content, pen.font, 7) + 6
        x, y = area.x + area.w * tag.x, area.y + area.h * (1 - tag.y)
        pen.canvas.setFillColor(HexColor("#ffffff"))
        pen.canvas.setStrokeColor(HexColor(STRONG))
        pen.canvas.roundRect(x - wide / 2, y - 6, wide, 12, 2, stroke=1, fill=1)
        pen.text(x, y - 2.5, content, 7, align="middle")
    return bool(picture or answer.tags)


def _text(pen: Pen, content: str, box: Box) -> bool:
    y = box.y + box.h - 9
    for paragraph in content.splitlines():
        line = ""
        for letter in paragraph + "\n":
            if letter == "\n" or stringWidth(line + letter, pen.font, 9) > box.w:
                if y < box.y:
                    return True
                pen.text(box.x, y, line, 9)
                y -= 13
                line = "" if letter == "\n" else letter
            else:
                line += letter
    return True

"""A report on paper: every kind of widget says its figures, pages break between widgets, Chinese is Chinese."""

from __future__ import annotations

import io

import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.data.dashboards import pdf, pen
from gongfu.data.dashboards.pdf import ROWS, Page, Part
from gongfu.data.dashboards.rules import Kind, Source, Widget
from gongfu.data.dashboards.shapes import Answer, Bar, Described, Span, State
from gongfu.data.telemetry.services import Point

SOME = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
START = 1_763_596_800_000  # 2025-11-20 00:00 UTC
END = START + 86_400_000
WORDS = {
    "nothing": "这段时间没有读数", "before": "此前 {value}", "tag": "测点", "value": "数值", "time": "时间",
    "hours": "{n} 小时",
}  # fmt: skip
STATES = [State("0", "停机", "off"), State("1", "运行", "running")]


def tag(**changed: object) -> Described:
    known: dict[str, object] = {
        "tag": 1, "org": 1, "device": 1, "name": "功率", "device_name": "一号压机", "unit": "kW", "decimals": 1,
        "kind": "number", "low": 0.0, "high": 50.0, "interval": 1.0, "states": [], "limits": [(40.0, "H")],
        "x": 0.5, "y": 0.5,
    }  # fmt: skip
    return Described(**(known | changed))  # type: ignore[arg-type]


def part(kind: Kind, y: int, answer: Answer, **more: object) -> Part:
    return Part(Widget(f"w{y}", kind, 0, y, 6, 4, "", [Source(tag=1)], **more), answer)  # type: ignore[arg-type]


def everything() -> list[Part]:
    line = [Point(START + 600_000 * number, 30 + number % 9, 0) for number in range(144)]
    line[50] = Point(line[50].time, None, 2)
    last: list[Point | None] = [Point(END - 1000, 31.5, 0)]
    state = tag(kind="state", name="状态", states=STATES)
    spans = [[Span(START, START + 3_600_000, "0"), Span(START + 3_600_000, END, "1")]]
    return [
        part(Kind.TREND, 0, Answer([tag()], 0, START, END, lines=[line])),
        part(Kind.NUMBER, 4, Answer([tag()], 0, START, END, now=1234.5, before=1000.0), measure="change", decimals=1),
        part(Kind.GAUGE, 8, Answer([tag()], 0, START, END, last=last)),
        part(Kind.STATES, 12, Answer([state], 0, START, END, spans=spans)),
        part(Kind.HEAT, 16, Answer([tag()], 0, START, END, days=["11-20"], cells=[(h, 0, h * 1.5) for h in range(24)])),
        part(Kind.PARETO, 20, Answer([state], 0, START, END, bars=[Bar("运行", 23.0, "running")]), of="states"),
        part(Kind.TABLE, 24, Answer([tag()], 0, START, END, last=last)),
        part(Kind.IMAGE, 28, Answer([tag()], 0, START, END, last=last)),
        part(Kind.TEXT, 32, Answer([], 0, START, END), text="班长：李工\n电话 5973"),
        part(Kind.TREND, 36, Answer([tag()], 0, START, END, lines=[[]])),
    ]


def written(parts: list[Part]) -> list[str]:
    file = io.BytesIO()
    pdf.write(file, Page("车间日报", "青浦精密", "local", parts, "Asia/Shanghai", WORDS))
    document = pypdfium2.PdfDocument(file.getvalue())
    return [page.get_textpage().get_text_bounded() for page in document]


def test_every_kind_says_its_figures() -> None:
    pages = written(everything())
    text = "\n".join(pages)
    for expected in (
        "车间日报",
        "H 40.00",
        "1,234.5",
        "+23.4%",
        "此前 1,000.0",
        "31.50",
        "停机",
        "34.50 kW",
        "23.00 小时",
    ):
        assert expected in text, expected
    for expected in ("100%", "一号压机 · 功率", "31.5 kW", "班长：李工", "电话 5973", "这段时间没有读数", "11-21"):
        assert expected in text, expected
    assert f"1 / {len(pages)}" in pages[0]


@SOME
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=12))
def test_no_widget_is_cut_by_the_end_of_a_page(boxes: list[tuple[int, int]]) -> None:
    parts = [
        Part(Widget(f"w{place}", Kind.TEXT, 0, y, 12, h), Answer([], 0, START, END))
        for place, (y, h) in enumerate(boxes)
    ]
    for _page, row, one in pdf.arranged(parts):
        assert row + min(one.widget.h, ROWS) <= ROWS


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_no_number_is_a_dash(value: float | None) -> None:
    assert pen.figure(value) == "–"


@SOME
@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_any_two_readings_have_a_scale(low: float, high: float) -> None:
    ticks = pen.spread(min(low, high), max(low, high))
    assert ticks[0] < ticks[-1]
    assert 2 <= len(ticks) <= 12


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 7.9), (1000, 1000), (0.001, 0.0012), (-5, -5)])
def test_a_scale_holds_its_values(low: float, high: float) -> None:
    ticks = pen.spread(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high


def test_a_damaged_picture_does_not_stop_the_report() -> None:
    answer = Answer([tag()], 0, START, END, last=[None])
    broken = Part(Widget("p", Kind.IMAGE, 0, 0, 6, 4, "", [Source(tag=1)]), answer, b"\x89PNG\r\n\x1a\nnothing")
    assert "功率 –" in written([broken])[0]

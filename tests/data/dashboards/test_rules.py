"""A dashboard's document: whatever is sent becomes a dashboard whose widgets lie side by side, or a clear refusal."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.data.dashboards import rules
from gongfu.data.dashboards.rules import COLUMNS, Document, Kind, Widget
from gongfu.kernel.errors import Invalid

SOME = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WIDGET = st.fixed_dictionaries(
    {"id": st.text("abc123", min_size=1, max_size=3), "kind": st.sampled_from([kind.value for kind in Kind])}
    | {name: st.integers(-1, 14) for name in "xywh"},
    optional={"title": st.text(max_size=90), "sources": JSON, "low": JSON, "measure": st.text(max_size=5), "no": JSON},
)


def one(**changed: Any) -> dict[str, Any]:
    return {"id": "a", "kind": "trend", "x": 0, "y": 0, "w": 6, "h": 4} | changed


def lying_over(widgets: list[Widget]) -> list[tuple[str, str]]:
    return [
        (a.id, b.id)
        for place, a in enumerate(widgets)
        for b in widgets[place + 1 :]
        if a.x < b.x + b.w and b.x < a.x + a.w and a.y < b.y + b.h and b.y < a.y + a.h
    ]


@SOME
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_is_a_dashboard_or_refused(data: bytes) -> None:
    with contextlib.suppress(Invalid):
        assert isinstance(rules.parse(data), Document)


@SOME
@given(st.lists(WIDGET, max_size=8))
def test_widgets_that_are_taken_lie_side_by_side(widgets: list[dict[str, Any]]) -> None:
    try:
        found = rules.parse(json.dumps({"widgets": widgets}))
    except Invalid:
        return
    assert lying_over(found.widgets) == []
    assert all(widget.x + widget.w <= COLUMNS for widget in found.widgets)
    assert rules.parse(rules.packed(found)) == found


@SOME
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(1, 6), st.integers(1, 9)), max_size=30))
def test_nothing_covers_anything_however_they_are_put(boxes: list[tuple[int, int, int, int]]) -> None:
    widgets = [Widget(f"w{place}", Kind.TEXT, *box) for place, box in enumerate(boxes)]
    assert lying_over(rules.settled(widgets)) == []


@pytest.mark.parametrize(
    "sent",
    [
        "[" * 100_000,
        '{"widgets":' * 50_000,
        json.dumps({"widgets": [one(id=f"w{number}") for number in range(61)]}),
        json.dumps({"widgets": [one(), one()]}),
        json.dumps({"widgets": [one(x=7)]}),
        json.dumps({"widgets": [one(sources=[{"tag": 1}] * 8)]}),
        json.dumps({"widgets": [one(sources=[{"tag": 1, "key": "flow"}])]}),
        json.dumps({"widgets": [one(sources=[{}])]}),
        json.dumps({"widgets": [one(sources=[{"tag": 2**32}])]}),
        json.dumps({"widgets": [one(id="a/../b")]}),
        json.dumps({"widgets": [one(id="a\n")]}),
        json.dumps({"widgets": [one(kind="script")]}),
        json.dumps({"widgets": [one(onclick="alert(1)")]}),
        json.dumps({"widgets": [one(y=10**9)]}),
        '{"widgets":[{"id":"a","kind":"gauge","x":0,"y":0,"w":1,"h":1,"low":1e999}]}',
        '{"widgets":[{"id":"a","kind":"gauge","x":0,"y":0,"w":1,"h":1,"low":NaN}]}',
        json.dumps({"variables": {"range": "100y"}}),
        " " * 300_000,
        "",
        "\ud800",
    ],
)
def test_what_is_hostile_is_refused(sent: str) -> None:
    with pytest.raises(Invalid):
        rules.parse(sent)


def test_many_on_one_place_do_not_reach_beyond_the_end() -> None:
    widgets = [Widget(f"w{number}", Kind.TEXT, 0, rules.LOWEST, 12, 30) for number in range(3)]
    with pytest.raises(Invalid):
        rules.checked(Document(widgets))


def test_a_day_is_a_day_of_the_node() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    now = dt.datetime(2026, 11, 21, 17, 30, tzinfo=dt.UTC)  # 01:30 of the 22nd in Shanghai
    midnight = dt.datetime(2026, 11, 21, 16, tzinfo=dt.UTC)
    assert rules.period("today", now, zone) == (midnight, now)
    assert rules.period("yesterday", now, zone) == (midnight - dt.timedelta(days=1), midnight)
    assert rules.period("8h", now, zone) == (now - dt.timedelta(hours=8), now)
    assert msgspec.json.decode(rules.packed(Document())) == {}

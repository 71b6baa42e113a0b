"""What a widget is given to show. Pure: the browser and the report draw the same."""

from __future__ import annotations

import msgspec

from gongfu.data.telemetry.services import Point


class State(msgspec.Struct, frozen=True):
    """A coded state: number, name, and what it means across all models."""

    code: str
    label: str
    category: str


class Described(msgspec.Struct, frozen=True):
    """A tag as a widget shows it."""

    tag: int
    org: int
    device: int
    name: str
    device_name: str
    unit: str
    decimals: int
    kind: str
    low: float | None
    high: float | None
    """Range of the sensor."""
    interval: float
    states: list[State]
    limits: list[tuple[float, str]]
    """Of the alarm rules: value and H, HH, L, LL."""
    x: float
    y: float


class Bar(msgspec.Struct, frozen=True):
    """One bar of a Pareto chart; ``colour`` is a category of states, empty for alarms."""

    name: str
    value: float
    colour: str = ""


class Span(msgspec.Struct, frozen=True, array_like=True):
    """From and to in milliseconds, and the state in between."""

    begin: int
    end: int
    state: str


class Answer(msgspec.Struct, frozen=True):
    """Everything a widget of its kind needs; what others need stays empty."""

    tags: list[Described]
    missing: int
    """Tags that are gone, or not for this reader."""
    start: int
    end: int
    """Milliseconds since 1970 UTC."""
    lines: list[list[Point]] = []
    """Of a trend, one list for each tag."""
    spans: list[list[Span]] = []
    last: list[Point | None] = []
    now: float | None = None
    before: float | None = None
    """A big number, and the same of the time before."""
    days: list[str] = []
    cells: list[tuple[int, int, float]] = []
    """Of a heat map: hour, place of the day in ``days``, value."""
    bars: list[Bar] = []

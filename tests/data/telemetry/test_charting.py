"""What a chart draws of roll-ups, against the same reckoned row by row."""

from __future__ import annotations

import math
from collections import defaultdict

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gongfu.data.telemetry import charting

STEP = 60
LOW = 1_700_000_000_000_000
ROW = st.tuples(
    st.integers(0, 3),
    st.integers(-5, 5).map(float),
    st.integers(0, 3),
    st.integers(0, 2),
)


@given(st.dictionaries(st.integers(0, 300), ROW, min_size=1), st.integers(1, 12).map(lambda n: n * 47_000_000))
def test_of_each_bucket_least_and_greatest_are_drawn_where_they_were(
    found: dict[int, tuple[int, float, int, int]], width: int
) -> None:
    rows = [
        (LOW // 1_000_000 + minute * STEP, good, least if good else math.nan, least + more if good else math.nan, worst)
        for minute, (good, least, more, worst) in sorted(found.items())
    ]
    names = ("at", "good", "least", "greatest", "worst")
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    drawn = charting._extremes(charting._buckets(table, LOW, width, STEP))
    points = list(zip(*(drawn.column(name).to_pylist() for name in "txq"), strict=True))
    assert [one[0] for one in points] == sorted(one[0] for one in points)
    buckets = defaultdict(list)
    for row in rows:
        buckets[(row[0] * 1_000_000 - LOW) // width].append(row)
    told = defaultdict(list)
    for time, value, quality in points:
        told[(time - STEP * 500_000 - LOW) // width].append((time, value, quality))
    assert told.keys() == buckets.keys()
    for key, some in buckets.items():
        known = [row for row in some if row[1]]
        if not known:
            ((time, value, quality),) = told[key]
            assert (time, quality) == (some[0][0] * 1_000_000 + STEP * 500_000, max(row[4] for row in some))
            assert math.isnan(value)
            continue
        least, greatest = min(row[2] for row in known), max(row[3] for row in known)
        assert {value for _time, value, _quality in told[key]} == {least, greatest}
        where = {(row[0] * 1_000_000 + STEP * 500_000, value, row[4]) for row in known for value in row[2:4]}
        assert where >= set(told[key])
